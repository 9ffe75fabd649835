import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { type Command, hearSignals, type Place, run } from "./place.ts";

/** Who does what is measured: the columns of the table. */
export type Column = "switchback" | "teams" | "capistrano" | "capistrano, ssh" | "floor";

/** One way to do what a row is about. */
export interface Way {
  column: Column;
  /** What is run, for a reader. */
  name: string;
  /** Brings the same state before each run; its time is not counted. */
  prepare?: (turn: number) => void;
  command: (turn: number) => Command;
}

/** What was measured of one way: milliseconds of each run, or bytes. */
export interface Cell {
  column: Column;
  name: string;
  unit: "ms" | "bytes";
  values: number[];
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/**
 * Runs each way `runs` times, one after the other in each turn, so that noise hits all alike; `warm` turns before are
 * not counted. What an earlier way left to be written is written before each: nobody pays for another's sync.
 */
export async function measure(place: Place, ways: Way[], runs: number, warm = 0): Promise<Cell[]> {
  const cells = ways.map(({ column, name }): Cell => ({ column, name, unit: "ms", values: [] }));
  for (let turn = -warm; turn < runs; turn++)
    for (const [index, way] of ways.entries()) {
      await hearSignals();
      way.prepare?.(turn + warm);
      await hearSignals();
      const command = way.command(turn + warm);
      settle(place);
      const began = performance.now();
      run(place, command);
      if (turn >= 0) cells[index]?.values.push(performance.now() - began);
    }
  return cells;
}

function settle(place: Place): void {
  if (!place.isHurried) spawnSync("sync", ["-f", place.path]);
}

/** Whether files can share their blocks here: `du` counts those twice, so the file system itself is asked then. */
function canReflink(place: Place): boolean {
  const file = `${place.path}/reflink`;
  fs.writeFileSync(file, "x".repeat(65_536));
  const { status } = spawnSync("cp", ["--reflink=always", file, `${file}.copy`], { stdio: "ignore" });
  for (const name of [file, `${file}.copy`]) fs.rmSync(name, { force: true });
  return status === 0;
}

/** Bytes on the disk of a directory, hard links once; where blocks can be shared, those in use on its whole file system. */
export function diskOf(place: Place, directory: string): number {
  if (!canReflink(place)) return Number(run(place, { program: "du", words: ["-sk", directory] }).split("\t")[0]) * 1024;
  settle(place);
  const { blocks, bfree, bsize } = fs.statfsSync(place.path);
  return (blocks - bfree) * bsize;
}
