import path from "node:path";
import type { Context } from "../core/context.ts";
import { standing } from "../core/durable.ts";
import { UsageError } from "../core/errors.ts";
import { observeTree, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import { releasePath } from "../core/paths.ts";
import type { Plan, Step } from "../core/step.ts";
import { observeSetsOf, type SetFact } from "../dependencies/facts.ts";
import { lyingFiles } from "../dependencies/key-files.ts";
import { planSet, planSetDiscard, planSetLink } from "../dependencies/plan.ts";
import { keyOf, linkAt } from "../dependencies/relink.ts";
import { definitionsOf, recordedManifest } from "../service/definitions.ts";
import { runningServices } from "../service/supervisors.ts";
import { keptPath } from "../shared/linked.ts";
import { gate } from "./activation.ts";
import { drain, start, stop, touching } from "./around-the-link.ts";
import { part } from "./build-steps.ts";

export interface PromoteArgs {
  name?: string | undefined;
}

/** A dependency set of the manifest, as the current release has it. */
export interface PromotedSet extends SetFact {
  /** `borrowed`: a link that leads to no set; `own`: one that does; `real`: a file or directory of the release itself. */
  state: "borrowed" | "own" | "outside" | "real" | "absent";
  /** Where the link leads now. */
  target?: string;
}

export interface PromoteFacts {
  tree: TreeFacts;
  sets: PromotedSet[];
  running: string[];
  /** The services of the current release, as it last ran healthy. */
  services: string[];
}

/** `ops/release/promote.ts [name]`: an environment that releases borrow becomes a dependency set of their own. */
export const promote: Operation<PromoteFacts, PromoteArgs> = {
  kind: "promote",
  observe: observePromote,
  plan: (context, facts, args) => [planPromote(context, facts, args)],
};

async function observePromote(context: Context): Promise<PromoteFacts> {
  const tree = observeTree(context.paths);
  const id = tree.current.releaseId;
  const running = await runningServices(context);
  if (id === undefined) return { tree, sets: [], running, services: [] };
  const directory = releasePath(context.paths, id);
  const services = definitionsOf(await recordedManifest(context, id)).map(({ name }) => name);
  const sets = observeSetsOf(context, lyingFiles(directory)).map((set) => ({
    ...set,
    ...standingAs(context, directory, set),
  }));
  return { tree, sets, running, services };
}

function standingAs(
  { manifest, paths }: Context,
  directory: string,
  { name }: SetFact,
): Pick<PromotedSet, "state" | "target"> {
  const { path: place = "", use } = manifest.dependencies[name] ?? {};
  const target = linkAt(path.join(directory, place));
  if (use !== undefined) return { state: "outside" };
  if (target === undefined) return { state: standing(path.join(directory, place)) ? "real" : "absent" };
  return { state: keyOf(paths, directory, { name, path: place, target }) ? "own" : "borrowed", target };
}

/** Makes the sets while everything runs, then lets the current release use them, and proves it; or brings back what it borrowed. */
export function planPromote(context: Context, facts: PromoteFacts, { name }: PromoteArgs): Plan {
  const id = facts.tree.current.releaseId;
  if (id === undefined)
    throw new UsageError(`nothing is deployed in ${context.paths.deployTo}: there is nothing to promote`, {
      next: `${context.opsPath}/release/deploy.ts`,
    });
  const sets = chosen(context, facts, id, name);
  const again = context.overrides.isRestartSkipped ? [] : facts.services.filter((one) => facts.running.includes(one));
  const mark = again.length > 0 ? touching : (steps: Step[]) => steps;
  const names = sets.map((set) => set.name).join(", ");
  const back = planBack(context, id, sets, again);
  return {
    title: `Give ${id} a dependency set of its own: ${names}`,
    previousId: id,
    steps: [
      ...sets.flatMap((set) => planSet(context, id, set)),
      ...(again.length > 0 ? [...drain(context, id, facts), ...stop(context, again)] : []),
      ...mark(sets.flatMap((set) => [keepLink(context, id, set), { ...planSetLink(context, id, set), clears: false }])),
      ...serving(context, id, again),
      relink(id),
      ...sets.map((set) => forget(context, id, set)),
    ],
    discard: [...(again.length > 0 ? [] : back), ...planSetDiscard(sets)],
    revert: [...(again.length > 0 ? stop(context, again) : []), ...back],
    done: `${id} has its own: ${names}. Releases before it still borrow theirs, as they did.`,
    stranded: [`${context.opsPath}/service/status.ts`, `${context.opsPath}/service/logs.ts`],
  };
}

function chosen(
  { manifest, opsPath }: Context,
  { sets }: PromoteFacts,
  id: string,
  name: string | undefined,
): PromotedSet[] {
  const next = `${opsPath}/release/deploy.ts`;
  if (sets.length === 0)
    throw new UsageError("there is nothing to promote: the manifest has no dependencies", {
      next: "in the manifest, replace the entry of linked_dirs by dependencies: { <name>: { path, key, run } }",
    });
  if (name !== undefined && !Object.hasOwn(manifest.dependencies, name))
    throw new UsageError(
      `there are no dependencies.${name}; the manifest has ${sets.map((set) => set.name).join(", ")}`,
    );
  const wanted = sets.filter((set) => name === undefined || set.name === name);
  const borrowed = wanted.filter(({ state }) => state === "borrowed");
  if (borrowed.length === 0)
    throw new UsageError(
      [
        "there is nothing to promote:",
        ...wanted.map((set) => `  ${whyNot(set, id, manifest.dependencies[set.name]?.path)}`),
      ].join("\n"),
      { next },
    );
  const problems = borrowed.flatMap((set) => set.problems);
  if (problems.length > 0)
    throw new UsageError(`the set cannot be made for ${id}:\n${problems.map((line) => `  ${line}`).join("\n")}`, {
      next: borrowed.flatMap((set) => set.next),
    });
  return borrowed;
}

const WHY: Record<PromotedSet["state"], string> = {
  borrowed: "",
  own: "leads to a dependency set already",
  outside: "is an environment outside of the tree (use): give it key and run first",
  real: "is a part of the release itself: the next deploy makes a set",
  absent: "is not there: the next deploy makes a set",
};

const whyNot = ({ name, state }: PromotedSet, id: string, place = "") => `${name}: ${place} of ${id} ${WHY[state]}`;

const placeOf = ({ manifest, paths }: Context, id: string, { name }: PromotedSet) =>
  path.join(releasePath(paths, id), manifest.dependencies[name]?.path ?? "");

// Beside the place, so that whoever finds an interrupted promotion knows what was there.
const keepLink = (context: Context, id: string, set: PromotedSet): Step => ({
  kind: "link",
  title: `Keep where ${set.name} led`,
  path: keptPath(placeOf(context, id, set)),
  target: set.target ?? "",
  within: releasePath(context.paths, id),
});

const forget = (context: Context, id: string, set: PromotedSet): Step => ({
  kind: "remove",
  title: `Remove the kept link of ${set.name}`,
  path: keptPath(placeOf(context, id, set)),
});

const relink = (id: string): Step => ({
  kind: "run",
  key: "relink",
  title: `Record what ${id} is linked to`,
  run: part("relink", id),
});

const serving = (context: Context, id: string, again: string[]): Step[] =>
  again.length === 0
    ? []
    : [...start(context, again, { isRecorded: true }), ...gate(context, id, { isRecorded: true })];

function planBack(context: Context, id: string, sets: PromotedSet[], again: string[]): Step[] {
  return [
    ...sets.flatMap((set) => putBack(placeOf(context, id, set), set.target ?? "")),
    relink(id),
    ...sets.map((set) => forget(context, id, set)),
    ...serving(context, id, again),
  ];
}

/** Points a release's link at what it led to before. */
export const putBack = (place: string, target: string): Step[] => [
  { kind: "link", title: `Point ${place} back at ${target}`, path: place, target },
];

/** An interrupted promotion is undone: the links are as they were, and what the release says of itself too. */
export const planDemote = (id: string, kept: { kept: string; place: string; target: string }[]): Step[] =>
  kept.length === 0
    ? []
    : [
        ...kept.flatMap(({ place, target }) => putBack(place, target)),
        relink(id),
        ...kept.map(({ kept: aside }): Step => ({ kind: "remove", title: `Remove ${aside}`, path: aside })),
      ];
