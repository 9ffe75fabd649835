import type { Context } from "../core/context.ts";
import { releasePath } from "../core/paths.ts";
import type { RunStep, Step } from "../core/step.ts";

type HookName = keyof Context["manifest"]["hooks"];

/** A hook as a step: `RELEASE_ID`, `RELEASE_PATH` and `DEPLOY_TO` are set for it. */
export function hook(context: Context, name: HookName, releaseId: string, cwd: string): RunStep[] {
  const lines = context.manifest.hooks[name];
  if (lines.length === 0) return [];
  const env = {
    RELEASE_ID: releaseId,
    RELEASE_PATH: releasePath(context.paths, releaseId),
    DEPLOY_TO: context.paths.deployTo,
  };
  return [{ kind: "run", key: `hook:${name}`, title: `Run the ${name} hook`, run: { lines, cwd, env } }];
}

/** `on_failure`: whatever it does, it changes nothing about how the operation ends. */
export const failureHook = (context: Context, releaseId: string): Step[] =>
  hook(context, "on_failure", releaseId, context.paths.deployTo).map((step) => ({ ...step, optional: true }));
