import type { LoadedManifest } from "../manifest/loaded.ts";

/** Exit codes of every command (SPEC section 3). */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  restored: 3,
  stranded: 4,
  busy: 75,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ErrorDetails {
  /** What to type next, one command a line. */
  next?: string | string[];
  /** Title of the step that failed. */
  step?: string;
  /** Last lines of what the failed command, or the service, printed. */
  output?: string[];
  /** Host on which it happened; absent: this one. */
  host?: string;
  cause?: unknown;
}

/** An error that is meant for a person: shown without a stack trace, ends the command with `exit`. */
export class SwitchbackError extends Error {
  readonly exit: ExitCode = EXIT.failed;
  readonly next: string[];
  readonly step: string | undefined;
  readonly output: string[];
  readonly host: string | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = new.target.name;
    this.next = [details.next ?? []].flat();
    this.step = details.step;
    this.output = details.output ?? [];
    this.host = details.host;
  }
}

/** Arguments, manifest or release id are wrong, or not found; nothing was touched (exit 2). */
export class UsageError extends SwitchbackError {
  override readonly exit = EXIT.usage;
}

/** Failed before anything that serves was touched (exit 1). */
export class FailedError extends SwitchbackError {
  override readonly exit = EXIT.failed;
}

/** Failed after the services were stopped or the link moved; what was before is restored (exit 3). */
export class RestoredError extends SwitchbackError {
  override readonly exit = EXIT.restored;
}

/** Failed, and what was before could not be restored: a person is needed (exit 4). */
export class StrandedError extends SwitchbackError {
  override readonly exit = EXIT.stranded;
}

/** Another operation holds the lock (exit 75). */
export class BusyError extends SwitchbackError {
  override readonly exit = EXIT.busy;
}

/** The environment lives on other hosts: the command is given there. */
export class ElsewhereError extends Error {
  readonly loaded: LoadedManifest;

  constructor(loaded: LoadedManifest) {
    super(`${loaded.environment} is on ${loaded.hosts.map(({ name }) => name).join(", ")}`);
    this.loaded = loaded;
  }
}

/** A signal ended the operation (exit 130). */
export class InterruptedError extends SwitchbackError {
  override readonly exit = EXIT.interrupted;
}
