import path from "node:path";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import { command, type Plan, quote, type Step } from "../core/step.ts";
import { startStep, stopStep } from "../service/steps.ts";
import { planEntry, planMode, planSecrets, type SharedFact } from "../shared/entries.ts";
import { whyMissing } from "../shared/missing.ts";
import type { PrepareFacts } from "../shared/facts.ts";
import { keptPath, planTree, takingPath } from "../shared/linked.ts";
import { showBytes } from "../text/amounts.ts";
import { gate } from "./activation.ts";
import { drain } from "./around-the-link.ts";

/** Phase 2, or moving in: copies while nothing writes, proves the copies, then lets each take its place by renames. */
export function planTakeOver(context: Context, facts: PrepareFacts, phase: "harden" | "move"): Plan {
  const { taken, freeBytes, shared } = facts;
  const gone = whyMissing(
    context,
    shared.filter(({ state }) => state === "dangling"),
  );
  if (gone) throw gone;
  if (phase === "harden") refuseUnlinked(context, shared);
  const needed = taken.reduce((sum, { bytes }) => sum + bytes, 0);
  if (needed > freeBytes)
    throw new FailedError(
      `no room: ${showBytes(needed)} are needed in ${context.paths.shared}, ${showBytes(freeBytes)} are free`,
      { next: "df -h" },
    );
  const absent = shared.filter(({ state, hasSource }) => state === "absent" && !hasSource);
  const releaseId = facts.tree.current.releaseId;
  return {
    title: phase === "harden" ? "Make what shared/ links to its own" : "Move the application's state into shared/",
    ...(releaseId ? { previousId: releaseId } : {}),
    notes:
      taken.length > 0
        ? [`${showBytes(needed)} are needed in ${context.paths.shared}; ${showBytes(freeBytes)} are free`]
        : [],
    steps: [
      ...planTree(context),
      ...absent.flatMap(planEntry),
      ...planSecrets(context, absent),
      ...(taken.length > 0 ? [...drain(context, releaseId, facts), ...stopped(facts)] : []),
      ...taken.map(({ fact, source }) => planCopy(fact, source)),
      ...taken.flatMap(({ fact }) => planSwap(fact)),
      ...(taken.length > 0 ? planBack(context, facts) : []),
      ...taken.filter(({ fact }) => fact.state !== "absent").map(({ fact }) => planRemoval(fact)),
    ],
    discard: taken.map(({ fact }): Step => ({
      kind: "remove",
      title: `Remove the copy of ${fact.shared}`,
      path: takingPath(fact.sharedPath),
    })),
    revert: planUndo(context, facts),
    done: [
      taken.length > 0 ? takenOver(taken) : "shared/ holds its own files and directories already.",
      ...(phase === "move" ? leftBehind(facts) : []),
    ].join("\n"),
  };
}

/** What lies in the old place and is not taken, because `shared/` has its own. */
const leftBehind = ({ shared, taken }: PrepareFacts) =>
  shared
    .filter((fact) => fact.hasSource && !taken.some((one) => one.fact.sharedPath === fact.sharedPath))
    .map(({ shared: name, sourcePath }) => `  shared/${name} stays as it is: ${sourcePath} was not taken`);

/** What was put aside: a link, or a directory that must still be empty. */
function planRemoval({ shared, sharedPath, state }: SharedFact): Step {
  const kept = keptPath(sharedPath);
  if (state !== "real") return { kind: "remove", title: `Remove the old link of ${shared}`, path: kept };
  const run = { lines: [`rmdir -- ${quote(kept)}`], cwd: path.dirname(sharedPath), env: {} };
  return { kind: "run", key: "empty", title: `Remove the empty ${shared}`, run };
}

/** @throws UsageError for what the checkout has and shared/ has not: the next release would begin with an empty one */
function refuseUnlinked({ opsPath, flags, paths }: Context, shared: SharedFact[]): void {
  const left = shared.filter(({ state, hasSource, optional }) => state === "absent" && hasSource && !optional);
  if (left.length === 0) return;
  const prepare = command(`${opsPath}/release/prepare_shared.ts`, ...flags);
  const lines = left.map((fact) => `\n  ${fact.sourcePath} is not in ${paths.shared} yet, as ${fact.shared}`);
  throw new UsageError(`--harden copies what shared/ links to:${lines.join("")}`, {
    next: [prepare, `${prepare} --harden`],
  });
}

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
    title: fact.state === "real" ? `Put the empty ${shared} aside` : `Keep the old link of ${shared}`,
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
  return [...(fact.state === "absent" ? [] : [aside]), into, ...planMode(fact)];
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
  const isKept = `[ ${state === "link" ? "-L" : "-d"} ${kept} ]`;
  const lines = state === "absent" ? [away] : [`if ${isKept}; then`, away, `mv -- ${kept} ${place}`, "fi"];
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
