import path from "node:path";
import { folderWords } from "../core/as-root.ts";
import type { Context } from "../core/context.ts";
import { command, type Step } from "../core/step.ts";
import { keepsApi } from "../api/kept.ts";
import { textsOf } from "../render/file.ts";
import { byHandPath, differenceOf, type Installation } from "../render/installed.ts";
import { isMarked } from "../render/mark.ts";
import { runtimePath, type Scope, systemctlWords } from "./systemctl.ts";

/** Names of unit files, and of folders with drop-ins (systemd.unit(5)). */
export const UNIT = /\.(service|socket|timer)$/;
export const QUADLET = /\.container$/;
export const DROP_INS = /\.(service|socket|timer)\.d$/;

/** What systemd knows of a tree, and what a manifest wants it to know. */
export interface UnitFacts extends Installation {
  scope: Scope;
  /** Units that are to come up by themselves. */
  toEnable: string[];
  /** Those of them that do not yet. */
  disabled: string[];
  /** The tree's units that come up by themselves now. */
  enabled: string[];
  /** Logs in the tree that are not there yet, and the tree's owner, whose they are to be. */
  missingLogs: string[];
  owner: string;
}

/** A step that gives systemd orders, in a manager's scope. */
function systemctlStep(scope: Scope, title: string, orders: string[][]): Step {
  const lines = orders.map((words) => command(...systemctlWords(scope, ...words)));
  const env: Record<string, string> = scope === "user" ? { XDG_RUNTIME_DIR: runtimePath() } : {};
  const asRoot = scope === "system";
  return { kind: "run", key: "systemctl", title, run: { lines, cwd: "/", env, asRoot } };
}

/** The orders that installing gives. */
export const ORDERS = {
  reload: ["daemon-reload"],
  enable: (unit: string) => ["enable", "--quiet", unit],
  enableNow: (unit: string) => ["enable", "--quiet", "--now", unit],
  stop: (unit: string) => ["stop", unit],
  restart: (unit: string) => ["restart", unit],
  disable: (unit: string) => ["disable", "--quiet", "--now", unit],
};

/** A log that systemd makes would be root's, and nobody else could rotate it. */
export function logSteps({ missingLogs, owner }: Pick<UnitFacts, "missingLogs" | "owner">): Step[] {
  if (missingLogs.length === 0) return [];
  const lines = missingLogs.map((file) => command("install", "-m", "644", "-o", owner, "/dev/null", file));
  return [{ kind: "run", title: `Make ${missingLogs.join(", ")}`, run: { lines, cwd: "/", env: {} } }];
}

/** The unit file of a unit: of an instance, its template. */
export const fileOfUnit = (unit: string) => unit.replace(/@[^@]*(?=\.\w+$)/, "@");

const isInstance = (unit: string) => fileOfUnit(unit) !== unit;

/** What leads to the wanted units, and what leads back: with what came up by itself, which a unit file does not tell. */
export function unitChanges({ scope, installed, wanted, toEnable, disabled, enabled }: UnitFacts) {
  const texts = textsOf(wanted);
  const unwanted = enabled.filter((unit) => !toEnable.includes(unit));
  return {
    there: { scope, from: installed, to: texts, enable: disabled, disable: unwanted.filter(isInstance) },
    back: { scope, from: texts, to: installed, enable: unwanted, disable: disabled.filter(isInstance) },
  };
}

export interface UnitChange {
  scope: Scope;
  from: ReadonlyMap<string, string>;
  to: ReadonlyMap<string, string>;
  /** Units that are to come up by themselves and do not yet. */
  enable: readonly string[];
  /** Instances that are to stop, and to come up by themselves no more: their template alone has a file. */
  disable: readonly string[];
}

/**
 * Makes the installed units what is wanted: those that are gone are stopped, disabled and removed, those that differ are
 * written, and systemd reads them again. Nothing differs: no step.
 */
export function unitSteps(context: Context, { scope, from, to, enable, disable }: UnitChange): Step[] {
  const { gone, changed } = differenceOf(from, to);
  const files = gone.map(([file]) => file);
  // What a timer started comes to its own end: its unit goes, and stays known to systemd until then.
  const isJob = (file: string) => /^Type=oneshot$/m.test(from.get(file) ?? "");
  const stopped = files
    .filter((file) => UNIT.test(file) && !file.includes("@.") && !isJob(file))
    .map((file) => path.basename(file));
  // What podman's generator makes comes up by its file alone, and cannot be enabled or disabled.
  const generated = files.filter((file) => QUADLET.test(file)).map((file) => `${path.parse(file).name}.service`);
  // No switch starts what is no service of the application.
  const kept = new Set([...to].filter(([, content]) => keepsApi(content)).map(([file]) => path.basename(file)));
  const own = enable.filter((unit) => unit.endsWith(".timer") || kept.has(unit));
  const others = enable.filter((unit) => !own.includes(unit));
  const again = changed.map(([file]) => path.basename(file)).filter((unit) => kept.has(unit) && !own.includes(unit));
  // One order a unit: sudoers knows each of them, whichever are needed.
  const step = (title: string, order: (unit: string) => string[], units: string[]) =>
    units.length > 0 ? [systemctlStep(scope, `${title} ${units.join(", ")}`, units.map(order))] : [];
  return [
    ...step("Disable", ORDERS.disable, [...disable, ...stopped]),
    ...step("Stop", ORDERS.stop, generated),
    ...files.map((file): Step => ({ kind: "remove", title: `Remove ${file}`, path: file, asRoot: scope === "system" })),
    ...changed.flatMap(([file, content]) => [
      ...keepByHand(context, scope, file, from.get(file)),
      ...writeUnit(scope, file, content),
    ]),
    ...(gone.length + changed.length > 0 ? [systemctlStep(scope, "Let systemd read its units", [ORDERS.reload])] : []),
    ...step("Enable", ORDERS.enable, others),
    ...step("Enable and start", ORDERS.enableNow, own),
    ...step("Restart", ORDERS.restart, again),
  ];
}

/** The system's folder is there; drop-ins and the user's own have folders to be made. */
function writeUnit(scope: Scope, file: string, content: string): Step[] {
  const folder = path.dirname(file);
  const title = `Make ${folder}`;
  const write: Step = { kind: "write", title: `Write ${file}`, path: file, content, mode: 0o644 };
  if (scope === "user") return [{ kind: "mkdir", title, path: folder }, write];
  const lines = [command(...folderWords(folder))];
  const isDropIn = DROP_INS.test(folder);
  return [
    ...(isDropIn ? [{ kind: "run" as const, title, run: { lines, cwd: "/", env: {}, asRoot: true } }] : []),
    { ...write, asRoot: true },
  ];
}

/** Nothing that a person wrote is lost. */
function keepByHand({ paths }: Context, scope: Scope, file: string, content: string | undefined): Step[] {
  if (content === undefined || isMarked(content, paths.deployTo)) return [];
  const place = byHandPath(file);
  const title = `Keep ${place}, which was written by hand`;
  return [{ kind: "write", title, path: place, content, mode: 0o644, asRoot: scope === "system" }];
}
