import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import { observeTree, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan, Step } from "../core/step.ts";
import { quote } from "../core/step.ts";
import { installedSuite, planSuite, type SuiteFacts } from "../suite/install.ts";
import { renderTreeCopy } from "../manifest/load.ts";
import { refuseLater } from "../manifest/later.ts";
import { definitionsOf, recordedManifest, runningServices, supervisorOf } from "../service/definitions.ts";
import { startStep, stopStep } from "../service/steps.ts";
import { drain, gate } from "./activation.ts";
import { keptPath, observeShared, planTree, type SharedFact, takingPath } from "../shared/linked.ts";
import { refuseOpen, sizeOf } from "../shared/take-over.ts";

export interface PrepareArgs {
  /** Phase 1 links to the checkout; `harden` makes links real; `move` takes over an application that runs in place. */
  phase: "link" | "harden" | "move";
  /** The folder of that application (default: the checkout). */
  from?: string | undefined;
}

export interface PrepareFacts {
  tree: TreeFacts;
  shared: SharedFact[];
  suite: SuiteFacts;
  running: string[];
  /** The services of the current release, as it last ran healthy. */
  services: string[];
  /** What is taken over: absolute source, place in `shared/`, bytes. */
  taken: { fact: SharedFact; source: string; bytes: number }[];
  freeBytes: number;
}

/** `ops/release/prepare_shared.ts`: the one-time set-up of the tree and its state. */
export const prepareShared: Operation<PrepareFacts, PrepareArgs> = {
  kind: "prepare",
  observe: observePrepare,
  plan: (context, facts, args) => [
    args.phase === "link" ? planPhaseOne(context, facts) : planTakeOver(context, facts, args),
  ],
};

async function observePrepare(context: Context, { phase, from }: PrepareArgs): Promise<PrepareFacts> {
  refuseLater(context.loaded);
  const shared = observeShared(context, from ? path.resolve(from) : undefined);
  const running = await runningServices(context);
  const wanted = phase === "link" ? [] : shared.flatMap((fact) => toTake(fact, phase));
  const own = await ownProcesses(context, running);
  for (const { source } of wanted) refuseOpen(source, own);
  const tree = observeTree(context.paths);
  const current = tree.current.releaseId;
  const { bavail, bsize } = fs.statfsSync(existing(context.paths.deployTo));
  return {
    tree,
    shared,
    suite: installedSuite(context),
    running,
    services: definitionsOf(current ? recordedManifest(context, current) : context.manifest).map(({ name }) => name),
    taken: wanted.map(({ fact, source }) => ({ fact, source, bytes: sizeOf(source) })),
    freeBytes: bavail * bsize,
  };
}

const existing = (place: string): string => (fs.existsSync(place) ? place : existing(path.dirname(place)));

async function ownProcesses(context: Context, running: string[]): Promise<number[]> {
  const states = await Promise.all(running.map((name) => supervisorOf(context).observe(name)));
  return states.flatMap(({ processes }) => processes);
}

function toTake(fact: SharedFact, phase: "harden" | "move"): { fact: SharedFact; source: string }[] {
  if (fact.state === "link" && fact.linkedTo) return [{ fact, source: fs.realpathSync(fact.linkedTo) }];
  if (phase === "move" && fact.state === "absent" && fact.hasSource)
    return [{ fact, source: fs.realpathSync(fact.sourcePath) }];
  return [];
}

/** Phase 1 (seed 000): links to the checkout, the lowest risk; no service is touched. */
function planPhaseOne(context: Context, facts: PrepareFacts): Plan {
  refuseMissing(facts.shared);
  return {
    title: `Prepare ${context.paths.deployTo}`,
    steps: [...planTree(context), ...facts.shared.flatMap(planEntry), ...planFiles(context, facts)],
    discard: [],
    revert: [],
    done: [
      `${context.paths.deployTo} is prepared.`,
      ...facts.shared
        .filter(({ state, hasSource }) => state === "absent" && hasSource)
        .map((fact) => `  shared/${fact.shared} -> ${fact.sourcePath}`),
    ].join("\n"),
  };
}

const planFiles = (context: Context, { suite }: PrepareFacts): Step[] => [
  {
    kind: "write",
    title: "Copy the manifest into the tree",
    path: context.paths.manifest,
    content: renderTreeCopy(context.loaded),
    mode: 0o600,
  },
  ...planSuite(context, suite),
];

function refuseMissing(shared: SharedFact[]): void {
  const missing = shared.filter(
    (fact) =>
      fact.state === "dangling" ||
      (fact.kind === "file" && fact.state === "absent" && !fact.hasSource && !fact.optional),
  );
  if (missing.length === 0) return;
  const lines = missing.map((fact) =>
    fact.state === "dangling"
      ? `${fact.sharedPath} leads to ${fact.linkedTo}, which is gone`
      : `${fact.sharedPath} is missing, and so is ${fact.sourcePath}`,
  );
  throw new UsageError(`linked files are missing:\n${lines.map((line) => `  ${line}`).join("\n")}`, {
    next: missing.map((fact) =>
      fact.state === "dangling"
        ? `rm ${quote(fact.sharedPath)}`
        : `mkdir -p ${quote(path.dirname(fact.sharedPath))} && install -m 600 /dev/null ${quote(fact.sharedPath)}   # then fill it, or mark it optional`,
    ),
  });
}

function planEntry(fact: SharedFact): Step[] {
  if (fact.state !== "absent") return [];
  const place = path.dirname(fact.sharedPath);
  const parent: Step[] = fact.shared.includes("/") ? [{ kind: "mkdir", title: `Make ${place}`, path: place }] : [];
  if (fact.hasSource)
    return [
      ...parent,
      {
        kind: "link",
        title: `Link shared/${fact.shared} to ${fact.sourcePath}`,
        path: fact.sharedPath,
        target: fact.sourcePath,
      },
    ];
  if (fact.kind === "file" || fact.optional) return parent;
  return [{ kind: "mkdir", title: `Make ${fact.sharedPath}`, path: fact.sharedPath }, ...planMode(fact)];
}

const planMode = (fact: SharedFact): Step[] =>
  fact.mode === undefined
    ? []
    : [
        {
          kind: "run",
          key: "chmod",
          title: `Give ${fact.shared} the mode ${fact.mode.toString(8)}`,
          run: {
            lines: [`chmod ${fact.mode.toString(8)} -- ${quote(fact.sharedPath)}`],
            cwd: path.dirname(fact.sharedPath),
            env: {},
          },
        },
      ];

/** Phase 2, or moving in: copies while nothing writes, proves the copies, then lets each take its place by renames. */
function planTakeOver(context: Context, facts: PrepareFacts, args: PrepareArgs): Plan {
  const { taken, freeBytes, shared } = facts;
  refuseMissing(shared.filter(({ state }) => state === "dangling"));
  const needed = taken.reduce((sum, { bytes }) => sum + bytes, 0);
  if (needed > freeBytes)
    throw new FailedError(
      `no room: ${megabytes(needed)} are needed in ${context.paths.shared}, ${megabytes(freeBytes)} are free`,
      { next: "df -h" },
    );
  const absent = shared.filter(({ state, hasSource }) => state === "absent" && !hasSource);
  const releaseId = facts.tree.current.releaseId;
  return {
    title: args.phase === "harden" ? "Make what shared/ links to its own" : "Move the application's state into shared/",
    ...(releaseId ? { previousId: releaseId } : {}),
    notes:
      taken.length > 0
        ? [`${megabytes(needed)} are needed in ${context.paths.shared}; ${megabytes(freeBytes)} are free`]
        : [],
    steps: [
      ...planTree(context),
      ...absent.flatMap(planEntry),
      ...(taken.length > 0 ? [...drain(context, releaseId, facts.running), ...stopped(facts)] : []),
      ...taken.map(({ fact, source }) => planCopy(fact, source)),
      ...taken.flatMap(({ fact }) => planSwap(fact)),
      ...(taken.length > 0 ? planBack(context, facts) : []),
      ...taken
        .filter(({ fact }) => fact.state === "link")
        .map(({ fact }): Step => ({
          kind: "remove",
          title: `Remove the old link of ${fact.shared}`,
          path: keptPath(fact.sharedPath),
        })),
      ...planFiles(context, facts),
    ],
    discard: taken.map(({ fact }): Step => ({
      kind: "remove",
      title: `Remove the copy of ${fact.shared}`,
      path: takingPath(fact.sharedPath),
    })),
    revert: planUndo(context, facts),
    done: taken.length > 0 ? takenOver(taken) : "shared/ holds its own files and directories already.",
  };
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

const takenOver = (taken: PrepareFacts["taken"]) =>
  [
    "Taken over; the old ones were copied, and lie where they were until you remove them:",
    ...taken.map(({ fact, source }) => `  shared/${fact.shared}  from ${source}`),
  ].join("\n");

const planCopy = (fact: SharedFact, source: string): Step => ({
  kind: "run",
  key: "take-over",
  title: `Copy ${source} and prove the copy`,
  run: { ops: "release/prepare_shared", args: ["--take-over", source, "--to", takingPath(fact.sharedPath)] },
});

function planSwap(fact: SharedFact): Step[] {
  const { sharedPath: place, shared } = fact;
  const aside: Step = {
    kind: "move",
    title: `Keep the old link of ${shared}`,
    from: place,
    to: keptPath(place),
    touches: true,
  };
  const into: Step = {
    kind: "move",
    title: `Put the copy of ${shared} in its place`,
    from: takingPath(place),
    to: place,
    touches: true,
  };
  return [...(fact.state === "link" ? [aside] : []), into, ...planMode(fact)];
}

// A service that only a pid file knows is stopped, and nothing says how to start it again.
function planBack(context: Context, { running, services, tree }: PrepareFacts): Step[] {
  const id = tree.current.releaseId;
  const again = services.filter((name) => running.includes(name));
  if (!id || again.length === 0) return [];
  return [...startStep(again, { isRecorded: true }), ...gate(context, id, { isRecorded: true })];
}

const stopped = ({ running }: PrepareFacts) =>
  stopStep(running.toReversed()).map((step) => ({ ...step, touches: true }));

/** Only what was swapped is put back: of the other entries nothing has changed yet. */
function planPutBack({ shared, sharedPath, state }: SharedFact, aside: string): Step {
  const [place, kept] = [quote(sharedPath), quote(keptPath(sharedPath))];
  const away = `if [ -e ${place} ]; then mv -- ${place} ${quote(aside)}; fi`;
  const lines = state === "link" ? [`if [ -L ${kept} ]; then`, away, `mv -- ${kept} ${place}`, "fi"] : [away];
  return {
    kind: "run",
    key: "put-back",
    title: `Put the old ${shared} back`,
    run: { lines, cwd: path.dirname(sharedPath), env: {} },
  };
}

// What a service wrote into the copy before it failed is kept beside it: no data is lost.
function planUndo(context: Context, facts: PrepareFacts): Step[] {
  const suffix = `failed-${facts.tree.now.toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  return [
    ...stopped(facts),
    ...facts.taken.flatMap(({ fact }): Step[] => [
      { kind: "remove", title: `Remove the copy of ${fact.shared}`, path: takingPath(fact.sharedPath) },
      planPutBack(fact, `${fact.sharedPath}.${suffix}`),
    ]),
    ...planBack(context, facts),
  ];
}
