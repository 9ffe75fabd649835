import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { isAnyoneWaiting } from "../../scripts/processes/tcp.ts";

const root = path.resolve(import.meta.dirname, "../..");
const SERVER = `
  const server = require("node:net").createServer((socket) => socket.on("data", () => socket.write("read")));
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;

const left: (() => void)[] = [];
afterEach(() => left.splice(0).forEach((end) => end()));

/** A server of its own process, which can be stopped in the middle. */
async function serve() {
  const child = spawn(path.join(root, "ops/_bun"), ["-e", SERVER], { stdio: ["ignore", "pipe", "inherit"] });
  left.push(() => child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { port: Number(line.toString()), tell: (signal: NodeJS.Signals) => child.kill(signal) };
}

async function visit(port: number): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  left.push(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

test.skipIf(process.platform !== "linux")(
  "who is not accepted waits, and who is not read; who has said nothing does not (needs Linux)",
  async () => {
    const { port, tell } = await serve();
    expect(isAnyoneWaiting(port)).toBe(false);
    const first = await visit(port);
    first.write("x");
    await once(first, "data");
    expect(isAnyoneWaiting(port)).toBe(false);

    tell("SIGSTOP");
    const second = await visit(port);
    await expect.poll(() => isAnyoneWaiting(port)).toBe(true);
    tell("SIGCONT");
    await expect.poll(() => isAnyoneWaiting(port)).toBe(false);

    tell("SIGSTOP");
    second.write("x");
    await expect.poll(() => isAnyoneWaiting(port)).toBe(true);
    tell("SIGCONT");
    await once(second, "data");
    expect(isAnyoneWaiting(port)).toBe(false);
  },
);
