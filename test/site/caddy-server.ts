import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { onTestFinished } from "vitest";
import type { RenderedFile } from "../../scripts/render/file.ts";
import { caddyEnv } from "../../scripts/site/caddy-check.ts";
import { makeFolder } from "./nginx-server.ts";

export const hasCaddy = spawnSync("caddy", ["version"]).status === 0;

const OPTIONS = "{\n\tadmin off\n\tauto_https off\n}\n";

/** A real Caddy with nothing but these sites, until the end of the test; it answers on `port` when this returns. */
export async function startCaddy(files: RenderedFile[], port: number): Promise<void> {
  const folder = makeFolder();
  for (const { place, content } of files) fs.writeFileSync(path.join(folder, path.basename(place)), content);
  const around = path.join(folder, "Caddyfile");
  fs.writeFileSync(around, `${OPTIONS}import *.caddy\n`);
  const child = spawn("caddy", ["run", "--adapter", "caddyfile", "--config", around], {
    env: caddyEnv(folder),
    cwd: folder,
  });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
  while (!(await isOpen(port))) {
    if (child.exitCode !== null) throw new Error(output);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });

/** What Caddy says of a Caddyfile. @throws Error with what it says against it */
function said(content: string, words: (file: string) => string[]): string {
  const folder = makeFolder();
  const file = path.join(folder, "Caddyfile");
  fs.writeFileSync(file, content);
  const { status, stdout, stderr } = spawnSync("caddy", words(file), { encoding: "utf8", env: caddyEnv(folder) });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** What `caddy adapt` makes of a Caddyfile. */
export const adapted = (content: string): unknown =>
  JSON.parse(said(content, (file) => ["adapt", "--adapter", "caddyfile", "--config", file]));

/** A Caddyfile as `caddy fmt` writes it. */
export const formatted = (content: string) => said(content, (file) => ["fmt", file]);
