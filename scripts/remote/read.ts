import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import type { Paths } from "../core/paths.ts";
import { EXIT } from "../core/errors.ts";
import { commandWords, environmentOf } from "./command-there.ts";
import { type Controls, send } from "./controls.ts";
import { frame } from "./frames.ts";
import type { Header } from "./header.ts";
import { sentManifest, sentPath } from "./sent.ts";
import { isReadable } from "../core/access.ts";

/** Milliseconds that a command has to end by itself when nobody listens any more. */
const GRACE = 5000;

/** Runs a command that only looks: nothing is kept, and it ends with the connection. */
export async function readThere(paths: Paths, header: Header, controls: Controls): Promise<number> {
  const { name, text } = sentManifest(header);
  const sent = path.join(sentPath(paths), name);
  // The tree may be another account's, and this one may only look.
  const folder = isReadable(sent) ? undefined : fs.mkdtempSync(path.join(os.tmpdir(), "switchback-sent-"));
  try {
    const manifest = folder === undefined ? sent : path.join(folder, name);
    if (folder !== undefined) fs.writeFileSync(manifest, text, { mode: 0o600 });
    const code = await run(header, manifest, controls);
    if (code !== undefined) await send(frame("end", String(code)));
    return EXIT.done;
  } finally {
    if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Undefined: nobody listens any more. */
async function run(header: Header, manifest: string, controls: Controls): Promise<number | undefined> {
  const [program = "", ...words] = commandWords(header, manifest);
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"], env: environmentOf(header) });
  const closed = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? 128 + (signal ? os.constants.signals[signal] : 0)));
  });
  pass(child.stdout, "out");
  pass(child.stderr, "err");
  const end: { code?: number } = {};
  const ended = closed.then((code) => {
    end.code = code;
    controls.wake();
  });
  let isStopped = false;
  while (end.code === undefined && !controls.isGone) {
    if (controls.isStopping && !isStopped) isStopped = child.kill("SIGINT");
    await controls.wait(1000);
  }
  if (end.code !== undefined) return end.code;
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), GRACE);
  await ended;
  clearTimeout(late);
  return undefined;
}

/** Passes a stream on, no faster than it is read. */
function pass(stream: Readable, kind: "out" | "err"): void {
  stream.on("data", (chunk: Buffer) => {
    stream.pause();
    void send(frame(kind, chunk)).then(() => stream.resume());
  });
}
