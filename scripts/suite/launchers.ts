import fs from "node:fs";
import path from "node:path";
import * as z from "zod";
import type { Manifest } from "../../manifest.schema.ts";
import { suitePath } from "../core/context.ts";
import { plain, type Neutral, neutralFromOps } from "./neutral.ts";
import { renderTemplate } from "../render/template.ts";

/** Commands that are of no use inside a repository that has its manifest. */
const ONCE = new Set(["host/init", "host/attend"]);

/** Every command that this suite has, as its place under `ops`: `release/switch_current`; `deploy` is the umbrella. */
export const suiteCommands = (opsPath = path.join(suitePath, "ops")) =>
  fs
    .readdirSync(opsPath, { recursive: true, encoding: "utf8" })
    .flatMap((file) => (file.endsWith(".ts") ? [file.slice(0, -".ts".length)] : []))
    .toSorted();

/** What a group of commands is for; a group that is not here is for every manifest. */
const NEEDS: Record<string, (manifest: Manifest) => boolean> = {
  logs: ({ logs }) => logs !== undefined,
  schedule: ({ supervisor }) => supervisor === "pidfile",
  systemd: ({ supervisor }) => supervisor.startsWith("systemd") || supervisor === "podman",
  launchd: ({ supervisor }) => supervisor === "launchd",
  nginx: ({ sites }) => Object.values(sites).some(({ kind }) => kind === "nginx"),
  caddy: ({ sites }) => Object.values(sites).some(({ kind }) => kind === "caddy"),
  traefik: ({ sites }) => Object.values(sites).some(({ kind }) => kind === "traefik"),
  data: ({ database, migrate }) => database !== undefined || migrate !== undefined,
};

/** The commands that one of the manifests needs. */
export const wantedCommands = (commands: string[], manifests: Manifest[]) =>
  commands.filter((name) => {
    const isNeeded = NEEDS[name.split("/")[0] as string];
    return !ONCE.has(name) && (!isNeeded || manifests.some(isNeeded));
  });

const launcher = z.strictObject({ up: z.string(), command: z.string().regex(/^[a-z_/-]+$/) });

/** A launcher: a few lines that hand over to `ops/_suite`. */
export const renderLauncher = (command: string) =>
  renderTemplate("suite/launcher.ts", launcher, { up: "../".repeat(command.split("/").length - 1), command });

const suite = z.strictObject({ trees: z.array(z.string()), places: z.string(), manifest: z.string() });

/** `ops/_suite`: finds the suite, in node_modules, `$SWITCHBACK_HOME` or the manifest's trees. */
export function renderSuiteFinder({ context, environments, manifestName }: Neutral): string {
  const trees = [
    ...new Set(
      [context.manifest, ...environments.map(({ loaded }) => loaded.manifest)].map((manifest) => manifest.deploy_to),
    ),
  ];
  const places = trees.map((tree) => plain(`${tree}/ops`).replaceAll(/[\\"`$]/g, "\\$&")).join(", ");
  return renderTemplate("suite/_suite", suite, {
    trees: trees.map(neutralFromOps),
    places,
    manifest: manifestName.replaceAll(/[\\"`$]/g, "\\$&"),
  });
}
