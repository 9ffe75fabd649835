import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { diffTexts } from "../text/diff.ts";
import type { MkdirStep, Plan, RemoveStep, WriteStep } from "../core/step.ts";

/** A file that is generated into a repository. */
export interface GeneratedFile {
  /** Relative to the manifest's folder. */
  path: string;
  content: string;
  mode: number;
}

/**
 * How a generated file stands. "edited": it is neither what is wanted nor what was written last, so that a person changed it.
 * "unwanted": the manifest no longer asks for it.
 */
export interface FileState extends GeneratedFile {
  state: "same" | "missing" | "stale" | "edited" | "unwanted" | "unwanted, edited";
  /** What stands there now. */
  now?: string;
}

/** What was generated last: sha256 of each file, by which an edit is told from an older generation. */
export interface Baseline {
  environment?: string;
  files: Record<string, string>;
}

export const BASELINE = "ops/.generated.json";

const hashOf = (content: string) => createHash("sha256").update(content).digest("hex");

/** Reads what was generated last; nothing where there is no record, or a broken one. */
export function readBaseline(folder: string): Baseline {
  try {
    const read = JSON.parse(fs.readFileSync(path.join(folder, BASELINE), "utf8")) as Partial<Baseline>;
    return { ...(read.environment === undefined ? {} : { environment: read.environment }), files: read.files ?? {} };
  } catch {
    return { files: {} };
  }
}

/** Compares what is wanted with what is there. */
export function observeFiles(folder: string, wanted: GeneratedFile[], baseline: Baseline): FileState[] {
  const names = new Set(wanted.map((file) => file.path));
  const left = Object.entries(baseline.files).filter(([name]) => !names.has(name) && isInside(name));
  return [
    ...wanted.map((file): FileState => compare(file, observe(folder, file.path), baseline.files[file.path])),
    ...left.flatMap(([name, hash]): FileState[] => {
      const now = observe(folder, name)?.content;
      return now === undefined
        ? []
        : [{ path: name, content: "", mode: 0, now, state: hashOf(now) === hash ? "unwanted" : "unwanted, edited" }];
    }),
  ];
}

/** A record that somebody wrote into must not name files elsewhere. */
const isInside = (name: string) => path.normalize(name) === name && name.startsWith("ops/");

function observe(folder: string, name: string): { content: string; isExecutable: boolean } | undefined {
  const file = path.join(folder, name);
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat?.isFile()
    ? { content: fs.readFileSync(file, "utf8"), isExecutable: (stat.mode & 0o100) !== 0 }
    : undefined;
}

function compare(file: GeneratedFile, found: ReturnType<typeof observe>, last: string | undefined): FileState {
  if (!found) return { ...file, state: "missing" };
  const { content: now, isExecutable } = found;
  const isRunnable = isExecutable || (file.mode & 0o100) === 0;
  if (now === file.content) return { ...file, now, state: isRunnable ? "same" : "stale" };
  return { ...file, now, state: last !== undefined && hashOf(now) === last ? "stale" : "edited" };
}

export type FileStep = WriteStep | MkdirStep | RemoveStep;
export type FilePlan = Plan & { steps: FileStep[] };

/** Writes what is missing or stale and removes what is unwanted; what a person edited is kept, unless it is forced. */
export function planFiles(
  folder: string,
  states: FileState[],
  baseline: Baseline,
  options: { force: boolean },
): FilePlan {
  const isMeant = ({ state }: FileState) => state !== "same" && (options.force || !state.includes("edited"));
  const changing = states.filter(isMeant);
  const steps = changing.map((file): FileStep => changeStep(path.join(folder, file.path), file));
  const directories = new Set(steps.flatMap((step) => (step.kind === "write" ? [path.dirname(step.path)] : [])));
  const kept = states.filter((file) => file.state === "unwanted, edited" && !isMeant(file));
  const record = renderBaseline(states, kept, baseline);
  const isRecorded = observe(folder, BASELINE)?.content === record;
  return {
    title: `Generate the suite in ${folder}`,
    steps: [
      ...[...directories].map((place): FileStep => ({ kind: "mkdir", title: `Make ${place}`, path: place })),
      ...steps,
      ...(isRecorded ? [] : [write(path.join(folder, BASELINE), record, 0o644)]),
    ],
    discard: [],
    revert: [],
    done: "",
  };
}

const changeStep = (place: string, { state, content, mode }: FileState): FileStep =>
  state.startsWith("unwanted")
    ? { kind: "remove", title: `Remove ${place}`, path: place }
    : write(place, content, mode);

const write = (place: string, content: string, mode: number): FileStep => ({
  kind: "write",
  title: `Write ${place}`,
  path: place,
  content,
  mode,
});

function renderBaseline(states: FileState[], kept: FileState[], { environment, files }: Baseline): string {
  const wanted = states
    .filter(({ state }) => !state.startsWith("unwanted"))
    .map((file) => [file.path, hashOf(file.content)] as const);
  const all = [...wanted, ...kept.map((file) => [file.path, files[file.path] as string] as const)].toSorted(
    ([a], [b]) => (a < b ? -1 : 1),
  );
  return `${JSON.stringify({ ...(environment === undefined ? {} : { environment }), files: Object.fromEntries(all) }, null, 2)}\n`;
}

/** What forcing would change, as a unified diff. */
export function diffOf({ path: name, now = "", content, state }: FileState): string {
  const wanted = state.startsWith("unwanted") ? "" : content;
  return diffTexts(name, { now, wanted }, "as it would be generated");
}
