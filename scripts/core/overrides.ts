import { UsageError } from "./errors.ts";

/** What seed 004's environment variables change for one command. */
export interface Overrides {
  /** `DEPLOY_SERVICES`: the services, or units, that a switch restarts. */
  services: string[] | undefined;
  /** `DEPLOY_HEALTHCHECK_CMD`: the gate, run from `current`. */
  healthCommand: string | undefined;
  isRestartSkipped: boolean;
  isGateSkipped: boolean;
  isRegistrySkipped: boolean;
}

/** The variables that change what a command does, so that a printed step takes them along. */
const NAMES = [
  "REPO_ROOT",
  "DEPLOY_ROOT",
  "DEPLOY_RELEASES_DIR",
  "DEPLOY_CURRENT_LINK",
  "DEPLOY_SERVICES",
  "DEPLOY_HEALTHCHECK_CMD",
  "DEPLOY_SKIP_SERVICE_RESTART",
  "DEPLOY_SKIP_HEALTHCHECK",
  "DEPLOY_SKIP_REGISTRY_UPDATE",
];

/** Reads the overrides; an empty value counts as unset, and only `1` skips. */
export function readOverrides(env: NodeJS.ProcessEnv): Overrides {
  return {
    services: env["DEPLOY_SERVICES"] ? env["DEPLOY_SERVICES"].split(/\s+/).filter(Boolean) : undefined,
    healthCommand: env["DEPLOY_HEALTHCHECK_CMD"] || undefined,
    isRestartSkipped: env["DEPLOY_SKIP_SERVICE_RESTART"] === "1",
    isGateSkipped: env["DEPLOY_SKIP_HEALTHCHECK"] === "1",
    isRegistrySkipped: env["DEPLOY_SKIP_REGISTRY_UPDATE"] === "1",
  };
}

/** The manifest's services that `DEPLOY_SERVICES` names, by their own names or by their units'. */
export function chosenServices(
  app: string,
  services: Record<string, { unit?: string | undefined; instances?: Record<string, unknown> | undefined }>,
  words: string[],
): string[] {
  const bare = (unit: string) => unit.replace(/\.service$/, "");
  const names = Object.entries(services).flatMap(([name, { unit, instances }]) => {
    const own = [name, `${app}-${name}`, ...(unit ? [bare(unit)] : [])];
    if (!instances) return [{ name, all: own }];
    const stems = own.map((one) => one.split("@")[0] as string);
    const of = (instance: string) => stems.map((stem) => `${stem}@${instance}`);
    return Object.keys(instances).map((instance) => ({
      name: `${name}@${instance}`,
      all: [...stems, ...of(instance)],
    }));
  });
  return words.flatMap((word) => {
    const found = names.filter(({ all }) => all.includes(bare(word)));
    if (found.length > 0) return found.map(({ name }) => name);
    throw new UsageError(
      `DEPLOY_SERVICES names ${word}, and the manifest has the services ${Object.keys(services).join(", ") || "none"}`,
    );
  });
}

/** The overrides that are set now, name and value. */
export const setOverrides = (env: NodeJS.ProcessEnv) =>
  NAMES.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
