import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { isRoot } from "../core/as-root.ts";
import { collect } from "../core/collect.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import { command } from "../core/step.ts";
import { serviceTarget, type Target } from "./names.ts";

const LAUNCHCTL = "launchctl";

/** launchctl's commands as words (launchctl(1)); what changes the system's domain is root's to give. */
export const launchctlWords = {
  print: (target: Target) => [LAUNCHCTL, "print", serviceTarget(target)],
  bootstrap: ({ domain, path: file }: Target) => [LAUNCHCTL, "bootstrap", domain, file],
  bootout: (target: Target) => [LAUNCHCTL, "bootout", serviceTarget(target)],
  kickstart: (target: Target) => [LAUNCHCTL, "kickstart", serviceTarget(target)],
  restart: (target: Target) => [LAUNCHCTL, "kickstart", "-k", serviceTarget(target)],
  terminate: (target: Target) => [LAUNCHCTL, "kill", "SIGTERM", serviceTarget(target)],
  enable: (target: Target) => [LAUNCHCTL, "enable", serviceTarget(target)],
};

/** The orders that root gives for a job of the system, for sudoers. */
export const rootOrders = (target: Target): string[][] => {
  const { bootstrap, bootout, kickstart, restart, terminate } = launchctlWords;
  return [bootstrap, bootout, kickstart, restart, terminate].map((words) => words(target));
};

/** A command of launchctl as shell, as whoever runs it may give it: `sudo -n` for what is root's. */
export const launchctlLine = (words: string[], { domain }: Target, asRoot = isRoot()) =>
  command(...(domain === "system" && !asRoot ? ["sudo", "-n"] : []), ...words);

const WAIT_EVERY = 0.25;
const perSecond = (seconds: number) => Math.ceil(seconds / WAIT_EVERY);
// Asked again every two seconds: a bootout may fail once, with error 5 too.
const ASK_EVERY = perSecond(2);

/**
 * Shell that takes a job out of launchd, and waits until it is gone: `bootout` answers while its process still ends, with 36 (in
 * progress) or 0, and until it has ended nothing can be loaded under its label. A job that is not loaded is no error.
 * @param seconds what its process may take to end, ExitTimeOut and a margin
 */
export function unloadLine(target: Target, seconds: number, asRoot = isRoot()): string {
  const [print, bootout] = [
    launchctlLine(launchctlWords.print(target), target, true),
    launchctlLine(launchctlWords.bootout(target), target, asRoot),
  ];
  const tries = Math.ceil(perSecond(seconds) / ASK_EVERY) * ASK_EVERY;
  return (
    `n=${tries}; while ${print} >/dev/null 2>&1; do ` +
    `[ $((n % ${ASK_EVERY})) -ne 0 ] || ${bootout} || true; ` +
    `n=$((n - 1)); [ $n -gt 0 ] || { echo ${command(`${serviceTarget(target)} is still there after ${seconds} s`)} >&2; exit 1; }; ` +
    `sleep ${WAIT_EVERY}; done`
  );
}

/** Shell that fails while a job has a process: launchd changes a job only by ending it. */
export function idleLine(target: Target, asRoot = isRoot()): string {
  const print = launchctlLine(launchctlWords.print(target), target, asRoot || target.domain === "system");
  const said = `${serviceTarget(target)} runs, and launchd could change it only by ending it: try again when it is done`;
  return `! ${print} 2>/dev/null | grep -Eq '^[[:space:]]pid = [0-9]+' || { echo ${command(said)} >&2; exit 1; }`;
}

const LOAD_SECONDS = 15;
/** What `bootstrap` answers while the label is not free yet: EIO, EEXIST, EINPROGRESS, EALREADY, "service already loaded". */
const NOT_YET = "5|17|36|37|133";

/**
 * Shell that loads a job into launchd, once more and once more where its label is not free yet; one that is loaded by then is
 * good. The label must have been unloaded before (`unloadLine`), or this would take the old one for the new.
 */
export function loadLine(target: Target, asRoot = isRoot()): string {
  const [print, bootstrap] = [
    launchctlLine(launchctlWords.print(target), target, true),
    launchctlLine(launchctlWords.bootstrap(target), target, asRoot),
  ];
  return (
    `n=${perSecond(LOAD_SECONDS)}; until ${bootstrap}; do code=$?; ` +
    `! ${print} >/dev/null 2>&1 || break; ` +
    `case $code in ${NOT_YET}) ;; *) exit $code ;; esac; ` +
    `n=$((n - 1)); [ $n -gt 0 ] || exit $code; sleep ${WAIT_EVERY}; done`
  );
}

/** What `launchctl print` tells of a job. Its text is no interface, says launchctl(1): what is not found there is absent. */
export interface Printed {
  /** `running`, `not running`, `waiting`, `spawn scheduled`, `SIGTERMed` … */
  state?: string;
  pid?: number;
  /** How often it was started. */
  runs?: number;
  /** Absent for one that never ended. */
  lastExitCode?: number;
  environment: Record<string, string>;
}

/** Reads what `launchctl print gui/501/LABEL` prints: keys one tab deep, and the block `environment`. */
export function parsePrint(text: string): Printed {
  const lines = text.split("\n");
  const margin = /^\s*/.exec(lines.find((line) => /^\s+\S/.test(line)) ?? "")?.[0] ?? "";
  const top = new Map<string, string>();
  const environment: Record<string, string> = {};
  let block: string | undefined;
  for (const line of lines) {
    const inner = line.startsWith(margin) && margin !== "" ? line.slice(margin.length) : undefined;
    if (inner === undefined) continue;
    const opened = /^(\S.*?) =>? \{$/.exec(inner)?.[1];
    if (opened !== undefined) block = opened;
    else if (inner === "}") block = undefined;
    else if (block === "environment") addVariable(environment, inner);
    else if (block === undefined) addKey(top, inner);
  }
  const number = (key: string) => {
    const found = /^-?\d+/.exec(top.get(key) ?? "")?.[0];
    return found === undefined ? undefined : Number(found);
  };
  const found = {
    state: top.get("state"),
    pid: number("pid"),
    runs: number("runs"),
    lastExitCode: number("last exit code"),
  };
  const told = Object.entries(found).filter(([, value]) => value !== undefined);
  return { ...(Object.fromEntries(told) as Partial<Printed>), environment };
}

function addKey(top: Map<string, string>, line: string): void {
  const [, key, value] = /^(\S.*?) = (.*)$/.exec(line) ?? [];
  if (key !== undefined && value !== undefined && !top.has(key)) top.set(key, value);
}

function addVariable(environment: Record<string, string>, line: string): void {
  const [, name, value] = /^\s+([A-Za-z_][A-Za-z0-9_]*) => (.*)$/.exec(line) ?? [];
  if (name !== undefined && value !== undefined) environment[name] = value;
}

/** Looks at a job; undefined for one that is not loaded. */
export function printJob(target: Target): Printed | undefined {
  const [program = "", ...words] = launchctlWords.print(target);
  const { status, stdout, error } = spawnSync(program, words, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  if (error) throw new FailedError(`launchctl: ${error.message}`, { cause: error });
  return status === 0 ? parsePrint(stdout) : undefined;
}

/** Whether this host has launchd. */
export const hasLaunchd = () =>
  (process.env["PATH"] ?? "").split(":").some((folder) => folder !== "" && fs.existsSync(path.join(folder, LAUNCHCTL)));

/** @throws UsageError on a host without launchd */
export function refuseWithoutLaunchd(
  next = "ops/launchd/install_launchd.ts --dry-run shows what a Mac would do",
): void {
  if (hasLaunchd()) return;
  throw new UsageError("this host has no launchd (there is no launchctl): only a Mac can do this", { next });
}

/** Runs shell lines of launchctl. @throws FailedError with what they said, and what to type */
export async function runLaunchctl(target: Target, line: string): Promise<void> {
  const { status, output: said } = await collect(["bash", "-euo", "pipefail", "-c", line]);
  if (status === 0) return;
  const output = said.trim().split("\n").slice(-10);
  throw new FailedError(`${serviceTarget(target)}: ${output.at(-1) || `exit code ${status}`}`, {
    output,
    next: nextFor(target, status),
  });
}

/** The codes are errno's, and launchd's own from 100 on (`launchctl error N`). */
function nextFor(target: Target, status: number | null): string[] {
  if (status === 119) return [launchctlLine(launchctlWords.enable(target), target)];
  if (status === 125 || status === 112)
    return [
      `log in at the screen as user ${target.domain.slice("gui/".length)}; or give the service a user:, which makes it a LaunchDaemon`,
    ];
  return [
    command("launchctl", "error", String(status)),
    command("plutil", "-lint", target.path),
    command(...launchctlWords.print(target)),
  ];
}
