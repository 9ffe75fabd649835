import fs from "node:fs";
import { type Controls, send } from "./controls.ts";
import { frame } from "./frames.ts";
import type { KeptCall } from "./kept-call.ts";

const EVERY = 25;
const CHUNK = 256 * 1024;

/** Passes on what is in a file from a place on. */
class Tail {
  private readonly fd: number;
  private readonly buffer = Buffer.alloc(CHUNK);
  private readonly kind: "out" | "err";
  private offset: number;

  constructor(call: KeptCall, kind: "out" | "err", offset: number) {
    this.fd = fs.openSync(call.at(kind), "r");
    this.kind = kind;
    this.offset = offset;
  }

  /** Whether there was anything. */
  async drain(isGone: () => boolean): Promise<boolean> {
    let isMoved = false;
    while (!isGone()) {
      const read = fs.readSync(this.fd, this.buffer, 0, CHUNK, this.offset);
      if (read === 0) break;
      this.offset += read;
      isMoved = true;
      await send(frame(this.kind, Buffer.from(this.buffer.subarray(0, read))));
    }
    return isMoved;
  }

  close(): void {
    fs.closeSync(this.fd);
  }
}

export interface Following {
  offsets: { out: number; err: number };
  /** Tries once more to begin what was not begun within so many milliseconds. */
  again: { afterMs: number; begin: () => void };
}

/**
 * Follows a call until it has ended and all of it is passed on, and answers with its exit code; undefined: who listened is gone, and
 * the call goes on; "dead": it ended without a word.
 */
export async function followCall(call: KeptCall, controls: Controls, { offsets, again }: Following) {
  const tails = [new Tail(call, "err", offsets.err), new Tail(call, "out", offsets.out)];
  const since = performance.now();
  let lastAlive = since;
  let isTriedAgain = false;
  let held: number | undefined;
  controls.beat(() => call.touch());
  try {
    for (;;) {
      held ??= call.hold();
      // Before the streams: what was written until the end is in them.
      const { exit, pid, isSlot } = call.state;
      let isMoved = false;
      for (const tail of tails) isMoved = (await tail.drain(() => controls.isGone)) || isMoved;
      if (controls.isGone) return undefined;
      if (exit !== undefined) return exit;
      const now = performance.now();
      if (call.isAlive) lastAlive = now;
      else if (now - lastAlive > 2 * again.afterMs) return "dead";
      if (isSlot && !isTriedAgain && now - since > again.afterMs) {
        isTriedAgain = true;
        again.begin();
      }
      if (controls.isStopping && pid !== undefined && call.once("stopped")) interrupt(pid);
      if (!isMoved) await controls.wait(EVERY);
    }
  } finally {
    for (const tail of tails) tail.close();
    if (held !== undefined) fs.closeSync(held);
  }
}

function interrupt(pid: number): void {
  try {
    process.kill(pid, "SIGINT");
  } catch {
    // It has ended.
  }
}
