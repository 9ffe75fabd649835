import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** Seconds that a connection stays open for the next call. */
const PERSIST = 30;
/** A socket's path ends at 104 bytes on macOS, and ssh writes a longer name first. */
const LONGEST = 104 - 18;
/** ssh takes an option's value apart at spaces and quotes, and expands `%h` and `${NAME}`. */
const PLAIN = /^[\w/.,:+=@-]+$/;

/** What ssh makes of its words and the user's configuration, in lines; empty where it does not tell. */
export function settingsOf(words: string[], destination: string): string {
  const { status, stdout } = spawnSync(words[0] ?? "", ["-G", ...words.slice(1), destination], { encoding: "utf8" });
  return status === 0 ? stdout : "";
}

/**
 * Options by which several calls share one connection, and one that waits for a host no longer than ten seconds. What the user's own
 * configuration has for either is left alone: with a second factor, only the user's own shared connection gets in.
 */
export function sharingWords(words: string[], destination: string): string[] {
  const settings = settingsOf(words, destination);
  const has = (name: string) =>
    settings.split("\n").some((line) => line.startsWith(`${name} `) && !line.endsWith(" none"));
  const timeout = has("connecttimeout") ? [] : ["-o", "ConnectTimeout=10"];
  const folder = has("controlpath") ? undefined : privateFolder();
  if (folder === undefined) return timeout;
  // Of all settings: another key, another file of known hosts or another jump host is another connection.
  const name = createHash("sha256")
    .update(JSON.stringify([words, settings, destination]))
    .digest("hex")
    .slice(0, 16);
  const socket = path.join(folder, name);
  if (Buffer.byteLength(socket) > LONGEST || !PLAIN.test(socket)) return timeout;
  const sharing = ["ControlMaster=auto", `ControlPersist=${PERSIST}`, `ControlPath=${socket}`];
  return [...timeout, ...sharing.flatMap((option) => ["-o", option])];
}

/** A folder that nobody else can enter; undefined: somebody else made it. */
function privateFolder(): string | undefined {
  const uid = os.userInfo().uid;
  const runtime = process.env["XDG_RUNTIME_DIR"];
  const places = [...(runtime ? [path.join(runtime, "switchback")] : []), path.join(os.tmpdir(), `switchback-${uid}`)];
  return places.find((folder) => isPrivate(folder, uid));
}

function isPrivate(folder: string, uid: number): boolean {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") return false;
  }
  const stat = fs.lstatSync(folder);
  return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0;
}
