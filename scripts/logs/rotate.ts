import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { observeRoom } from "../core/room.ts";
import { command, type Plan, quote, type Step } from "../core/step.ts";
import { refuseUnsupported } from "../manifest/supervisor-limits.ts";
import { bytesOf, showBytes } from "../text/amounts.ts";
import { logFilesOf } from "./log-files.ts";

/** A log as it stands. */
export interface LogFact {
  /** Absolute. */
  path: string;
  bytes: number;
  /** Rotated ones beside it: `web.log.1`, `web.log.2.gz`. */
  rotated: string[];
  /** Left to this user by its file system. */
  freeBytes: number;
  /** Why it cannot be emptied by this user. */
  problem?: string | undefined;
}

/** `ops/logs/rotate.ts`: copies every log that is too large, and empties it in place; a job calls it where logrotate does not. */
export const rotate: Operation<LogFact[], object> = {
  kind: "rotate",
  mayUseReserve: true,
  observe: observeLogs,
  plan: planRotation,
};

function observeLogs({ loaded, manifest, paths }: Context): LogFact[] {
  refuseUnsupported(loaded);
  if (!manifest.logs)
    throw new UsageError("logs is not set in the manifest: nothing is rotated", {
      next: "add to deploy.yaml: logs: { max_size: 10m, keep: 7 }",
    });
  return logFilesOf({ manifest, paths }).flatMap(({ path: file }) => {
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    return stat?.isFile() ? [observeLog(file, stat.size)] : [];
  });
}

function observeLog(file: string, bytes: number): LogFact {
  const folder = path.dirname(file);
  const rotated = fs.readdirSync(folder).filter((name) => ROTATED.test(name) && stemOf(name) === path.basename(file));
  return { path: file, bytes, rotated, freeBytes: observeRoom(folder).freeBytes, problem: problemOf(file) };
}

function problemOf(file: string): string | undefined {
  try {
    fs.accessSync(file, fs.constants.R_OK | fs.constants.W_OK);
    fs.accessSync(path.dirname(file), fs.constants.W_OK);
    return undefined;
  } catch {
    return `it, or its folder, is not writable for the tree's owner`;
  }
}

const ROTATED = /\.([1-9]\d{0,5})(\.gz)?$/;
const stemOf = (name: string) => name.replace(ROTATED, "");
const numberOf = (name: string) => Number(ROTATED.exec(name)?.[1]);

/** Each log is a plan of its own: what one lacks is told when the others are done. */
function planRotation(context: Context, logs: LogFact[]): Plan[] {
  const { max_size = "10m", keep = 7 } = context.manifest.logs ?? {};
  const large = logs.filter(({ bytes }) => bytes >= bytesOf(max_size)).toSorted((a, b) => a.bytes - b.bytes);
  const reasonOf = ({ bytes, freeBytes, problem }: LogFact) =>
    problem ??
    (bytes > freeBytes ? `a copy needs ${showBytes(bytes)}, and ${showBytes(freeBytes)} are free` : undefined);
  const able = large.filter((log) => reasonOf(log) === undefined);
  const reasons = large.flatMap((log) => {
    const reason = reasonOf(log);
    return reason === undefined ? [] : [`${log.path}: ${reason}`];
  });
  const plans = able.map((log) => planLog(context, log, keep));
  if (reasons.length > 0) return [...plans, { ...empty(context), refusal: refusalOf(reasons) }];
  return plans.length > 0 ? plans : [{ ...empty(context), done: `No log has reached ${max_size}.` }];
}

const empty = ({ manifest }: Context): Plan => ({
  title: `Rotate the logs of ${manifest.app}`,
  steps: [],
  discard: [],
  revert: [],
  done: "",
});

const refusalOf = (reasons: string[]) =>
  new FailedError(`not rotated: ${reasons.join("; ")}`, { next: ["df -h", "ls -l", "ops/release/prune.ts"] });

function planLog({ paths }: Context, { path: file, bytes, rotated }: LogFact, keep: number): Plan {
  const name = path.basename(file);
  return {
    title: `Rotate ${file}, ${showBytes(bytes)}`,
    steps: [
      ...makePlace(path.dirname(file), rotated, keep),
      {
        kind: "run",
        key: "rotate",
        title: `Copy ${name}, and empty it`,
        run: shell(paths.deployTo, copyAndEmpty(file)),
      },
      {
        kind: "run",
        key: "compress",
        title: `Compress ${name}.1`,
        optional: true,
        run: shell(paths.deployTo, [command("gzip", "-f", "--", `${file}.1`)]),
      },
    ],
    discard: [],
    revert: [],
    done: `${file} was rotated.`,
  };
}

const shell = (cwd: string, lines: string[]) => ({ lines, cwd, env: {} });

/** Numbers are moved up to the first gap: a rotation that was killed has left one. */
function makePlace(folder: string, rotated: string[], keep: number): Step[] {
  const taken = new Set(rotated.map(numberOf));
  const gap = Array.from({ length: keep }, (_, at) => at + 1).find((number) => !taken.has(number)) ?? keep;
  const at = (name: string) => path.join(folder, name);
  const gone = rotated.filter(
    (name) => numberOf(name) > keep || (numberOf(name) === keep && gap === keep && taken.has(keep)),
  );
  const moved = rotated.filter((name) => numberOf(name) < gap).toSorted((a, b) => numberOf(b) - numberOf(a));
  return [
    ...gone.map((name): Step => ({ kind: "remove", title: `Remove ${name}`, path: at(name) })),
    ...moved.map((name): Step => {
      const next = name.replace(ROTATED, (_, number: string, gz = "") => `.${Number(number) + 1}${gz}`);
      return { kind: "move", title: `Call ${name} ${next}`, from: at(name), to: at(next) };
    }),
  ];
}

/**
 * The copy is durable before the log is emptied, and what was written while it was made is added to it: what can be lost is a line
 * between the last two commands. Whoever writes with O_APPEND goes on at the beginning of the file, without a hole.
 */
function copyAndEmpty(file: string): string[] {
  const [log, copy] = [quote(file), quote(`${file}.1`)];
  return [
    `cp -p -- ${log} ${copy} || { rm -f -- ${copy}; exit 1; }`,
    // Elsewhere than on Linux, sync(8) knows no single file system.
    `sync -f ${copy} 2>/dev/null || sync`,
    `tail -c +$(($(wc -c <${copy}) + 1)) -- ${log} >>${copy}`,
    `: >${log}`,
  ];
}
