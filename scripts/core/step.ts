import type { SwitchbackError } from "./errors.ts";

interface Titled {
  /** Imperative and concrete: "Point current at 20261120-221530-a1b2c3d". */
  title: string;
  /** Under which the step's duration is remembered between operations; default: its kind. */
  key?: string;
  /** From this step on, what serves is no longer what served before: a failure is undone by the plan's `revert`. */
  touches?: boolean;
  /** A failure of this step is told, and does not fail the plan. */
  optional?: boolean;
}

/** Lines for `bash -euo pipefail`. */
export interface ShellCommand {
  lines: string[];
  cwd: string;
  env: Record<string, string>;
  /** Each line is one command that only root may give: by `sudo -n` for anybody else. */
  asRoot?: boolean;
}

/** One of the suite's own commands; applied in this process, printed as the command. */
export interface SuiteCommand {
  ops:
    | "service/start"
    | "service/stop"
    | "service/restart"
    | "release/build_release"
    | "release/prepare_shared"
    | "data/backup"
    | "data/restore"
    | "data/migrate"
    | "host/secrets";
  args: string[];
}

/** One part of an operation that is a step of its own: `ops/NAME.ts --part WORD…`. */
export const partOf = (ops: SuiteCommand["ops"], ...words: string[]): SuiteCommand => ({
  ops,
  args: ["--part", ...words],
});

export interface RunStep extends Titled {
  kind: "run";
  run: ShellCommand | SuiteCommand;
}

export interface WriteStep extends Titled {
  kind: "write";
  path: string;
  content: string;
  mode: number;
  /** Where only root may write: by `sudo -n` for anybody else, and for all to read. */
  asRoot?: boolean;
}

/** Makes the directory and its parents. */
export interface MkdirStep extends Titled {
  kind: "mkdir";
  path: string;
}

/** Puts a symbolic link at `path` by one rename. */
export interface LinkStep extends Titled {
  kind: "link";
  path: string;
  target: string;
  /** What stands at `path` now may be a file or a directory, and is removed first. */
  clears?: boolean;
  /** The directory that the link must really lie in, whatever links lead to it. */
  within?: string;
}

interface Rename {
  from: string;
  to: string;
}

/** Renames; both paths are on one file system. */
export interface MoveStep extends Titled, Rename {
  kind: "move";
  /** A release that a process uses by now stays where it is. */
  unlessUsed?: boolean;
  /** More to rename in the same directory, all made durable by one sync. */
  more?: Rename[];
}

interface Removal {
  path: string;
  /** Nothing is removed where this file is. */
  unless?: string;
}

/** Removes a file, link or whole directory, if it is there. */
export interface RemoveStep extends Titled, Removal {
  kind: "remove";
  /** Where only root may remove: by `sudo -n` for anybody else. */
  asRoot?: boolean;
  /** More to remove, in no order. */
  more?: Removal[];
}

/** Waits until the release that is current answers, or until the application is idle. */
export interface WaitStep extends Titled {
  kind: "wait";
  until: "healthy" | "idle";
  releaseId: string;
  /** With the services and checks that the release last ran healthy with, in place of the manifest's. */
  recorded?: boolean;
  smoke?: boolean;
  /** Until idle: a job that still runs at the end is a failure, whatever `drain.then` says. */
  strict?: boolean;
  /** Only these services have to be healthy; default: all. */
  only?: string[];
}

/** What a release becomes in the registry. */
export interface Change {
  releaseId: string;
  sha: string;
  status: ReleaseStatus;
  /** Nothing is recorded where this is. */
  unless?: string;
}

/** Gives a release a status in the registry. */
export interface RecordStep extends Titled, Change {
  kind: "record";
  /** More to record, in the same transaction. */
  more?: Change[];
}

export type Step = RunStep | WriteStep | MkdirStep | LinkStep | MoveStep | RemoveStep | WaitStep | RecordStep;

export const STATUSES = [
  "building",
  "built",
  "build_failed",
  "deploying",
  "deployed",
  "replaced",
  "deploy_failed",
  "rollback_in_progress",
  "rolled_back",
  "rollback_failed",
  "rollback_target_missing",
  "replaced_by_rollback",
  "pruned",
] as const;

/** Status of a release (SPEC section 4). */
export type ReleaseStatus = (typeof STATUSES)[number];

/** A flat list, decided from facts by a pure function. */
export interface Plan {
  title: string;
  steps: Step[];
  /** Undoes what was begun, when a step fails before the first one that `touches`. */
  discard: Step[];
  /** Brings back what was before, when a step fails from the first one that `touches` on. */
  revert: Step[];
  /** Said when the plan is done. */
  done: string;
  /** Said when the revert is done; default: which release is restored. */
  restored?: string;
  /** What to type when even the revert fails. */
  stranded?: string[];
  /** The release that the plan is about, and the one that was current when it was made. */
  releaseId?: string;
  previousId?: string;
  /** What the link `current` held then. */
  previousLink?: string;
  /** Thrown once the steps are done: a refusal that leaves a record. */
  refusal?: SwitchbackError;
  /** Its failure is told, and the operation has done what it is for. */
  isExtra?: boolean;
  /** Warnings that a person should read before the steps. */
  notes?: string[];
}

/** A step's own object, and the rest of what it does at one go. */
export const allOf = <S extends { more?: unknown[] }>(step: S) => [
  step,
  ...((step.more ?? []) as NonNullable<S["more"]>[number][]),
];

/** Words that stand for themselves stay bare; the rest is quoted for any POSIX shell (zx's `$'…'` is bash's own). */
export const quote = (word: string) =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Words quoted and joined to one command. */
export const command = (...words: string[]) => words.map(quote).join(" ");
