import path from "node:path";
import type { Context } from "../core/context.ts";
import { showStep } from "../core/show.ts";
import { type Plan, quote, type Step } from "../core/step.ts";

export interface ShownPlan {
  title: string;
  /** A subshell that stops at the first failure. */
  steps: string;
}

/** How the shown text becomes what is printed: its shell, and its words for a person. */
export interface Voice {
  shell(text: string): string;
  plain(text: string): string;
  /** The manifest's file as shell, and the folder it lies in. */
  manifest: { file: string; folder: string };
}

/** Plans as blocks for a page, made from the same steps that `--dry-run` prints. */
export const showForPage = (context: Context, plans: Plan[], voice: Voice): ShownPlan[] =>
  plans
    .filter(({ steps }) => steps.length > 0)
    .map(({ title, steps }) => ({
      title: voice.plain(title),
      steps: ["(", "  set -eu", ...steps.map((step) => showOne(context, step, voice)), ")"].join("\n"),
    }));

function showOne(context: Context, step: Step, voice: Voice): string {
  const lines = isManifestCopy(context, step) ? copyManifest(step, context, voice) : showStep(step, context);
  const shown = voice.shell(step.optional ? `{ ${lines}\n  } || true` : lines);
  return `  # ${voice.plain(step.title).replaceAll("\n", "\n  # ")}\n  ${indented(shown)}`;
}

// Only lines that begin a command are indented: a quoted word that runs over several lines keeps its own white space.
function indented(shell: string): string {
  let isQuoted = false;
  return shell
    .split("\n")
    .map((line, index) => {
      const text = index > 0 && !isQuoted ? `  ${line}` : line;
      if ((line.replaceAll("\\'", "").match(/'/g)?.length ?? 0) % 2 === 1) isQuoted = !isQuoted;
      return text;
    })
    .join("\n");
}

type WriteStep = Extract<Step, { kind: "write" }>;

const isManifestCopy = ({ paths }: Context, step: Step): step is WriteStep =>
  step.kind === "write" && (step.path === paths.manifest || path.dirname(step.path) === paths.manifests);

/** The same as writing the copy's text, which would put the whole manifest on the page once a step. */
function copyManifest(step: WriteStep, { loaded }: Context, { manifest }: Voice): string {
  const environment = loaded.environment === undefined ? "" : ` env=${loaded.environment}`;
  const words = loaded.host === undefined ? `%s${environment}\\n' ${manifest.folder}` : onHost(manifest, environment);
  const trailer = `printf '\\n# switchback: origin=${words}`;
  const temporary = quote(`${step.path}.new`);
  return [
    `(umask 077 && { cat ${manifest.file}; ${trailer}; } >${temporary})`,
    `chmod ${step.mode.toString(8)} ${temporary}`,
    `mv -f -- ${temporary} ${quote(step.path)}`,
  ].join("\n");
}

const onHost = ({ folder }: Voice["manifest"], environment: string) =>
  `%s deploy_to=%s${environment} host=%s\\n' ${folder} ${folder} "$HOST"`;
