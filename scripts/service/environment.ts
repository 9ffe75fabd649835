import { accountOf } from "../core/account.ts";
import type { ServiceDefinition, ServicePlace, ServiceRelease } from "./definition.ts";
import { readEnvFile } from "./env-file.ts";
import { realPath } from "../core/real-path.ts";

/** In the environment of every process of a service: how it is found again when its pid file is gone. */
export const SERVICE_MARK = "SWITCHBACK_SERVICE";

const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";
const INHERITED = new Set(["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"]);

/** The value of `SWITCHBACK_SERVICE` for a service: the tree's real path, `#`, the service's name. */
export function serviceMark(place: Pick<ServicePlace, "deployTo">, name: string): string {
  return `${realPath(place.deployTo)}#${name}`;
}

/**
 * A service's whole environment. As with systemd, where `EnvironmentFile=` overrides `Environment=`: what is inherited, `env`,
 * the release's RELEASE.env, each file of `env_file` in order; a later one wins. RELEASE_ID, PORT and the mark win over all.
 * @throws UsageError when a file of `env_file` cannot be read
 */
export function serviceEnvironment(
  definition: ServiceDefinition,
  place: ServicePlace,
  release: ServiceRelease,
  warn: (warning: string) => void = () => {},
): Record<string, string> {
  const environment = { ...inheritedEnvironment(), ...definition.env };
  for (const entry of ["-RELEASE.env", ...definition.env_file]) {
    const file = readEnvFile(entry, release.path);
    Object.assign(environment, Object.fromEntries(file.values));
    file.warnings.forEach(warn);
  }
  environment["RELEASE_ID"] = release.id;
  if (definition.port !== undefined) environment["PORT"] = String(definition.port);
  environment[SERVICE_MARK] = serviceMark(place, definition.name);
  return environment;
}

// Only what a login gives: a service must not depend on the terminal, or the cron line, that happened to start it.
function inheritedEnvironment(source: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const kept = Object.entries(source).filter(([name]) => INHERITED.has(name) || name.startsWith("LC_"));
  const environment: Record<string, string> = { ...account(), PATH: DEFAULT_PATH };
  for (const [name, value] of kept) if (value) environment[name] = value;
  return environment;
}

function account(): Record<string, string> {
  const found = accountOf(process.getuid?.() ?? 0);
  return found ? { USER: found.name, LOGNAME: found.name, HOME: found.home, SHELL: found.shell } : {};
}

/** Why a name of `env_required` keeps a switch from starting; never holds the value. */
export interface EnvProblem {
  readonly name: string;
  readonly problem: "missing" | "empty" | "placeholder";
}

/** Values that stand in files called .env.example; whole values only, so that a real one is never taken for one. */
const PLACEHOLDERS = [
  /^your[-_ ].+$/i,
  /^(change|replace)[-_ ]?(me|this|it)([-_ !].*)?$/i,
  /^(replace|fill)[-_ ](with|in)([-_ ].*)?$/i,
  /^(put|insert|enter|add|paste)[-_ ].+[-_ ]here$/i,
  /^(todo|tbd|fixme)([-_: ].*)?$/i,
  /^(example|placeholder|dummy)([-_ ].*)?$/i,
  /^x{3,}$/i,
  /^\*{3,}$/,
  /^\.{3,}$/,
  /^<[^<>]*>$/,
];

/** Which of `names` are unset, empty, or still set to a placeholder. */
export function envRequired(
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): EnvProblem[] {
  return names.flatMap((name) => {
    const problem = problemOf(environment[name]?.trim());
    return problem ? [{ name, problem }] : [];
  });
}

function problemOf(value: string | undefined): EnvProblem["problem"] | undefined {
  if (value === undefined) return "missing";
  if (value === "") return "empty";
  return PLACEHOLDERS.some((pattern) => pattern.test(value)) ? "placeholder" : undefined;
}
