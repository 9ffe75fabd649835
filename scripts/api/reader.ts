import type { OperationRow } from "../registry/journal.ts";
import type { ReleaseRow } from "../registry/releases.ts";
import type { ReleaseStatus } from "../core/step.ts";

/** A step of an operation as the registry keeps it. */
export interface StepRow {
  seq: number;
  key: string;
  title: string;
  /** ISO 8601 UTC. */
  started_at: string;
  duration_ms: number | null;
  /** Null: it is at work, or was when its operation was cut off. */
  outcome: string | null;
}

/** An operation that is listed: `outcome` is null while it is at work, and `interrupted` where its process is gone. */
export type ListedOperation = OperationRow;

/** What runs on a host. */
export interface HostState {
  host: string;
  app: string;
  deploy_to: string;
  /** Null: nothing is deployed. */
  release_id: string | null;
  commit_sha: string | null;
  /** ISO 8601 UTC: when the link was made. */
  since: string | null;
  /** Whether its services run; null: that is not known here, or it has none. */
  is_serving: boolean | null;
  /** ISO 8601 UTC: when the host last told a server; absent where it is looked at here. */
  told_at?: string;
}

/** A part of an operation's log. */
export interface LogPart {
  text: string;
  /** Byte from which the next part is. */
  next: number;
  /** The operation has ended and this is all. */
  isWhole: boolean;
}

/** A log on another host. */
export interface LogPlace {
  host: string;
  file: string;
}

/** What the API and the page read; nothing is ever written. */
export interface Reader {
  hosts(): Promise<HostState[]>;
  /** The newest first; `before` is the `id` of a row: those that are older. */
  releases(choice: {
    limit: number;
    status?: ReleaseStatus | undefined;
    before?: number | undefined;
  }): Promise<ReleaseRow[]>;
  release(id: string): Promise<ReleaseRow | undefined>;
  /** The newest first; `before` is an operation's id: those that began before it, none where there is no such. */
  operations(choice: {
    limit: number;
    releaseId?: string | undefined;
    before?: string | undefined;
  }): Promise<ListedOperation[]>;
  operation(id: string): Promise<{ operation: ListedOperation; steps: StepRow[] } | undefined>;
  /** From that byte on, or from so many bytes before the end where it is negative. Undefined where there is no such log. */
  log(id: string, from: number): Promise<LogPart | undefined>;
  /** Where a log lies that is not read here; absent where all of them are. */
  logPlace?(id: string): Promise<LogPlace | undefined>;
  /** Changes whenever anything that the above answer with changes. */
  version(): Promise<string>;
}
