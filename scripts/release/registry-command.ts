import path from "node:path";
import type { Call } from "../core/entry.ts";
import { EXIT, type ExitCode, UsageError } from "../core/errors.ts";
import { writeOut } from "../terminal/output.ts";
import { becomeOwner } from "../core/owner.ts";
import { type Paths, treePaths } from "../core/paths.ts";
import { command } from "../core/step.ts";
import { expandHome } from "../manifest/home.ts";
import { countOf } from "../text/amounts.ts";
import {
  applyUpsert,
  checkedStatus,
  checkedUpsert,
  given,
  observeRow,
  observeRows,
  rowJson,
  type UpsertWords,
} from "./release-registry.ts";
import { showCommand } from "./show-command.ts";

interface Options extends UpsertWords {
  limit?: string | undefined;
}

/** One action of the registry's command line. */
export async function runRegistry(call: Call<Options>): Promise<ExitCode> {
  const [action = "", ...more] = call.args;
  const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (!run || more.length > 0) throw unknownAction(action);
  return run(call, await treeOf(call));
}

const ACTIONS: Record<string, (call: Call<Options>, tree: Tree) => ExitCode> = {
  upsert({ options }, { paths, opsPath, flags }) {
    const change = checkedUpsert(options);
    if (options.dryRun) {
      const line = command(`${opsPath}/release/release-registry.ts`, "upsert", ...flags, ...wordsOf(options));
      writeOut(1, `${showCommand(`Record ${change.releaseId} as ${change.status}`, line)}\n`);
    } else say(rowJson(applyUpsert(paths, change)));
    return EXIT.done;
  },
  list({ options: { limit = "50", status } }, { paths }) {
    const rows = observeRows(
      paths,
      countOf("--limit", limit),
      status === undefined ? undefined : checkedStatus(status),
    );
    writeOut(1, `${JSON.stringify(rows.map(rowJson), null, 2)}\n`);
    return EXIT.done;
  },
  get({ options }, { paths }) {
    const id = given("--release-id", options.releaseId);
    const row = observeRow(paths, id);
    say(row ? rowJson(row) : { error: "release_not_found", release_id: id });
    return row ? EXIT.done : EXIT.usage;
  },
};

function unknownAction(action: string): UsageError {
  if (action === "serve")
    return new UsageError("serve is not available in this version", { next: "ops/release/release-registry.ts list" });
  return new UsageError(`${JSON.stringify(action)} is none of ${Object.keys(ACTIONS).join(", ")}`, {
    next: "ops/release/release-registry.ts --help",
  });
}

/** One line: a caller's log shows it whole. */
const say = (value: object) => writeOut(1, `${JSON.stringify(value)}\n`);

const WORDS = [
  ["releaseId", "--release-id"],
  ["commitSha", "--commit-sha"],
  ["status", "--status"],
  ["migrationMarker", "--migration-marker"],
  ["deployedAt", "--deployed-at"],
] as const;

const wordsOf = (options: Options) =>
  WORDS.flatMap(([key, option]) => (options[key] === undefined ? [] : [option, options[key]]));

interface Tree {
  paths: Paths;
  opsPath: string;
  flags: string[];
}

/** `DEPLOY_ROOT` wins over any manifest's `deploy_to`, so a team's script that sets it needs no manifest at all. */
async function treeOf(call: Call<Options>): Promise<Tree> {
  const { env } = process;
  const root = env["DEPLOY_ROOT"];
  if (!root || call.options.manifest) return call.context();
  const deployTo = path.resolve(expandHome(root, env));
  becomeOwner(deployTo);
  return { paths: treePaths(deployTo, env), opsPath: path.resolve(import.meta.dirname, "../../ops"), flags: [] };
}
