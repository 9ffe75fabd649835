import type { Change, Step, SuiteCommand, WaitStep } from "../step.ts";

/** What a step needs to be printed for a person. */
export interface ShowContext {
  /** The `ops` folder whose commands the lines name, absolute. */
  opsPath: string;
  /** `--manifest FILE [--env NAME]`, so that a line works from anywhere. */
  flags: string[];
}

/** What a step needs to be carried out. */
export interface ApplyContext {
  /** Aborted by a signal; absent while a revert runs, which nothing stops. */
  signal: AbortSignal | undefined;
  /** The operation's log, to which every command's output goes. */
  logPath: string;
  /** Marks every process that a step starts, so that recovery finds what a killed operation left running. */
  operationId: string;
  /** On a full disk: makes room for what undoes and records a failure. */
  giveRoom(): void;
  actions: Actions;
}

/** Steps whose work is a domain's: the suite's own commands, the gate, the registry. */
export interface Actions {
  call(command: SuiteCommand, apply: ApplyContext): Promise<void>;
  wait(step: WaitStep, signal: AbortSignal | undefined): Promise<void>;
  /** All of them in one transaction. */
  record(changes: Change[]): void;
  /** Which of these entries of a directory a process uses by now; a person is told of each. */
  used(directory: string, names: string[]): Promise<string[]>;
  /** The operation is over, however it ended. */
  end(): Promise<void>;
}

/** A kind of step: how it is printed, how it is done, and how to see that it is done already. */
export interface Kind<S extends Step> {
  /** POSIX shell that does the same, one command or a few joined by `&&`. */
  show(step: S, context: ShowContext): string;
  apply(step: S, context: ApplyContext): void | Promise<void>;
  /** Whether the host is already as the step would leave it. */
  done(step: S): boolean;
}
