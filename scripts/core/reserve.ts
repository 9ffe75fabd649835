import fs from "node:fs";
import path from "node:path";
import { ownerOf } from "./owner.ts";
import type { Paths } from "./paths.ts";
import { observeRoom } from "./room.ts";

/** What an operation's own records may need: registry, journal, log, links. */
const FILES = 8;
const BYTES_EACH = 128 * 1024;

const reservePath = (paths: Paths) => path.join(paths.logs, ".reserve");

/** This process gave the reserve back, and what it did not use of it is kept again at its end. */
let isSpent = false;

/**
 * On a disk that is full, gives back the room that was kept for this: a rollback has to work there
 * (RELIABILITY: "a rollback needs no space").
 */
export function spendReserve(paths: Paths): void {
  const place = reservePath(paths);
  if (!isTight(paths, 2) || !fs.existsSync(place)) return;
  fs.rmSync(place, { recursive: true, force: true });
  isSpent = true;
}

/**
 * Keeps a megabyte and a few inodes for the day when the disk is full: where there is plenty, or as much as there is of what
 * this process gave back, as somebody else may fill the disk before the next one.
 */
export function keepReserve(paths: Paths): void {
  const place = reservePath(paths);
  if (ownerOf(paths.deployTo) !== process.geteuid?.()) return;
  const kept = fs.existsSync(place) ? fs.readdirSync(place) : [];
  if (kept.length === FILES || !fs.existsSync(paths.logs) || (!isSpent && isTight(paths, 8))) return;
  isSpent = false;
  const names = Array.from({ length: FILES }, (_, index) => String(index)).filter((name) => !kept.includes(name));
  try {
    fs.mkdirSync(place, { recursive: true });
    for (const name of names) fill(path.join(place, name));
  } catch {
    // As much as there is.
  }
}

function fill(file: string): void {
  // Random bytes: a file system that compresses would keep no room for zeros.
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  try {
    fs.writeFileSync(file, Buffer.concat(Array.from({ length: BYTES_EACH / bytes.length }, () => bytes)));
  } catch (error) {
    fs.rmSync(file, { force: true });
    throw error;
  }
}

function isTight({ deployTo }: Paths, times: number): boolean {
  const { freeBytes, freeFiles } = observeRoom(deployTo);
  return freeBytes < times * FILES * BYTES_EACH || freeFiles < times * FILES;
}
