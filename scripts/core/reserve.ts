import fs from "node:fs";
import path from "node:path";
import { ownerOf } from "./owner.ts";
import type { Paths } from "./paths.ts";
import { observeRoom } from "./room.ts";

/** What an operation's own records may need: registry, journal, log, links. */
const FILES = 8;
const BYTES_EACH = 128 * 1024;

const reservePath = (paths: Paths) => path.join(paths.logs, ".reserve");

/**
 * On a disk that is full, gives back the room that was kept for this: a rollback has to work there
 * (RELIABILITY: "a rollback needs no space").
 */
export function spendReserve(paths: Paths): void {
  if (isTight(paths, 2)) fs.rmSync(reservePath(paths), { recursive: true, force: true });
}

/** Keeps a megabyte and a few inodes for the day when the disk is full; only where there is plenty. */
export function keepReserve(paths: Paths): void {
  const place = reservePath(paths);
  if (ownerOf(paths.deployTo) !== process.geteuid?.()) return;
  if (fs.existsSync(place) || !fs.existsSync(paths.logs) || isTight(paths, 8)) return;
  fs.mkdirSync(place);
  // Random bytes: a file system that compresses would keep no room for zeros.
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  for (let i = 0; i < FILES; i++)
    fs.writeFileSync(
      path.join(place, String(i)),
      Buffer.concat(Array.from({ length: BYTES_EACH / bytes.length }, () => bytes)),
    );
}

function isTight({ deployTo }: Paths, times: number): boolean {
  const { freeBytes, freeFiles } = observeRoom(deployTo);
  return freeBytes < times * FILES * BYTES_EACH || freeFiles < times * FILES;
}
