import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import type { ServeWords } from "../api/choice.ts";
import { pushAfterwards } from "../core/afterwards.ts";
import type { Context } from "../core/context.ts";
import type { Call } from "../core/entry.ts";
import { EXIT, type ExitCode, UsageError } from "../core/errors.ts";
import { writeOut } from "../terminal/output.ts";
import { becomeOwner } from "../core/owner.ts";
import { type Paths, treePaths } from "../core/paths.ts";
import { checkedId } from "../core/release-id.ts";
import { command } from "../core/step.ts";
import { expandHome } from "../manifest/home.ts";
import { reporter } from "../terminal/reporter.ts";
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

interface Options extends UpsertWords, ServeWords {
  limit?: string | undefined;
}

/** One action of the registry's command line. */
export async function runRegistry(call: Call<Options>): Promise<ExitCode> {
  const [action = "", ...more] = call.args;
  const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (!run || more.length > 0) throw unknownAction(action);
  return run(call, await treeOf(call));
}

const ACTIONS: Record<string, (call: Call<Options>, tree: Tree) => ExitCode | Promise<ExitCode>> = {
  upsert({ options }, tree) {
    const { paths, opsPath, flags } = tree;
    const change = checkedUpsert(options);
    if (options.dryRun) {
      const line = command(`${opsPath}/release/release-registry.ts`, "upsert", ...flags, ...wordsOf(options));
      writeOut(1, `${showCommand(`Record ${change.releaseId} as ${change.status}`, line)}\n`);
    } else {
      say(rowJson(applyUpsert(paths, change)));
      // A team's script calls it several times in a deploy.
      if (tree.manifest) pushAfterwards(inManifest(tree), { isOften: true });
    }
    return EXIT.done;
  },
  async list({ options: { limit = "50", status, allHosts } }, tree) {
    const choice = [countOf("--limit", limit), status === undefined ? undefined : checkedStatus(status)] as const;
    const rows = allHosts
      ? await (await import("./all-hosts.ts")).observeAllRows(inManifest(tree), ...choice)
      : observeRows(tree.paths, ...choice);
    writeOut(1, `${JSON.stringify(rows.map(rowJson), null, 2)}\n`);
    return EXIT.done;
  },
  async get({ options }, tree) {
    const id = given("--release-id", options.releaseId);
    const rows = options.allHosts
      ? await (await import("./all-hosts.ts")).observeAllOf(inManifest(tree), checkedId(id))
      : [observeRow(tree.paths, id)].filter((row) => row !== undefined);
    const found = rows.map(rowJson);
    say(found[0] ? (options.allHosts ? found : found[0]) : { error: "release_not_found", release_id: id });
    return found.length > 0 ? EXIT.done : EXIT.usage;
  },
  async sync({ options }, tree) {
    const { applySync, renderSynced } = await import("./all-hosts.ts");
    const { opsPath, flags } = tree;
    if (options.dryRun) {
      const line = command(`${opsPath}/release/release-registry.ts`, "sync", ...flags);
      writeOut(1, `${showCommand("Push the records that wait", line)}\n`);
      return EXIT.done;
    }
    const synced = await applySync(inManifest(tree));
    if (options.json) say(synced);
    else reporter().say(renderSynced(synced));
    return EXIT.done;
  },
  async serve({ options }, { paths, context }) {
    const [{ serveRegistry }, { serveChoice }] = [await import("../api/serve.ts"), await import("../api/choice.ts")];
    await serveRegistry(paths, serveChoice(paths, options, context?.manifest.registry.serve), context);
    return EXIT.done;
  },
};

function unknownAction(action: string): UsageError {
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
  /** Absent where `DEPLOY_ROOT` names the tree. */
  manifest?: Manifest;
  context?: Context;
}

/** What only a manifest knows: the server of several hosts. */
function inManifest({ manifest, paths, opsPath }: Tree) {
  if (manifest) return { manifest, paths, opsPath };
  throw new UsageError("DEPLOY_ROOT names the tree, and the server of several hosts is in a manifest", {
    next: "ops/release/release-registry.ts list --all-hosts --manifest deploy.yaml",
  });
}

/** `DEPLOY_ROOT` wins over any manifest's `deploy_to`, so a team's script that sets it needs no manifest at all. */
async function treeOf(call: Call<Options>): Promise<Tree> {
  const { env } = process;
  const root = env["DEPLOY_ROOT"];
  if (!root || call.options.manifest) {
    const context = await call.context();
    return { ...context, context };
  }
  const deployTo = path.resolve(expandHome(root, env));
  becomeOwner(deployTo);
  return { paths: treePaths(deployTo, env), opsPath: path.resolve(import.meta.dirname, "../../ops"), flags: [] };
}
