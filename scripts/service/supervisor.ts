import type { ServiceDefinition, ServiceRelease } from "./definition.ts";

/** What a look at a service tells. */
export interface ServiceState {
  readonly name: string;
  /** "stale": nothing runs, but its pid file is still there: it was killed, or it died by itself. */
  readonly state: "running" | "stopped" | "stale";
  /** The main process: the one that was started, or what is left of it. */
  readonly pid?: number;
  readonly startTime?: string;
  readonly startedAt?: Date;
  /** The release that the main process runs from, by its working directory, else by RELEASE_ID in its environment. */
  readonly releaseId?: string;
  /** It runs in a container: the main process is the one that watches over it, and its image says the release. */
  readonly isContained?: boolean;
  /** Every process of the service, the main one first. */
  readonly processes: number[];
  /** A manager that keeps no pid files has "ok" while it runs. "foreign": the process it names belongs to another user, and cannot be signalled. */
  readonly pidFile: "ok" | "missing" | "stale" | "foreign";
}

export interface StartResult {
  /** True when the service ran already; nothing was started. */
  readonly already: boolean;
  readonly pid: number;
  readonly startTime: string;
  /** Lines of environment files that were left out, without their values. */
  readonly warnings: string[];
}

export interface StopResult {
  /** True when nothing ran; a stale pid file was removed. */
  readonly already: boolean;
  /** True when something was still there after the stop timeout and was killed. */
  readonly wasKilled: boolean;
  /** Every process that was told to stop. */
  readonly pids: number[];
}

/** What runs the services of one tree: pid files, systemd, launchd … */
export interface Supervisor {
  observe(service: Pick<ServiceDefinition, "name"> | string): Promise<ServiceState>;
  /** Starts a service from a release, if it does not run. Resolves when its program was executed, not when it is ready. */
  start(definition: ServiceDefinition, release: ServiceRelease): Promise<StartResult>;
  /** Stops and starts it; where the manager holds its socket, clients wait meanwhile. */
  restart(definition: ServiceDefinition, release: ServiceRelease): Promise<StartResult>;
  /** Stops it and leaves its socket open: clients wait. Only where a manager holds sockets. */
  pause?(name: string): Promise<void>;
  /** Starts what was paused. */
  resume?(definition: ServiceDefinition): Promise<StartResult>;
  /** Stops every process of a service; `stopTimeout` in milliseconds from TERM to KILL. */
  stop(name: string, stopTimeout: number): Promise<StopResult>;
  /** The last lines that a service wrote, for messages. */
  lastLogLines(definition: ServiceDefinition, count: number): string[];
}
