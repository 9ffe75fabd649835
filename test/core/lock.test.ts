import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { BusyError } from "../../scripts/core/errors.ts";
import { acquireLock, releaseLock } from "../../scripts/core/lock.ts";
import { bun, makePlace } from "./places.ts";

const holders: ChildProcess[] = [];
const pids: number[] = [];
afterEach(async () => {
  releaseLock();
  for (const holder of holders.splice(0)) await kill(holder);
  for (const pid of pids.splice(0)) process.kill(pid, "SIGKILL");
});

const lockFile = () => path.join(makePlace(), "lock.db");

/** A process that holds the lock; `says` waits for a word of it and gives the rest of that line. */
function hold(file: string, ...mode: string[]) {
  const holder = spawn(bun, [fileURLToPath(import.meta.resolve("./hold-lock.ts")), file, ...mode], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  holders.push(holder);
  let text = "";
  const says = (word: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const line = text
          .split("\n")
          .slice(0, -1)
          .find((one) => one.startsWith(word));
        if (line !== undefined) resolve(line.slice(word.length).trim());
      };
      holder.stdout?.on("data", look);
      holder.once("close", () => reject(new Error(`the holder ended, and said ${JSON.stringify(text)}`)));
      look();
    });
  holder.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { holder, says };
}

function kill(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return Promise.resolve();
  holder.kill("SIGKILL");
  return new Promise((resolve) => holder.once("exit", () => resolve()));
}

const take = (file: string) => acquireLock(file, () => "deploy r2, by ann");

test("a second process is told who holds it, and what to do", async () => {
  const file = lockFile();
  await hold(file).says("held");
  const error = (() => {
    try {
      return take(file);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(BusyError);
  expect(error).toMatchObject({
    exit: 75,
    message: "another operation is at work: deploy r2, by ann",
    next: [expect.stringContaining("wait")],
  });
});

test("kill -9 frees it at once", async () => {
  const file = lockFile();
  const { holder, says } = hold(file);
  await says("held");
  expect(() => take(file)).toThrow(BusyError);
  await kill(holder);
  take(file);
});

test("a detached child of the holder does not keep it", async () => {
  const file = lockFile();
  const { holder, says } = hold(file, "child");
  const pid = Number(await says("held"));
  pids.push(pid);
  await kill(holder);
  expect(() => process.kill(pid, 0)).not.toThrow();
  take(file);
});

test("it is held for as long as the process lives, whatever is collected", async () => {
  const file = lockFile();
  const { says } = hold(file, "pressure");
  await says("collected");
  expect(() => take(file)).toThrow(BusyError);
});

test("it is let go, and can be taken again by another process", async () => {
  const file = lockFile();
  take(file);
  releaseLock();
  await hold(file).says("held");
  expect(() => take(file)).toThrow(BusyError);
});

test("what is no lock file is not taken for a held one", () => {
  expect(() => take(path.join(makePlace(), "none", "lock.db"))).toThrow(/unable to open/);
});
