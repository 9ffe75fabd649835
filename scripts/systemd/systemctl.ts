import { spawnSync } from "node:child_process";
import fs from "node:fs";
import type { Manifest } from "../../manifest.schema.ts";
import { userName } from "../core/account.ts";
import { isRoot } from "../core/as-root.ts";
import { collect } from "../core/collect.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import { command } from "../core/step.ts";

/** Which manager: the system's own, or that of the user whose the tree is. */
export type Scope = "system" | "user";

/** The scope of a manifest's units; undefined where another supervisor runs its services. */
export const scopeOf = ({ supervisor }: Pick<Manifest, "supervisor">): Scope | undefined =>
  supervisor === "systemd" ? "system" : supervisor === "systemd-user" || supervisor === "podman" ? "user" : undefined;

const SYSTEMCTL = "systemctl";

/** A systemctl command; `--user` for the user's own manager. */
export const systemctlWords = (scope: Scope, ...words: string[]) =>
  scope === "user" ? [SYSTEMCTL, "--user", ...words] : [SYSTEMCTL, ...words];

/** Where the user's manager has its sockets (user@.service(5)); cron and sudo leave it out of the environment. */
export const runtimePath = () => `/run/user/${process.geteuid?.() ?? 0}`;

const environmentOf = (scope: Scope): NodeJS.ProcessEnv =>
  scope === "user" ? { ...process.env, XDG_RUNTIME_DIR: runtimePath() } : process.env;

/** What a unit is and does, by systemd's own names (org.freedesktop.systemd1(5)). */
export type Properties = Readonly<Record<string, string>>;

/** Looks at units, one answer each; an unknown unit answers with LoadState=not-found. @throws FailedError without a manager */
export function showUnits(scope: Scope, units: string[], names: string[]): Properties[] {
  if (units.length === 0) return [];
  const words = systemctlWords(scope, "show", `--property=${names.join(",")}`, "--", ...units);
  const { status, stdout, stderr, error } = spawnSync(words[0] as string, words.slice(1), {
    encoding: "utf8",
    env: environmentOf(scope),
  });
  if (error || status !== 0) throw unreachable(scope, error?.message ?? stderr.trim());
  return stdout.split("\n\n").map(parseProperties);
}

function parseProperties(text: string): Properties {
  const lines = text.split("\n").filter((line) => line.includes("="));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

function unreachable(scope: Scope, why: string): FailedError {
  const user = userName();
  return new FailedError(`systemd's ${scope} manager does not answer: ${why}`, {
    next: scope === "user" ? [`sudo loginctl enable-linger ${user}`] : ["systemctl is-system-running"],
  });
}

/** Why the manager that a manifest asks for cannot be there; undefined when it can. */
export function whyNoManager(scope: Scope): UsageError | undefined {
  if (scope === "system")
    return fs.existsSync("/run/systemd/system")
      ? undefined
      : new UsageError("supervisor: systemd, and this host does not run systemd", {
          next: "choose another supervisor in deploy.yaml: pidfile, launchd",
        });
  if (fs.existsSync(`${runtimePath()}/systemd`)) return undefined;
  const user = userName();
  return new UsageError(
    `the services are run by a user's systemd, and no manager of ${user} runs (${runtimePath()}/systemd is missing)`,
    {
      next: `sudo loginctl enable-linger ${user}`,
    },
  );
}

/** @throws UsageError where it cannot be there */
export function refuseWithoutManager(scope: Scope): void {
  const why = whyNoManager(scope);
  if (why) throw why;
}

/** Whether the user's services come up at boot and outlive the last login (loginctl(1), enable-linger). */
export const isLingering = (user: string) => fs.existsSync(`/var/lib/systemd/linger/${user}`);

/** Gives systemctl a command that changes something. @throws FailedError with what it said */
export async function systemctl(scope: Scope, ...words: string[]): Promise<void> {
  const plain = systemctlWords(scope, ...words);
  const given = scope === "system" && !isRoot() ? ["sudo", "-n", ...plain] : plain;
  const { status, output } = await collect(given, environmentOf(scope));
  if (status === 0) return;
  const isRefused = given[0] === "sudo" && /password|not allowed|may not run|command not found/.test(output);
  throw new FailedError(`${command(...given)}: ${output.trim().split("\n")[0] || `exit code ${status}`}`, {
    output: output.trim().split("\n").slice(-10),
    next: isRefused
      ? "ops/host/doctor.ts prints the lines for sudoers"
      : command(...systemctlWords(scope, "status", ...words.slice(-1))),
  });
}
