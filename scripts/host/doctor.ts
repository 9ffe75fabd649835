import type { Context } from "../core/context.ts";
import { contextOf } from "../core/context.ts";
import { ElsewhereError, SwitchbackError } from "../core/errors.ts";
import { observeTree } from "../core/observe.ts";
import { reporter } from "../terminal/reporter.ts";
import { environmentNames } from "../manifest/layers.ts";
import { openManifest } from "../manifest/document.ts";
import { notices, refuseUnsupported } from "../manifest/supervisor-limits.ts";
import { findManifest } from "../manifest/find.ts";
import { type LoadedManifest, loadManifest } from "../manifest/load.ts";
import { checkAddresses } from "../doctor/addresses.ts";
import { type Check, MORE_CHECKS, ROOT_COMMANDS } from "../doctor/extensions.ts";
import { checkManager } from "../doctor/managers.ts";
import { checkLogs, checkPermissions } from "../doctor/permissions.ts";
import { checkProxies } from "../doctor/proxies.ts";
import { checkRoom } from "../doctor/room.ts";
import { checkSudo } from "../doctor/sudoers.ts";
import { checkPrograms, checkVersions } from "../doctor/versions.ts";
import { checkClock, checkSuite, checkTools } from "../doctor/host.ts";
import { checkPorts, checkShared } from "../doctor/ports.ts";
import { checkEnvironment, checkLinked, checkTree } from "../doctor/tree.ts";
import { type Finding, note, ok, wrong } from "../doctor/finding.ts";
import { type GenerateOptions, observeGenerated } from "./generate.ts";

/** Everything that would keep the next command from working; looks, and changes nothing. */
export async function diagnose(options: GenerateOptions): Promise<Finding[]> {
  const filePath = await findManifest({
    flag: options.manifest,
    environment: options.env,
    env: process.env,
    cwd: process.cwd(),
    launcherPath: options.launcherPath,
  });
  const loaded = tried("manifest", () => loadManifest({ filePath, environment: options.env, env: process.env }));
  if (!("manifest" in loaded)) return [loaded];
  if (loaded.hosts.length > 0) throw new ElsewhereError(loaded);
  const found = [...checkManifest(loaded), ...checkEnvironments(loaded)];
  // A tree of somebody else's cannot be looked at as its owner sees it.
  const context = tried("owner", () => contextOf(loaded));
  if (!("paths" in context)) return [...found, context];
  return [...found, ...(await checkAll(context)), ...(await checkGenerated({ manifest: filePath }))];
}

/** What can be told here of an environment that is on other hosts. */
export const diagnoseHere = async (loaded: LoadedManifest): Promise<Finding[]> => [
  ...checkManifest(loaded),
  ...checkEnvironments(loaded),
  ...(await checkGenerated({ manifest: loaded.filePath })),
];

/** In the order in which they are told; all of them look at the same time. */
const CHECKS: readonly Check[] = [
  checkTools,
  checkVersions,
  checkTree,
  checkSuite,
  checkLinked,
  checkPermissions,
  checkEnvironment,
  checkPrograms,
  checkAddresses,
  checkPorts,
  checkLogs,
  (context) => checkManager(context),
  ...MORE_CHECKS,
  checkProxies,
  (context) => checkSudo(context, ROOT_COMMANDS),
  checkRoom,
  checkClock,
];

async function checkAll(context: Context): Promise<Finding[]> {
  const tree = observeTree(context.paths);
  const look = async (check: Check) => check(context, tree);
  // What one of them refuses to look at keeps none of the others from being told.
  const found = await Promise.all(CHECKS.map((check) => look(check).catch((error) => [refusal("host", error)])));
  return found.flat();
}

/** What `look` gives; where it refuses, that as a finding. */
function tried<T extends object>(check: string, look: () => T): T | Finding {
  try {
    return look();
  } catch (error) {
    return refusal(check, error);
  }
}

function refusal(check: string, error: unknown): Finding {
  if (error instanceof SwitchbackError) return wrong(check, error.message, ...error.next);
  throw error;
}

function checkManifest(loaded: LoadedManifest): Finding[] {
  const refused = tried("manifest", () => {
    refuseUnsupported(loaded);
    return ok("manifest", `${loaded.filePath}${loaded.environment === undefined ? "" : `, ${loaded.environment}`}`);
  });
  return [refused, ...notices(loaded).map((line) => note("manifest", line))];
}

function checkEnvironments(loaded: LoadedManifest): Finding[] {
  const names = environmentNames(openManifest(loaded.filePath, loaded.file).root);
  const all = names.flatMap((name) => {
    const one = tried("environments", () =>
      loadManifest({ filePath: loaded.filePath, environment: name, env: process.env }),
    );
    return "manifest" in one ? [{ name, manifest: one.manifest }] : [];
  });
  return checkShared(all.length > 0 ? all : [{ name: "", manifest: loaded.manifest }]);
}

async function checkGenerated(options: GenerateOptions): Promise<Finding[]> {
  // Where nothing can be generated, in a tree, nothing can be stale.
  const facts = await observeGenerated(options).catch((error: unknown): Finding => refusal("generated", error));
  if (!("states" in facts)) return [];
  const stale = facts.states.filter(({ state }) => state !== "same");
  if (stale.length === facts.states.length)
    return [note("generated", "nothing is generated beside the manifest", "ops/host/generate.ts")];
  const names = stale.map(({ path, state }) => `${path} (${state})`).join(", ");
  return stale.length > 0
    ? [wrong("generated", `not as they would be generated: ${names}`, "ops/host/generate.ts")]
    : [ok("generated", `${facts.states.length} files`)];
}

const MARKS = { ok: ["✓", "green"], note: ["·", "yellow"], wrong: ["✗", "red"] } as const;

/** One line for each finding, with what to type below it. */
export function renderFindings(findings: Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, level, message, next }) => {
    const [mark, style] = MARKS[level];
    const [first, ...rest] = message.split("\n");
    const indent = " ".repeat(width + 4);
    const typed = next.map((line) => `${indent}  ${level === "note" ? "to type" : "type"}: ${line}`);
    return [
      `${reporter().paint(style, mark)} ${check.padEnd(width)}  ${first}`,
      ...rest.map((line) => indent + line),
      ...typed,
    ];
  });
  const count = findings.filter(({ level }) => level === "wrong").length;
  return [
    ...lines,
    "",
    count === 0 ? "Nothing is wrong." : `${count} ${count > 1 ? "things are" : "thing is"} wrong.`,
  ].join("\n");
}
