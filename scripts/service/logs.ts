import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { EXIT, type ExitCode } from "../core/errors.ts";
import { follow } from "../terminal/follow.ts";
import { observeCurrent } from "../core/observe.ts";
import { logPaths } from "./definition.ts";
import { chosenDefinitions, definitionsOf, placeOf } from "./definitions.ts";
import { lastLines } from "./service-log.ts";
import { servingManifest } from "./status.ts";

/** A file that a service writes to. */
export interface LogFile {
  service: string;
  path: string;
  /** What stands before each line when there are several files; empty for one. */
  prefix: string;
  /** The file as it was at the first look, up to which the last lines are read and from which it is followed. */
  seen: Look | undefined;
}

type Look = Pick<fs.Stats, "ino" | "size">;

/** The log files of the services that serve; those named, or all. */
export async function observeLogFiles(context: Context, names: string[]): Promise<LogFile[]> {
  const { manifest } = await servingManifest(context, observeCurrent(context.paths));
  const definitions = chosenDefinitions(definitionsOf(manifest), names);
  const files = definitions.flatMap((definition) => {
    const { stdout, stderr } = logPaths(definition, placeOf(context), context.paths.current);
    const [own, errors]: [string, string] = [definition.name, `${definition.name} stderr`];
    return stdout === stderr
      ? [[own, own, stdout]]
      : [
          [own, own, stdout],
          [own, errors, stderr],
        ];
  }) as [service: string, title: string, file: string][];
  const width = Math.max(0, ...files.map(([, title]) => title.length));
  return files.map(([service, title, file]) => ({
    service,
    path: file,
    prefix: files.length > 1 ? `${title.padEnd(width)} | ` : "",
    seen: look(file),
  }));
}

/** The last `count` lines that a file had at the first look. */
export const linesOf = ({ path: file, seen }: LogFile, count: number): string[] =>
  lastLines(file, count, seen?.size ?? 0);

/** The last lines of all files for a person, each with its file's prefix. */
export const renderLogs = (files: LogFile[], count: number): string =>
  files.flatMap((file) => linesOf(file, count).map((line) => `${file.prefix}${line}\n`)).join("");

const LOOK_EVERY = 500;

/**
 * Follows what is written to a file since the first look, in whole lines, also while it does not exist yet, and over a rotation
 * that renames it or that copies and truncates it. The returned function stops.
 */
function followLines({ path: file, prefix, seen }: LogFile, say: (text: string) => void): () => void {
  let rest = "";
  const onText = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) say(lines.map((line) => `${prefix}${line}\n`).join(""));
  };
  const begin = (from: number) => (look(file) ? follow(file, onText, from) : undefined);
  let known = seen;
  let stop = known && begin(known.size);
  const timer = setInterval(() => {
    const now = look(file);
    const isOther = now !== undefined && (now.ino !== known?.ino || now.size < known.size);
    if (isOther) {
      stop?.();
      stop = begin(0);
    }
    known = now ?? known;
  }, LOOK_EVERY);
  return () => {
    clearInterval(timer);
    stop?.();
    if (rest) say(`${prefix}${rest}\n`);
  };
}

const look = (file: string): Look | undefined => fs.statSync(file, { throwIfNoEntry: false });

/** Prints what is written to the files until a signal comes (exit 130), or until nobody reads it any more (exit 0). */
export function followLogs(files: LogFile[]): Promise<ExitCode> {
  return new Promise((resolve) => {
    const stops = files.map((file) => followLines(file, (text) => void process.stdout.write(text)));
    const end = (code: ExitCode) => {
      stops.forEach((stop) => stop());
      resolve(code);
    };
    process.on("SIGINT", () => end(EXIT.interrupted)).on("SIGTERM", () => end(EXIT.interrupted));
    process.stdout.on("error", () => end(EXIT.done));
  });
}
