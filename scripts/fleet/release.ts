import { EXIT } from "../core/errors.ts";
import { writeOut } from "../terminal/output.ts";
import { hostsWithout } from "../upload/already.ts";
import { stage } from "../upload/send.ts";
import { sizeOfBatch } from "./batches.ts";
import { exitOfOne, speaking } from "./change.ts";
import { conclude } from "./conclude.ts";
import { bring, buildAll, type Deploying, deployTo } from "./deploy.ts";
import { outcomeOf } from "./switching.ts";
import type { Giving } from "./give.ts";
import { holdInterrupt, type Interrupt } from "./interrupt.ts";
import { prepareAll } from "./preparing.ts";
import { asItIs } from "./real.ts";
import { showDeployment } from "./shown.ts";
import { lookAtStatus } from "./status.ts";
import { serialOf } from "./switch.ts";
import { uploadTo } from "./uploading.ts";
import { only } from "./words.ts";

/** Options for the build there; the id and the files come from here. */
const BUILD = ["--no-cache", "--quiet", "--verbose"];
const SWITCH = ["--restore-data", "--keep-data", "--yes", "--quiet", "--verbose"];

/**
 * Builds, switches, gates and prunes on the environment's hosts. `--json` gives one value in the end, {release, hosts: [{host, outcome,
 * exit, previous, duration_ms}], outcome, exit}, for one host as well; what the hosts say meanwhile goes to standard error.
 */
export async function deployOnHosts(giving: Giving): Promise<number> {
  if (giving.flags.dryRun) return showDeployment(giving, "release/deploy");
  const { hosts } = giving;
  if (hosts.hosts.length === 1) return deployOnOne(giving);
  const [fleet, interrupt] = wired(giving);
  const { passed } = giving.typed;
  const words = { buildWords: only(passed, ...BUILD), switchWords: only(passed, ...SWITCH) };
  const size = sizeOfBatch(serialOf(giving), hosts.hosts.length);
  const deployed = await deployTo(fleet, { hosts: hosts.hosts, size, ...words });
  const isInterrupted = interrupt.isInterrupted();
  interrupt.end();
  return conclude(giving, { ...deployed, isInterrupted });
}

/** On one host it is one operation there. */
async function deployOnOne(giving: Giving): Promise<number> {
  const { hosts, typed, flags } = giving;
  const [fleet, interrupt] = wired(giving);
  const { staged, connections } = await bring(fleet, hosts.hosts);
  const [{ host, currentId }] = connections as [(typeof connections)[0]];
  const words = ["--uploaded", staged.id, ...only(typed.passed, ...new Set([...BUILD, ...SWITCH]))];
  const turn = { host, command: "release/deploy", words };
  if (!flags.json) {
    const ending = await hosts.give(turn, asItIs());
    interrupt.end();
    return exitOfOne(giving, host, ending);
  }
  const { ending } = await hosts.ask(turn, { fd: 2 });
  interrupt.end();
  const outcomes = [outcomeOf({ host, previous: currentId }, ending)];
  return conclude(giving, { id: staged.id, outcomes, isInterrupted: interrupt.isInterrupted() });
}

/** Builds a release on the environment's hosts, and switches nothing. */
export async function buildOnHosts(giving: Giving): Promise<number> {
  if (giving.flags.dryRun) return showDeployment(giving, "release/build_release");
  const { hosts, typed, flags } = giving;
  const [fleet, interrupt] = wired(giving);
  const { staged, connections } = await bring(fleet, hosts.hosts, { isEachMeant: true });
  const words = ["--uploaded", staged.id, ...only(typed.passed, ...BUILD)];
  if (connections.length > 1 || flags.json) {
    await buildAll(fleet, connections, words);
    interrupt.end();
    const built = {
      release: staged.id,
      hosts: connections.map(({ host }) => host.name),
      outcome: "done",
      exit: EXIT.done,
    };
    if (flags.json) writeOut(1, `${JSON.stringify(built, null, 2)}\n`);
    else fleet.say(`${staged.id} is built on all ${connections.length} hosts`);
    return EXIT.done;
  }
  const [{ host }] = connections as [(typeof connections)[0]];
  const ending = await hosts.give({ host, command: "release/build_release", words }, asItIs());
  interrupt.end();
  return exitOfOne(giving, host, ending);
}

/** A deployment's parts, as they really are. */
function wired(giving: Giving): [Deploying, Interrupt] {
  const { hosts, loaded, flags, typed } = giving;
  const choice = flags as { id?: string; cache?: boolean };
  const interrupt = holdInterrupt();
  const fleet: Deploying = {
    ...speaking(hosts),
    isInterrupted: interrupt.isInterrupted,
    give: async (turn) => (await hosts.ask(turn, { fd: flags.json ? 2 : 1, isShown: !turn.isQuiet })).ending,
    connect: (host) => hosts.connect(host),
    stage: () =>
      stage(loaded, {
        ...(typed.bare[0] === undefined ? {} : { ref: typed.bare[0] }),
        ...(choice.id === undefined ? {} : { id: choice.id }),
        ...(choice.cache === undefined ? {} : { isCached: choice.cache }),
      }),
    prepare: (connections) => prepareAll(hosts, connections),
    upload: async (connections, staged) => {
      const without = choice.cache === false ? connections : await hostsWithout(connections, staged);
      if (without.length > 0) await uploadTo(hosts, without, staged);
    },
    look: async (host) => {
      const status = await lookAtStatus(giving, host);
      const { current } = status ?? {};
      return { id: current?.release_id, sha: current?.commit_sha, isServing: status?.is_serving === true };
    },
  };
  return [fleet, interrupt];
}
