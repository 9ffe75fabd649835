import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { standing, syncDirectory, writeDurably } from "../core/durable.ts";
import type { Paths } from "../core/paths.ts";

type Place = Pick<Paths, "run">;

/** While it stands, every start of a service waits, in its unit's ExecStartPre or its launcher, and clients in held sockets with it. */
export const holdPath = (paths: Place) => path.join(paths.run, "migrating");

/** While it stands, jobs that start wait: from before the drain until the data is settled, behind the gate. */
export const jobHoldPath = (paths: Place) => path.join(paths.run, "migrating-jobs");

/** What a service or a job waits for. */
export const holdOf = (paths: Place, isJob: boolean) => (isJob ? jobHoldPath(paths) : holdPath(paths));

/** Whether what a manifest's supervisor starts is held back: its data may be migrated or restored. */
export const isHeldBack = ({ migrate, database }: Pick<Manifest, "migrate" | "database">) =>
  migrate !== undefined || database !== undefined;

/** Said once by what waits; after a power cut it is what a person finds in the log of a service that does not come up. */
export const HELD_BACK = "waits while data is changed; if no command is at work: ops/release/recover.ts";

/** Durable before a service is stopped: a boot in the middle starts nothing on half-migrated data. */
export const hold = (paths: Place) => lay(paths, holdPath(paths));

/** Durable before the drain: what runs is waited for, and nothing comes after it. */
export const holdJobs = (paths: Place) => lay(paths, jobHoldPath(paths));

function lay({ run }: Place, file: string): void {
  fs.mkdirSync(run, { recursive: true });
  writeDurably(file, "", 0o644);
}

/** Whoever starts a service lets all of them through. */
export const endHold = (paths: Place) => take(paths, holdPath(paths));

/** At the end of every operation: jobs wait on only while services do, which is until a person starts them. */
export function endJobHold(paths: Place): void {
  if (!standing(holdPath(paths))) take(paths, jobHoldPath(paths));
}

export const areJobsHeld = (paths: Place): boolean => standing(jobHoldPath(paths)) !== undefined;

function take({ run }: Place, file: string): void {
  if (!standing(file)) return;
  fs.rmSync(file, { force: true });
  syncDirectory(run);
}
