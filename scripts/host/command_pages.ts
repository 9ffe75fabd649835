import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import * as z from "zod";
import { type Context, suitePath } from "../core/context.ts";
import { readOverrides } from "../core/overrides.ts";
import { treePaths } from "../core/paths.ts";
import { writeOut } from "../terminal/output.ts";
import type { Plan } from "../core/step.ts";
import { loadManifest } from "../manifest/load.ts";
import { exampleBackup, exampleDataRestore } from "../suite/example-data.ts";
import {
  exampleBuild,
  examplePrepare,
  examplePrune,
  exampleRestart,
  exampleRestore,
  exampleRollback,
  exampleRotation,
  exampleStart,
  exampleStop,
  exampleSwitch,
} from "../suite/example-facts.ts";
import { exits } from "./exits.ts";
import { showForPage } from "../suite/shown-plans.ts";
import { renderTemplate, templatesPath } from "../render/template.ts";

/** Every command that changes what serves or the registry, with the plans that its page shows. */
export const PAGES: Record<string, (context: Context) => Plan[]> = {
  "caddy/install_caddy": () => [],
  "data/backup": (context) => exampleBackup(context),
  "data/migrate": () => [],
  "data/restore": (context) => exampleDataRestore(context),
  "host/maintenance": () => [],
  "launchd/install_launchd": () => [],
  "logs/install_logrotate": () => [],
  "logs/rotate": (context) => exampleRotation(context),
  "nginx/install_nginx": () => [],
  "release/build_release": (context) => [exampleBuild(context)],
  "release/deploy": (context) => [exampleBuild(context), exampleSwitch(context), examplePrune(context)],
  "release/pin": () => [],
  "release/prepare_shared": (context) => [...examplePrepare(context, "link"), ...examplePrepare(context, "harden")],
  "release/promote": () => [],
  "release/prune": (context) => [examplePrune(context)],
  "release/recover": (context) => [exampleRestore(context)],
  "release/rollback": (context) => [exampleRollback(context)],
  "release/switch_current": (context) => [exampleSwitch(context)],
  "release/unpin": () => [],
  "schedule/install_crontab": () => [],
  "service/restart": (context) => exampleRestart(context),
  "service/start": (context) => [exampleStart(context)],
  "service/stop": (context) => [exampleStop(context)],
  "systemd/install_systemd": () => [],
  "traefik/install_traefik": () => [],
};

const FOLDER = "/home/deploy/shop";

/** The example's context: as on the machine of whoever reads the page. */
function exampleContext(): Context {
  const filePath = path.join(templatesPath, "manifests/example.yaml");
  const loaded = loadManifest({ filePath, env: { HOME: "/home/deploy" } });
  return {
    loaded,
    manifest: loaded.manifest,
    paths: treePaths(loaded.manifest.deploy_to),
    overrides: readOverrides({}),
    opsPath: `${FOLDER}/ops`,
    flags: ["--manifest", `${FOLDER}/deploy.yaml`],
  };
}

const text = z.string();
const input = z.strictObject({
  name: text,
  summary: text,
  usage: text,
  folder: text,
  plans: z.array(z.strictObject({ title: text, steps: text })),
  exits: z.array(z.strictObject({ code: z.number(), meaning: text, todo: text })),
});

const VOICE = {
  shell: (line: string) => line,
  plain: (line: string) => line,
  manifest: { file: `${FOLDER}/deploy.yaml`, folder: FOLDER },
};

/** `ops/<group>/<name>.md`: usage as the command itself tells it, its steps for the example manifest, its exit codes. */
export function renderPage(name: string): string {
  const context = exampleContext();
  const help = execFileSync(path.join(suitePath, "ops", `${name}.ts`), ["--help"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "" },
  });
  const [usage = "", ...rest] = help.trimEnd().split("\n\n");
  const [summary = "", ...options] = rest;
  return renderTemplate("suite/command.md", input, {
    name: `ops/${name}.ts`,
    summary: summary.replaceAll("\n", " "),
    usage: [usage, ...options].join("\n\n"),
    folder: FOLDER,
    plans: showForPage(context, PAGES[name]?.(context) ?? [], VOICE),
    exits,
  });
}

const pagePath = (name: string) => path.join(suitePath, "ops", `${name}.md`);

function main(args: string[]): void {
  const names = Object.keys(PAGES).filter((name) => read(pagePath(name)) !== renderPage(name));
  if (!args.includes("--check")) return names.forEach((name) => fs.writeFileSync(pagePath(name), renderPage(name)));
  if (names.length === 0) return;
  writeOut(
    2,
    `stale: ${names.map((name) => `ops/${name}.md`).join(", ")}. Type: ops/_bun scripts/host/command_pages.ts\n`,
  );
  process.exitCode = 1;
}

const read = (file: string) => (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined);

if (import.meta.main) main(process.argv.slice(2));
