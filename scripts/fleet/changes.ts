import { contextOf } from "../core/context.ts";
import { EXIT, SwitchbackError, UsageError } from "../core/errors.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import { type Changes, observeChanges, renderComparison } from "../release/changes.ts";
import type { ListedRelease } from "../release/list.ts";
import { writeOut } from "../terminal/output.ts";
import { type Ending, worstOf } from "./ending.ts";
import type { Giving } from "./give.ts";
import { exitOfLooks, headingOf, sayLost, valueOf } from "./look.ts";
import { reporter } from "../terminal/reporter.ts";

/** More than there are. */
const ALL = ["--all", "--limit", "999999"];

/**
 * What differs between releases of the hosts, or between what they have and what would be deployed: the hosts know the releases'
 * commits, and the repository is here. `--json` gives the comparison; with several hosts an object of them, keyed by the hosts' names.
 */
export async function changesOfHosts(giving: Giving): Promise<number> {
  const { hosts, flags } = giving;
  const looks = await Promise.all(hosts.hosts.map((host) => look(giving, host)));
  const isOne = looks.length === 1;
  if (flags.json) {
    const values = looks.map(({ host, value }) => [host.name, value] as const);
    writeOut(1, `${JSON.stringify(isOne ? values[0]?.[1] : Object.fromEntries(values), null, 2)}\n`);
  }
  for (const [index, { host, ending, value, error }] of looks.entries()) {
    if (!flags.json && !isOne) writeOut(1, headingOf(hosts.titleOf(host), index === 0));
    sayLost(hosts.titleOf(host), ending);
    if (error) writeOut(2, `${reporter().paint("red", "error:")} ${error.message}\n`);
    else if (!flags.json && ending.end === "exited") writeOut(1, `${renderComparison(value as Changes)}\n`);
  }
  const failed = looks.flatMap(({ error }) => (error ? [error.exit as number] : []));
  return worstOf([exitOfLooks(looks.map(({ ending }) => ending)), ...failed, EXIT.done]);
}

interface Look {
  host: Giving["hosts"]["hosts"][0];
  ending: Ending;
  value: unknown;
  error?: SwitchbackError;
}

async function look({ hosts, loaded, typed }: Giving, host: Look["host"]): Promise<Look> {
  const asked = await hosts.ask({ host, command: "release/list", words: ALL }, { isReading: true, isShown: false });
  const { ending, value, err } = asked;
  if (ending.end !== "exited") return { host, ending, value: valueOf(ending, value) };
  try {
    if (!Array.isArray(value)) throw new UsageError(`${hosts.titleOf(host)} does not tell its releases: ${err.trim()}`);
    return { host, ending, value: compare(loaded, value as ListedRelease[], typed.bare, hosts.titleOf(host)) };
  } catch (error) {
    if (!(error instanceof SwitchbackError)) throw error;
    return { host, ending, value: { error: error.message, exit: error.exit, next: error.next }, error };
  }
}

/** @param releases those of the host; an id comes before a ref of the same name. */
export function compare(loaded: LoadedManifest, releases: ListedRelease[], bare: string[], title: string): Changes {
  const from = bare[0] ?? releases.find((one) => one.is_current)?.release_id;
  if (from === undefined) throw new UsageError(`nothing is deployed on ${title}: name what to start from`);
  const commitOf = (name: string) => {
    const found = releases.find(({ release_id }) => release_id === name);
    if (found?.commit_sha === "") throw new UsageError(`${name} does not say from which commit it was built`);
    return found?.commit_sha ?? name;
  };
  const to = bare[1] ?? loaded.manifest.source.ref;
  const changes = observeChanges(contextOf(loaded), commitOf(from), commitOf(to));
  return { ...changes, from: { ...changes.from, name: from }, to: { ...changes.to, name: to } };
}
