import type { Context } from "../core/context.ts";
import type { ReleaseFact } from "../core/observe.ts";
import { recordedManifestPath } from "../core/paths.ts";
import type { Step } from "../core/step.ts";
import { renderTreeCopy } from "../manifest/trailer.ts";

/** Keeps the manifest that runs healthy now: with the release, and as the tree's own for cron and the runbook. */
export function remember(context: Context, target: ReleaseFact, isBack: boolean): Step[] {
  const content = renderTreeCopy(context.loaded);
  const { manifests, manifest } = context.paths;
  // What was not tried did not run healthy.
  const isKept = context.overrides.isGateSkipped || (isBack && target.hasRecordedManifest);
  const recorded: Step = {
    kind: "write",
    title: `Keep the manifest with which ${target.id} runs`,
    path: recordedManifestPath(context.paths, target.id),
    content,
    mode: 0o600,
  };
  return [
    { kind: "mkdir", title: `Make ${manifests}`, path: manifests },
    ...(isKept ? [] : [recorded]),
    { kind: "write", title: "Copy the manifest into the tree", path: manifest, content, mode: 0o600 },
  ];
}
