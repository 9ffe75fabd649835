import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { observeRelease, type TreeFacts } from "../core/observe.ts";
import { quote } from "../core/step.ts";
import { whyNoTree } from "../core/tree-root.ts";
import { missingEnvironment } from "../release/environment.ts";
import { isServing } from "../registry/releases.ts";
import type { SharedFact } from "../shared/entries.ts";
import { observeShared } from "../shared/linked.ts";
import { observeProcessFacts } from "../processes/processes.ts";
import { sudoLine } from "./sudoers.ts";
import { type Finding, note, ok, orOk, wrong } from "./finding.ts";

const PREPARE = "ops/release/prepare_shared.ts";

/** The tree, the link, and what an operation may have left. */
export function checkTree({ paths }: Context, tree: TreeFacts): Finding[] {
  if (!tree.isTree) return [unprepared(paths.deployTo)];
  return [ok("tree", paths.deployTo), ...checkCurrent(paths, tree), ...checkOperations(tree)];
}

function unprepared(deployTo: string): Finding {
  const why = whyNoTree(deployTo);
  return why ? wrong("tree", why.message, ...why.next) : note("tree", `${deployTo} is not prepared yet`, PREPARE);
}

function checkCurrent(paths: Context["paths"], { current, rows }: TreeFacts): Finding[] {
  const { kind, target, releaseId: id } = current;
  if (kind === "absent") return [note("current", "nothing is deployed yet", "ops/release/deploy.ts")];
  if (kind !== "link")
    return [
      wrong(
        "current",
        `${paths.current} is a real ${kind}, and has to be a link to a release`,
        `mv ${quote(paths.current)} ${quote(`${paths.current}.was-a-${kind}`)}`,
      ),
    ];
  if (id === undefined)
    return [
      wrong(
        "current",
        `${paths.current} leads to ${target}, which is no release of this tree`,
        "ops/release/list.ts",
        "ops/release/rollback.ts <id>",
      ),
    ];
  if (!observeRelease(paths, id).isComplete)
    return [wrong("current", `${id} is current and not complete`, "ops/release/rollback.ts")];
  const status = rows.get(id)?.status;
  if (!status || !isServing(status))
    return [
      note(
        "current",
        `${id} is current, and the registry says ${status ?? "nothing"} of it: the next switch mends that`,
      ),
    ];
  return [ok("current", `${id}, ${status}`)];
}

const checkOperations = ({ open }: TreeFacts): Finding[] =>
  orOk(
    "operations",
    open.map(({ id, pid, user, started_at }) =>
      observeProcessFacts(pid)
        ? note("operations", `${id} is at work: pid ${pid}, by ${user}, since ${started_at}`)
        : wrong("operations", `${id}, by ${user}, was interrupted`, "ops/release/recover.ts"),
    ),
    "none is interrupted",
  );

/** Linked files and directories, and who may read them. */
export function checkLinked(context: Context, { isTree }: TreeFacts): Finding[] {
  const shared = observeShared(context);
  // That an empty tree lacks what the checkout has is said once, of the tree.
  const isDue = (fact: SharedFact) => isTree || (fact.kind === "file" && !fact.hasSource);
  const found = shared.flatMap((fact) =>
    fact.state === "absent" || fact.state === "dangling" ? (isDue(fact) ? absent(fact) : []) : loose(context, fact),
  );
  if (!isTree && found.length === 0) return [];
  return orOk("linked", found, shared.length > 0 ? `all ${shared.length} are in shared/` : "none in the manifest");
}

function absent({ sharedPath, sourcePath, state, linkedTo, optional, kind, hasSource }: SharedFact): Finding[] {
  if (state === "dangling")
    return [wrong("linked", `${sharedPath} leads to ${linkedTo}, which is gone`, `rm ${quote(sharedPath)}`, PREPARE)];
  if (optional) return [];
  if (hasSource || kind === "directory")
    return [wrong("linked", `${sharedPath} is not there${hasSource ? `; ${sourcePath} is` : ""}`, PREPARE)];
  return [
    wrong(
      "linked",
      `${sharedPath} is not there, and neither is ${sourcePath}`,
      `mkdir -p ${quote(path.dirname(sharedPath))} && install -m 600 /dev/null ${quote(sharedPath)}   # then fill it`,
    ),
  ];
}

/** A mode that the manifest names has to be met; settings without one are for their owner alone. */
function loose(context: Context, { path: place, sharedPath, mode, kind }: SharedFact): Finding[] {
  const now = fs.statSync(sharedPath).mode & 0o777;
  const isSettings = kind === "file" && (path.basename(place).startsWith(".env") || settingsOf(context).has(place));
  const isMet = mode === undefined ? !isSettings || (now & 0o077) === 0 : now === mode;
  const wanted = mode ?? 0o600;
  return isMet
    ? []
    : [
        wrong(
          "linked",
          `${sharedPath} has the mode ${octal(now)}, and ${octal(wanted)} is wanted`,
          `chmod ${octal(wanted)} ${quote(sharedPath)}`,
        ),
      ];
}

const octal = (mode: number) => mode.toString(8).padStart(4, "0");

const settingsOf = ({ manifest }: Context) =>
  new Set(
    Object.values(manifest.services).flatMap(({ env_file }) =>
      env_file.map((file) => path.normalize(file.replace(/^-/, ""))),
    ),
  );

/** `env_required` of the services, with the current release's files; before a first one, with those in shared/. */
export function checkEnvironment(context: Context, tree: TreeFacts): Finding[] {
  const names = Object.values(context.manifest.services).flatMap(({ env_required }) => env_required);
  if (names.length === 0) return [];
  const fix = "set it in the service's env_file";
  const unread = outsideFiles(context).filter((file) => standing(file) === "unreadable");
  try {
    const id = tree.current.releaseId;
    const missing = missingEnvironment(context, context.manifest, id ?? "next", id !== undefined);
    const found = [
      ...missing.map((line) => wrong("env_required", line, fix)),
      ...unread.map((file) => note("env_required", `${file} is for root alone: what it sets is not looked at`)),
    ];
    return orOk("env_required", found, `${names.length} names are set`);
  } catch (error) {
    const missing = outsideFiles(context).filter((file) => standing(file) === "absent");
    const make = missing.map((file) => `${sudoLine("install", "-D", "-m", "600", "/dev/null", file)}   # then fill it`);
    return [wrong("env_required", (error as Error).message, ...(make.length > 0 ? make : [PREPARE]))];
  }
}

/** Files of settings that lie outside the tree, and have to be there. */
const outsideFiles = ({ manifest }: Context) => [
  ...new Set(
    Object.values(manifest.services).flatMap(({ env_file }) => env_file.filter((file) => path.isAbsolute(file))),
  ),
];

function standing(file: string): "readable" | "unreadable" | "absent" {
  try {
    fs.accessSync(file, fs.constants.R_OK);
    return "readable";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "absent" : "unreadable";
  }
}
