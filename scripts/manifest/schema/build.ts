import * as z from "zod";
import { absolutePath, env, insidePath, line, lines, listOf } from "./values.ts";

const paths = (wanted: string) => z.array(insidePath, { error: `a list of ${wanted}` });

const NEED = "a command's name or path, with a version range if it matters: python>=3.13,<3.14";

const needs = listOf(
  line(NEED).regex(
    /^[^\s<>=!]+(?:\s*(?:[<>]=?|==?|!=)\s*\d+(?:\.\d+)*\s*(?:,\s*(?:[<>]=?|==?|!=)\s*\d+(?:\.\d+)*\s*)*)?$/,
    {
      error: NEED,
    },
  ),
  `${NEED}, or a list of them`,
)
  .prefault([])
  .describe("Commands that must exist, with version ranges: python>=3.13,<3.14.");

/** A dependency set: made by `run` once for each content of its lockfiles, or named by `use`. */
export const dependency = z
  .strictObject({
    path: insidePath.describe("Its place in the release, such as backend/.venv."),
    key: listOf(insidePath, "a lockfile, or a list of them")
      .prefault([])
      .describe("Lockfiles: another set is made when one changes."),
    dir: insidePath.prefault(".").describe("Where run starts, in the set."),
    needs,
    env: env.default({}).describe("Environment variables; values are text."),
    run: lines.optional().describe("What makes path, beside copies of the lockfiles."),
    use: absolutePath.optional().describe("An environment outside of the tree that is used as it is, instead."),
  })
  .superRefine(({ key, run, use }, ctx) => {
    const isWhole = use === undefined ? run !== undefined && key.length > 0 : run === undefined && key.length === 0;
    if (!isWhole) ctx.addIssue({ code: "custom", message: "needs either key and run, or use" });
  });

/** Where a build step runs for an environment with hosts. */
export const buildOn = z.enum(["local", "host"], { error: "local or host" });

/** A build step; with `inputs` and `outputs` it is skipped when its inputs did not change. */
export const buildStep = z.strictObject({
  dir: insidePath.prefault(".").describe("Where run starts, in the release."),
  run: lines.describe("A line, or a list of lines, for bash -euo pipefail."),
  inputs: paths("paths")
    .default([])
    .describe(
      "Paths in the release that the step reads, all of them: while they do not change, its outputs are reused.",
    ),
  outputs: paths("paths")
    .default([])
    .describe("Paths in the release that the step makes, without the release's id or path in them."),
  env: env.default({}).describe("Environment variables; values are text."),
  needs,
  when: line("a command's name").optional().describe("Skip the step, with a warning, where this command is absent."),
  build_on: buildOn
    .optional()
    .describe("Where this step runs for an environment with hosts; default: the manifest's build_on."),
});
