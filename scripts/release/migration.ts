import path from "node:path";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { TreeFacts } from "../core/observe.ts";
import { releasePath } from "../core/paths.ts";
import { partOf, type RunStep, type Step } from "../core/step.ts";
import { chosenSnapshot, type Crossing, type DataChoice } from "../database/crossing.ts";
import { holdPath } from "../database/hold.ts";
import { isManaged, scheduledNames } from "../schedule/jobs.ts";
import { migrationEnvironment } from "../database/migration-environment.ts";
import { refuseNoRoom } from "../database/state.ts";
import type { ManagedFacts } from "../service/managed-steps.ts";
import { heldOf, restart, restarted, touching, without } from "./around-the-link.ts";

/** What an activation knows of the data. */
export interface DataFacts {
  /** A way back crosses a change of the schema. */
  crossing?: Crossing;
  /** Where data is about to be changed: bytes that its backup takes, and that are free for it. */
  room?: { bytes: number; freeBytes: number };
  /** The units of the release that is to be current hold a start back while data is changed. */
  isGuarded: boolean;
}

/** What a switch does to the data, and around it. */
export interface DataPlan {
  /** Services whose sockets stay open. */
  held: string[];
  /** Before the drain: jobs that start from then on wait. */
  holdJobs: Step[];
  /** Before services are stopped: those behind sockets that stay. */
  pause: Step[];
  /** While nothing of the tree runs. */
  work: Step[];
  /** Starts what is behind sockets that stayed open. */
  resume(isRecorded: boolean): Step[];
  /** Where nothing is there to be started again: what waited goes on. */
  letGo: Step[];
  /** Once the release is healthy, before it is recorded, and after that. */
  take: Step[];
  settle: Step[];
  /** Brings the data back, if its change had begun; while nothing runs. */
  undo: Step[];
}

interface Facts {
  tree: TreeFacts;
  services: string[];
  running: string[];
  managed: ManagedFacts;
  hasJobs?: boolean;
  data: DataFacts;
}

/** Decides what becomes of the data. @throws UsageError where a person has to choose */
export function planData(
  context: Context,
  facts: Facts,
  { id, isBack }: { id: string; isBack: boolean },
  choice: DataChoice,
): DataPlan {
  if (!isBack && choice.restoreData)
    throw new UsageError(`--restore-data is for a way back, and ${id} is no earlier release of the line`, {
      next: `${context.opsPath}/data/restore.ts`,
    });
  const { tree, data } = facts;
  const snapshot = isBack ? chosenSnapshot(context, id, { tree, crossing: data.crossing }, choice) : undefined;
  const work = isBack ? bringing(id, snapshot) : migrating(context, id);
  if (work.length === 0) return { ...untouched(context, facts), take: isBack ? taking(facts, id) : [] };
  refuseRunning(context, facts.running, id);
  // What is brought back is copied beside what is there now.
  const bytes = (data.room?.bytes ?? 0) + (snapshot?.bytes ?? 0);
  if (data.room) refuseNoRoom(context, bytes, data.room.freeBytes);
  return changing(context, facts, work);
}

/** Nothing becomes of it. */
export const untouched = (context: Context, facts: Pick<Facts, "services" | "running" | "managed">): DataPlan => {
  const held = heldOf(facts);
  const resume = (isRecorded: boolean) => restart(context, held, { isRecorded });
  return { held, holdJobs: [], pause: [], work: [], resume, letGo: [], take: [], settle: [], undo: [] };
};

function changing(context: Context, facts: Facts, work: Step[]): DataPlan {
  const { isGuarded } = facts.data;
  const held = isGuarded ? heldOf(facts) : [];
  // Also what does not run now would be started by a request or a boot.
  const isManagers = isGuarded && isManaged(context.manifest);
  return {
    held,
    holdJobs: isGuarded ? holdJobs(context, facts.hasJobs) : [],
    pause: isManagers ? [step("pause", pauseTitle(held), "pause", ...held)] : [],
    work,
    resume: (isRecorded) =>
      held.length > 0
        ? [step("resume", `Start ${held.join(", ")}`, isRecorded ? "resume-recorded" : "resume", ...held)]
        : endHold(context, isManagers),
    letGo: endHold(context, isManagers),
    take: [],
    settle: [step("settle", "Keep the data as it is now", "settle")],
    undo: [step("undo", "Bring the data back, if its change had begun", "undo")],
  };
}

/** What a pause does, for a person. */
export const pauseTitle = (held: string[]) =>
  held.length > 0 ? `Stop ${held.join(", ")}; requests wait` : "Let whatever starts now wait";

/** Before a drain, where jobs could start: until the data is settled, or the operation ends in another way. */
export const holdJobs = ({ manifest }: Context, hasJobs = scheduledNames(manifest).length > 0): Step[] => {
  const { touches: _, ...untouching } = step("hold-jobs", "Let jobs that start now wait", "hold-jobs");
  return hasJobs ? [untouching] : [];
};

/** Where nothing starts a service again. */
export const endHold = ({ paths }: Context, isHeld: boolean): Step[] =>
  isHeld ? touching([{ kind: "remove", title: "Let services start again", path: holdPath(paths) }]) : [];

function migrating(context: Context, id: string): Step[] {
  const { migrate, database } = context.manifest;
  if (!migrate) return [];
  const run: RunStep = {
    kind: "run",
    key: "migrate",
    title: `Migrate the data for ${id}`,
    run: {
      lines: migrate.run,
      cwd: path.join(releasePath(context.paths, id), migrate.dir),
      env: migrationEnvironment(context, id),
    },
  };
  const save = database ? "Back the data up" : "Look at the schema";
  return [
    step("save", save, "save", id),
    ...touching([run]),
    step("record", `Record the schema of ${id}`, "record", id),
  ];
}

const bringing = (id: string, snapshot: Crossing["snapshot"]): Step[] =>
  snapshot
    ? [
        step("save", "Back the data up as it is now", "save-as-it-is", id),
        step("bring", `Bring back the data of ${snapshot.created_at}`, "bring", snapshot.id),
      ]
    : [];

/** A release that goes on with the data of another schema has that schema. */
const taking = ({ tree, data }: Facts, id: string): Step[] =>
  data.crossing
    ? [step("take", `Record that ${id} runs on ${data.crossing.from}`, "take", id, tree.current.releaseId ?? "")]
    : [];

function refuseRunning(context: Context, running: string[], id: string): void {
  const staying = without(running, restarted(context, running));
  if (staying.length > 0)
    throw new UsageError(
      `the data is changed for ${id} while nothing runs, and ${staying.join(", ")} would go on: DEPLOY_SKIP_SERVICE_RESTART or DEPLOY_SERVICES says so`,
      { next: `${context.opsPath}/service/stop.ts` },
    );
}

/** One part of a migration, as a step. */
export const step = (key: string, title: string, ...words: string[]): RunStep => ({
  kind: "run",
  key: `migrate:${key}`,
  title,
  run: partOf("data/migrate", ...words),
  touches: true,
});
