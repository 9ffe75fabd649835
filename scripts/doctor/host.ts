import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { suitePath } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import type { Paths } from "../core/paths.ts";
import { quote } from "../core/step.ts";
import { observeTool, which } from "../build/tools.ts";
import { type Finding, note, ok, orOk, wrong } from "./finding.ts";

const TOOLS = ["git", "bash", "tar", "sync", "mktemp"];

/** The runtime, what every operation starts, and what the build steps need. */
export function checkTools({ manifest }: Context): Finding[] {
  const missing = TOOLS.filter((name) => !which(name)).map((name) =>
    wrong("tools", `${name} is not in PATH`, `install ${name}`),
  );
  const skipped = Object.entries(manifest.build).filter(
    ([, { when }]) => when !== undefined && !observeTool(when).path,
  );
  const notes = skipped.map(([name, { when }]) =>
    note("tools", `build.${name} will be skipped: there is no ${when} here`),
  );
  const needed = Object.values(manifest.build)
    .filter((step) => !skipped.some(([, other]) => other === step))
    .flatMap(({ needs }) => needs);
  const lacking = [...new Set(needed)]
    .flatMap((need) => observeTool(need).problem ?? [])
    .map((problem) => wrong("tools", problem));
  const whole = [...TOOLS, ...new Set(needed)].join(", ");
  return [
    ok("runtime", `bun ${process.versions["bun"] ?? "?"} at ${process.execPath}`),
    ...notes,
    ...orOk("tools", [...missing, ...lacking], whole),
  ];
}

const YEAR_OF_SUITE = 2025;
const TOLERANCE = 5 * 60_000;

/** A clock that went back makes ids sort wrongly, and certificates and schedules fail. */
export function checkClock({ paths }: Context, tree: TreeFacts): Finding[] {
  const now = Date.now();
  if (new Date(now).getUTCFullYear() < YEAR_OF_SUITE)
    return [wrong("clock", `the clock says ${new Date(now).toISOString()}`, "timedatectl status")];
  const stamps = [...tree.rows.values()].map(({ updated_at }) => Date.parse(updated_at));
  const latest = Math.max(0, ...stamps.filter(Number.isFinite), modified(paths.registry));
  if (latest > now + TOLERANCE)
    return [
      wrong(
        "clock",
        `the clock says ${new Date(now).toISOString()}, and the tree was changed at ${new Date(latest).toISOString()}: it went back`,
        "timedatectl status",
      ),
    ];
  return [ok("clock", new Date(now).toISOString())];
}

const modified = (file: string) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The suite that cron and the runbook use, against the one that runs. */
export function checkSuite({ paths }: Context, tree: TreeFacts): Finding[] {
  const own = versionIn(suitePath) ?? "?";
  if (!tree.isTree) return [];
  const prepare = "ops/release/prepare_shared.ts";
  const link = fs.lstatSync(paths.ops, { throwIfNoEntry: false });
  if (!link) return [wrong("suite", `there is no suite in the tree: cron lines that name ${paths.ops} fail`, prepare)];
  const there = versionIn(path.dirname(realPlace(paths)));
  if (there === undefined) return [wrong("suite", `${paths.ops} leads to no suite`, `rm ${quote(paths.ops)}`, prepare)];
  if (there !== own) return [wrong("suite", `the tree has the suite ${there}, and this is ${own}`, prepare)];
  return [ok("suite", `${own}, and the tree has it`)];
}

function realPlace({ ops }: Paths): string {
  try {
    return fs.realpathSync(ops);
  } catch {
    return ops;
  }
}

function versionIn(folder: string): string | undefined {
  try {
    return (JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")) as { version?: string }).version;
  } catch {
    return undefined;
  }
}
