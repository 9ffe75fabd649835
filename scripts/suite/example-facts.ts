import type { Context } from "../core/context.ts";
import type { ReleaseFact, TreeFacts } from "../core/observe.ts";
import { incomingPath } from "../core/paths.ts";
import type { Upload } from "../build/uploaded.ts";
import { isHeldBack } from "../database/hold.ts";
import type { Plan } from "../core/step.ts";
import { type ActivationFacts, planActivation, planRestore } from "../release/activation.ts";
import { planBuild } from "../release/build_release.ts";
import { NO_SETS } from "../dependencies/unused.ts";
import { prepareShared } from "../release/prepare_shared.ts";
import { planPrune } from "../release/prune.ts";
import type { ReleaseRow } from "../registry/releases.ts";
import { rotate } from "../logs/rotate.ts";
import type { SharedFact } from "../shared/entries.ts";
import { definitionsOf } from "../service/definitions.ts";
import { exampleSets, exampleTool } from "./example-sets.ts";
import { NO_PAGE } from "../release/page.ts";
import { UNMANAGED } from "../service/managed-steps.ts";
import { restartServices } from "../service/restart.ts";
import { planStart } from "../service/start.ts";
import { planStop } from "../service/stop.ts";

/** Release ids that stand in generated pages for real ones. */
export const NEW_ID = "20261120-221530-a1b2c3d";
export const OLD_ID = "20261113-090000-0d4c3b2";

const SHA = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
const OLD_SHA = "0d4c3b2a1f5e60718293a4b5c6d7e8f900112233";
const NOW = new Date("2026-11-20T22:15:30Z");

const row = (id: string, activation: number, status: ReleaseRow["status"], previous: string | null): ReleaseRow => ({
  id: activation,
  release_id: id,
  commit_sha: id === NEW_ID ? SHA : OLD_SHA,
  migration_marker: null,
  status,
  deployed_at: null,
  previous_release_id: previous,
  activation,
  is_pinned: 0,
  bytes: null,
  updated_at: "",
});

/** A tree in which `currentId` serves, with OLD_ID as the good release before it. */
export function exampleTree(currentId: string, more: ReleaseRow[] = []): TreeFacts {
  const rows = [
    row(NEW_ID, 1001, currentId === NEW_ID ? "deployed" : "built", OLD_ID),
    row(OLD_ID, 1000, currentId === OLD_ID ? "deployed" : "replaced", more[0]?.release_id ?? null),
    ...more,
  ];
  return {
    now: NOW,
    isTree: true,
    current: { kind: "link", target: `releases/${currentId}`, releaseId: currentId },
    ids: rows.map(({ release_id }) => release_id),
    rows: new Map(rows.map((one) => [one.release_id, one])),
    open: [],
  };
}

const exampleRelease = (id: string, isComplete: boolean): ReleaseFact => ({
  id,
  isComplete,
  isBuilding: false,
  isSealed: isComplete,
  sha: id === NEW_ID ? SHA : OLD_SHA,
  hasRecordedManifest: id === OLD_ID,
});

export const names = (context: Context) => definitionsOf(context.manifest).map(({ name }) => name);

function exampleShared({ manifest, paths }: Context, state: SharedFact["state"]): SharedFact[] {
  const facts =
    (kind: SharedFact["kind"]) =>
    (entry: (typeof manifest.linked_files)[number]): SharedFact => {
      const sourcePath = `${manifest.source.repo}/${entry.from}`;
      const sharedPath = `${paths.shared}/${entry.shared}`;
      return {
        ...entry,
        kind,
        sharedPath,
        sourcePath,
        state,
        hasSource: true,
        ...(state === "link" ? { linkedTo: sourcePath } : {}),
      };
    };
  return [...manifest.linked_files.map(facts("file")), ...manifest.linked_dirs.map(facts("directory"))];
}

/** Services whose socket would stay open through a switch. */
export const heldNames = (context: Context) =>
  context.manifest.supervisor.startsWith("systemd")
    ? definitionsOf(context.manifest).flatMap(({ name, isHeld }) => (isHeld ? [name] : []))
    : [];

/** What is known before `to` becomes current in place of `from`. */
export const exampleActivation = (context: Context, from: string, to: string): ActivationFacts => ({
  tree: exampleTree(from),
  target: exampleRelease(to, true),
  services: names(context),
  running: names(context),
  isServing: false,
  unready: [],
  managed: { ...UNMANAGED, held: heldNames(context) },
  page: NO_PAGE,
  data: { isGuarded: isHeldBack(context.manifest) },
  notices: [],
});

/** `prepare_shared`: phase 1, and phase 2 as it would be where something is linked. */
export function examplePrepare(context: Context, phase: "link" | "harden"): Plan[] {
  const shared = exampleShared(context, phase === "link" ? "absent" : "link");
  const taken = phase === "link" ? [] : shared.map((fact) => ({ fact, source: fact.sourcePath, bytes: 0 }));
  const facts = {
    tree: exampleTree(OLD_ID),
    shared,
    suite: { version: "", isInstalled: true, files: [], packages: new Map<string, string>() },
    running: phase === "link" ? [] : names(context),
    services: names(context),
    taken,
    freeBytes: 0,
  };
  return prepareShared.plan(context, facts, { phase });
}

/** What was sent to a host. */
const exampleUpload = (ref: string): Upload => ({
  id: NEW_ID,
  sha: SHA,
  ref,
  isDirty: false,
  builtHere: [],
  builtBy: "",
  made: [],
  files: 0,
  bytes: 0,
});

/** A build of NEW_ID where everything that it needs is there. */
export function exampleBuild(context: Context): Plan {
  const { source, build } = context.manifest;
  const needs = [...new Set(Object.values(build).flatMap((step) => step.needs))];
  const tools = needs.map(exampleTool);
  const from = { ref: source.ref, sha: SHA, isDirty: false, tags: [], submodules: [], bytes: 0, files: 0 };
  return planBuild(context, {
    tree: exampleTree(OLD_ID),
    source:
      context.loaded.host === undefined
        ? { ...from, repo: source.repo }
        : { ...from, repo: incomingPath(context.paths, NEW_ID), upload: exampleUpload(source.ref) },
    id: NEW_ID,
    release: exampleRelease(NEW_ID, false),
    shared: exampleShared(context, "real"),
    tools,
    skipped: [],
    sets: exampleSets(context),
    steps: [],
    base: undefined,
    room: { freeBytes: Number.POSITIVE_INFINITY, freeFiles: Number.POSITIVE_INFINITY },
  });
}

export const exampleSwitch = (context: Context) =>
  planActivation(context, exampleActivation(context, OLD_ID, NEW_ID), "deploy");

export const exampleRollback = (context: Context) =>
  planActivation(context, exampleActivation(context, NEW_ID, OLD_ID), "rollback");

const week = (back: number) =>
  new Date(NOW.getTime() - back * 7 * 86_400_000).toISOString().slice(0, 10).replaceAll("-", "");

/** Pruning where one good release is too many. */
export function examplePrune(context: Context): Plan {
  const { keep_releases: keep } = context.manifest;
  // Current and the one before it stay whatever keep_releases is.
  const older = Array.from({ length: Math.max(keep, 2) - 1 }, (_, i) =>
    row(`${week(i + 2)}-090000-0d4c3b2`, 999 - i, "replaced", null),
  );
  return planPrune(context, { tree: exampleTree(NEW_ID, older), used: new Map(), deps: NO_SETS }, {});
}

/** How what served comes back after a switch that failed, or was cut off once the services were stopped. */
export function exampleRestore(context: Context): Plan {
  const steps = planRestore(context, exampleActivation(context, OLD_ID, NEW_ID));
  return { title: `Bring ${OLD_ID} back`, steps, discard: [], revert: [], done: "" };
}

const startFacts = (context: Context) => {
  const definitions = definitionsOf(context.manifest);
  return { tree: exampleTree(OLD_ID), definitions, recorded: definitions };
};

export const exampleStart = (context: Context) => planStart(context, startFacts(context), { names: [] });

export const exampleStop = (context: Context) =>
  planStop(context, { running: names(context), stale: [] }, { names: [] });

export const exampleRestart = (context: Context) =>
  restartServices.plan(
    context,
    { ...startFacts(context), services: { running: names(context), stale: [] }, held: heldNames(context) },
    { names: [] },
  );

export const exampleRotation = (context: Context) =>
  rotate.plan(
    context,
    [{ path: `${context.paths.logs}/web.log`, bytes: 12_000_000, rotated: ["web.log.1.gz"], freeBytes: Infinity }],
    {},
  );
