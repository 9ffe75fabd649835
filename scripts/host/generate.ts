import fs from "node:fs";
import path from "node:path";
import { suitePath } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { becomeOwner } from "../core/owner.ts";
import { showPlans, showStep } from "../core/show.ts";
import { quote } from "../core/step.ts";
import { kindOf } from "../core/steps/kinds.ts";
import type { ApplyContext } from "../core/steps/kind.ts";
import { openManifest } from "../manifest/document.ts";
import { environmentNames } from "../manifest/layers.ts";
import { findManifest } from "../manifest/find.ts";
import { loadManifest } from "../manifest/load.ts";
import { renderChecklist } from "../suite/checklist.ts";
import { renderCrontab } from "../suite/crontab.ts";
import {
  BASELINE,
  type Baseline,
  diffOf,
  type FilePlan,
  type FileState,
  type GeneratedFile,
  observeFiles,
  planFiles,
  readBaseline,
} from "../suite/generated.ts";
import { renderLauncher, renderSuiteFinder, suiteCommands, wantedCommands } from "../suite/launchers.ts";
import { type Neutral, openNeutral } from "../suite/neutral.ts";
import { renderRunbook } from "../suite/runbook.ts";

export interface GenerateFacts {
  /** The manifest's folder, absolute. */
  folder: string;
  states: FileState[];
  baseline: Baseline;
}

/** Everything that belongs into a repository for its manifest; `folder` is where the manifest lies. */
export function renderSuite(neutral: Neutral, folder: string): GeneratedFile[] {
  const manifests = [neutral.context.manifest, ...neutral.environments.map(({ loaded }) => loaded.manifest)];
  const launchers = wantedCommands(suiteCommands(), manifests);
  return [
    ...launchers.map((name) => ({ path: `ops/${name}.ts`, content: renderLauncher(name), mode: 0o755 })),
    { path: "ops/_suite", content: renderSuiteFinder(neutral), mode: 0o755 },
    { path: "ops/crontab", content: renderCrontab(neutral, folder), mode: 0o644 },
    { path: "ops/RUNBOOK.md", content: renderRunbook(neutral), mode: 0o644 },
    { path: "ops/CHECKLIST.md", content: renderChecklist(neutral), mode: 0o644 },
  ];
}

export interface GenerateOptions {
  manifest?: string | undefined;
  env?: string | undefined;
  launcherPath?: string | undefined;
}

/** Finds the manifest, and looks how the files beside it stand. @throws UsageError where nothing can be generated. */
export async function observeGenerated({ manifest, env, launcherPath }: GenerateOptions): Promise<GenerateFacts> {
  const cwd = process.cwd();
  const filePath = await findManifest({ flag: manifest, environment: env, env: process.env, cwd, launcherPath });
  const document = openManifest(filePath, filePath);
  const folder = path.dirname(filePath);
  refuseTree(folder, document.basePath);
  const last = readBaseline(folder);
  const isKnown = last.environment !== undefined && environmentNames(document.root).includes(last.environment);
  const environment = env ?? (isKnown ? last.environment : undefined);
  // Loaded where it lies first: what is wrong with it is told with its own name and place.
  const { manifest: loaded } = loadManifest({ filePath, environment, env: process.env, cwd });
  refuseTree(folder, document.basePath, loaded.deploy_to);
  const wanted = renderSuite(openNeutral(document.text, path.basename(filePath), environment), folder);
  const baseline = { ...(environment === undefined ? {} : { environment }), files: last.files };
  return { folder, states: observeFiles(folder, wanted, last), baseline };
}

/** @throws UsageError where `ops` is the suite's own, or a tree's link to it: never to be taken for a repository's. */
export function refuseTree(folder: string, basePath: string, deployTo?: string): void {
  if (basePath !== folder)
    throw new UsageError(
      `${folder} is a tree, and its deploy.yaml a copy: the suite is generated beside the manifest itself`,
      {
        next: `${path.join(suitePath, "ops/host/generate.ts")} --manifest ${quote(path.join(basePath, "deploy.yaml"))}`,
      },
    );
  if (folder === deployTo)
    throw new UsageError(`deploy_to is the folder of the manifest: ${folder} cannot be both the checkout and the tree`);
  const ops = path.join(folder, "ops");
  if (folder === suitePath || fs.lstatSync(ops, { throwIfNoEntry: false })?.isSymbolicLink())
    throw new UsageError(
      `${ops} ${folder === suitePath ? "is the suite itself" : "is a link"}: nothing is generated into it`,
      {
        next: "--manifest path/to/your/deploy.yaml",
      },
    );
}

/** What `generate` would change; pure. */
const planGenerate = ({ folder, states, baseline }: GenerateFacts, options: { force: boolean }): FilePlan =>
  planFiles(folder, states, baseline, options);

/** Carries out a plan that only writes and removes files of a repository: it has no tree, so neither lock nor journal. */
export async function applyFiles({ steps }: FilePlan): Promise<void> {
  for (const step of steps) if (!kindOf(step).done(step)) await kindOf(step).apply(step, NO_CONTEXT);
}

// Steps that write, make and remove use nothing of it.
const NO_CONTEXT = { signal: undefined, logPath: "", operationId: "" } as ApplyContext;

export interface Answer {
  value: unknown;
  text: string;
  /** Every file is as it would be generated, now. */
  isAsWanted: boolean;
}

/** `ops/host/generate.ts`: writes; with `check` only looks; with `dryRun` prints the same as shell. */
export async function generate(
  options: GenerateOptions & { check?: boolean; force?: boolean; dryRun?: boolean },
): Promise<Answer> {
  const facts = await observeGenerated(options);
  const plan = planGenerate(facts, { force: options.force === true });
  if (options.check) return answerCheck(facts, plan);
  if (options.dryRun) return { ...showFiles([plan]), isAsWanted: true };
  if (process.geteuid?.() === 0) becomeOwner(facts.folder);
  await applyFiles(plan);
  return answerWritten(facts, plan, options.force === true);
}

/** Plans of files as `--dry-run` prints them. */
export function showFiles(plans: FilePlan[]): { value: unknown; text: string } {
  const show = { opsPath: path.join(suitePath, "ops"), flags: [] };
  const value = plans.map(({ title, steps }) => ({
    title,
    steps: steps.map((step) => ({ title: step.title, shell: showStep(step, show) })),
  }));
  return { value, text: showPlans(plans, show) };
}

function answerCheck({ states }: GenerateFacts, { steps }: FilePlan): Answer {
  const found = states.filter(({ state }) => state !== "same").map((file) => ({ path: file.path, state: file.state }));
  // Nothing but the record of what was generated last may be out of date.
  const all = found.length === 0 && steps.length > 0 ? [{ path: BASELINE, state: "stale" }] : found;
  if (all.length === 0)
    return {
      value: { stale: [] },
      text: `${states.length} generated files are as the manifest wants them.`,
      isAsWanted: true,
    };
  const lines = all.map((file) => `  ${file.path}  (${file.state})`);
  return {
    value: { stale: all },
    text: ["These files are not as they would be generated:", ...lines, `What to type:\n    ops/host/generate.ts`].join(
      "\n",
    ),
    isAsWanted: false,
  };
}

function answerWritten({ folder, states }: GenerateFacts, { steps }: FilePlan, isForced: boolean): Answer {
  const named = (kind: "write" | "remove") =>
    steps.flatMap((step) => (step.kind === kind ? [path.relative(folder, step.path)] : []));
  const kept = isForced ? [] : states.filter(({ state }) => state.includes("edited"));
  const [written, removed] = [named("write"), named("remove")];
  const text = [
    ...written.map((file) => `wrote    ${file}`),
    ...removed.map((file) => `removed  ${file}`),
    ...kept.map((file) => `kept     ${file.path}, which was edited by hand:\n${diffOf(file)}`),
    written.length + removed.length === 0
      ? `${states.length - kept.length} generated files were as the manifest wants them.`
      : "",
    kept.length > 0 ? `What to type to let go of the edits:\n    ops/host/generate.ts --force` : "",
  ];
  return {
    value: { written, removed, kept: kept.map((file) => file.path) },
    text: text.filter(Boolean).join("\n"),
    isAsWanted: kept.length === 0,
  };
}
