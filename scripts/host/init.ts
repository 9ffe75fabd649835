import fs from "node:fs";
import path from "node:path";
import { suitePath } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { refuseUnsupported } from "../manifest/supervisor-limits.ts";
import { ManifestError } from "../manifest/problems.ts";
import { becomeOwner } from "../core/owner.ts";
import { quote } from "../core/step.ts";
import { type ApplicationFacts, observeApplication } from "./application.ts";
import { appOf, type DraftOptions, renderDraft, schemaPath } from "./draft.ts";
import { scalar } from "./part-commands.ts";
import { applyFiles, refuseTree, renderSuite, showFiles } from "./generate.ts";
import {
  diffOf,
  type FilePlan,
  type FileState,
  type FileStep,
  observeFiles,
  planFiles,
  readBaseline,
} from "../suite/generated.ts";
import { jobsOf } from "../schedule/jobs.ts";
import { type Neutral, openNeutral } from "../suite/neutral.ts";
import { typed } from "../suite/typed.ts";
import { adaptStarter, readStarter } from "./starters.ts";

export interface InitOptions extends Omit<DraftOptions, "port"> {
  port?: string | undefined;
  /** Name of a starter to begin with. */
  like?: string | undefined;
  dryRun?: boolean | undefined;
}

/** `ops/host/init.ts [DIR]`: a manifest for what was found there, and everything that is generated for it. */
export async function init(
  directory: string,
  options: InitOptions,
): Promise<{ value: unknown; text: string; isAsWanted: boolean }> {
  const folder = fs.realpathSync(existing(path.resolve(directory)));
  const facts = observeApplication(folder);
  if (facts.hasManifest) throw alreadyThere(folder);
  refuseTree(folder, folder);
  const manifest = renderFirst(facts, options);
  const neutral = openNeutral(manifest, "deploy.yaml", undefined);
  const states = observeFiles(folder, renderSuite(neutral, folder), readBaseline(folder));
  const plan = planInit(facts, manifest, states);
  if (options.dryRun) return { ...showFiles([plan]), isAsWanted: true };
  if (process.geteuid?.() === 0) becomeOwner(folder);
  await applyFiles(plan);
  return answerOf(facts, plan, states, neutral);
}

/** The manifest to begin with: a starter, made this application's own, or a draft for what was found. */
function renderFirst(facts: ApplicationFacts, options: InitOptions): string {
  if (options.like === undefined) return renderDraft(facts, { ...options, port: portOf(options.port) });
  if (options.port !== undefined || options.run !== undefined)
    throw new UsageError("a starter has services of its own: --port and --run mean nothing beside --like", {
      next: `ops/host/init.ts --like ${options.like}   # then change port and run in deploy.yaml`,
    });
  const deployTo = options.deployTo === undefined ? undefined : scalar(options.deployTo);
  const adapted = adaptStarter(readStarter(options.like), facts, { app: appOf(facts, options), deployTo });
  const schema =
    facts.packagePath === undefined ? "" : `# yaml-language-server: $schema=${schemaPath(facts.packagePath)}\n`;
  return schema + adapted;
}

function existing(folder: string): string {
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder;
  throw new UsageError(`there is no directory ${folder}`, { next: `mkdir -p ${quote(folder)}` });
}

const alreadyThere = (folder: string) =>
  new UsageError(`${path.join(folder, "deploy.yaml")} is there already, and is never overwritten`, {
    next: `${path.join(suitePath, "ops/host/generate.ts")} --manifest ${quote(path.join(folder, "deploy.yaml"))}`,
  });

function portOf(word: string | undefined): number | undefined {
  if (word === undefined) return undefined;
  const port = /^\d{1,5}$/.test(word) ? Number(word) : 0;
  if (port < 1 || port > 65535)
    throw new UsageError(`--port wants a port from 1 to 65535, not ${JSON.stringify(word)}`, {
      next: "ops/host/init.ts --port 3001",
    });
  return port;
}

/** The manifest, what keeps secrets out of the repository, and the generated suite; pure. */
function planInit(facts: ApplicationFacts, manifest: string, states: FileState[]): FilePlan {
  const suite = planFiles(facts.folder, states, { files: {} }, { force: false });
  const write = (name: string, content: string): FileStep => {
    const place = path.join(facts.folder, name);
    return { kind: "write", title: `Write ${place}`, path: place, content, mode: 0o644 };
  };
  const ignored = renderGitignore(facts);
  return {
    ...suite,
    title: `Set ${facts.folder} up`,
    steps: [
      ...suite.steps,
      ...examples(facts).map(({ name, content }) => write(name, content)),
      ...(ignored === undefined ? [] : [write(".gitignore", ignored)]),
      // Last: a run that was cut off before can simply be typed again.
      write("deploy.yaml", manifest),
    ],
  };
}

/** `.env.example` beside each file of settings: the names alone. */
const examples = ({ parts }: ApplicationFacts) =>
  parts.flatMap(({ dir, envFile, hasEnvExample }) =>
    envFile && !hasEnvExample
      ? [{ name: path.join(dir, ".env.example"), content: envFile.names.map((name) => `${name}=\n`).join("") }]
      : [],
  );

/** The `.gitignore` with what must not be committed; undefined when it has all of that. */
export function renderGitignore({ gitignore, parts, dataDirs, databases }: ApplicationFacts): string | undefined {
  const present = new Set(gitignore.split(/\r?\n/).map((line) => line.trim().replace(/^\//, "").replace(/\/$/, "")));
  const settings = parts.flatMap(({ dir, envFile }) => (envFile ? [path.join(dir, envFile.name)] : []));
  const loose = databases.filter((file) => !dataDirs.some((dir) => file.startsWith(`${dir}/`)));
  const wanted = [
    ".env",
    ...settings.map((file) => `/${file}`),
    ...dataDirs.map((dir) => `/${dir}/`),
    ...loose.flatMap((file) => [`/${file}`, `/${file}-*`]),
  ];
  const missing = wanted.filter((line) => !present.has(line.replace(/^\//, "").replace(/\/$/, "")) && line !== "/.env");
  if (missing.length === 0) return undefined;
  const before = gitignore === "" || gitignore.endsWith("\n") ? gitignore : `${gitignore}\n`;
  return `${before}# Settings, secrets and data are no part of a release.\n${missing.join("\n")}\n`;
}

function answerOf({ folder, isGit }: ApplicationFacts, { steps }: FilePlan, states: FileState[], neutral: Neutral) {
  const refused = refusedKeys(neutral);
  const written = steps.flatMap((step) => (step.kind === "write" ? [path.relative(folder, step.path)] : []));
  const kept = states.filter(({ state }) => state.includes("edited"));
  const { manifest, paths } = neutral.context;
  const edits = [
    ...(neutral.hosts.length > 0
      ? ["$EDITOR deploy.yaml    # the hosts, their user, places and ports are an example's"]
      : []),
    ...(refused.length > 0 ? [`$EDITOR deploy.yaml    # its supervisor cannot do ${refused.join(", ")}`] : []),
    ...(Object.keys(manifest.services).length > 0
      ? []
      : ["$EDITOR deploy.yaml    # nothing was found that starts a server: services is empty"]),
  ];
  const proxies = [...new Set(Object.values(manifest.sites).map(({ kind }) => kind))];
  const isByCron = manifest.supervisor === "pidfile" && jobsOf(manifest, paths).length > 0;
  const next = [
    ...edits,
    ...(edits.length > 0 ? ["ops/host/generate.ts    # what is in ops/ follows deploy.yaml"] : []),
    ...(isGit ? ["git add -A && git commit -m 'Deployment'"] : []),
    ...commandsOf(neutral),
    ...proxies.map((kind) => typed(neutral, `${kind}/install_${kind}`)),
    ...(isByCron ? ["ops/schedule/install_crontab.ts"] : []),
  ];
  const lines = [
    ...written.map((file) => `wrote    ${file}`),
    ...kept.map((file) => `kept     ${file.path}, which was there before:\n${diffOf(file)}`),
    `Read deploy.yaml. Then type, in ${folder}:`,
    ...next.map((line) => `    ${line}`),
  ];
  return {
    value: { folder, written, kept: kept.map((file) => file.path), refused, next },
    text: lines.join("\n"),
    isAsWanted: kept.length === 0,
  };
}

/** What leads to a first release, here or on the hosts of the first environment. */
function commandsOf(neutral: Neutral): string[] {
  const { release_id: how } = neutral.context.manifest;
  const prepare = neutral.hosts.length > 0 ? "host/setup" : "release/prepare_shared";
  const release = how === "tag" ? "release/deploy v1.0.0" : "release/deploy";
  return [
    ...(how === "tag" ? ["git tag v1.0.0"] : []),
    ...["host/doctor", prepare, release].map((line) => typed(neutral, line)),
  ];
}

/** Keys that a starter shows and this version does not have, or this host's supervisor. */
function refusedKeys({ context }: Neutral): string[] {
  try {
    refuseUnsupported(context.loaded);
    return [];
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return error.problems.flatMap(({ message }) => /^"([^"]+)"/.exec(message)?.[1] ?? []);
  }
}
