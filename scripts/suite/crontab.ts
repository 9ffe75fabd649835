import * as z from "zod";
import { treePaths } from "../core/paths.ts";
import type { LoadedManifest } from "../manifest/load.ts";
import { refusing } from "../render/subject.ts";
import { renderTemplate } from "../render/template.ts";
import { cronLines, type CronSubject } from "../schedule/crontab.ts";
import { isManaged } from "../schedule/jobs.ts";
import { inCheckout, type Neutral, neutralShell } from "./neutral.ts";

const input = z.strictObject({
  app: z.string(),
  manifest: z.string(),
  hasSchedule: z.boolean(),
  others: z.array(z.string()),
  lines: z.array(z.string()),
});

const PROPOSED = "0 3 * * *";

/** `ops/crontab`: a line for every job of every tree that cron serves; `folder` is where the manifest lies, for a tree that is given relative to it. */
export function renderCrontab({ context, environments, manifestName }: Neutral, folder: string): string {
  const all = [context.loaded, ...environments.map(({ loaded }) => loaded)];
  // A tree that two names stand for has its jobs once.
  const trees = all.filter(
    ({ manifest }, at) => all.findIndex((one) => one.manifest.deploy_to === manifest.deploy_to) === at,
  );
  const served = trees.filter(({ manifest }) => !isManaged(manifest));
  const lines = served.flatMap((loaded) => linesOf(loaded, folder));
  const proposed = served.slice(0, 1).flatMap((loaded) => linesOf(withPruning(loaded), folder));
  const hasSchedule = lines.length > 0;
  return renderTemplate("suite/crontab", input, {
    app: context.manifest.app,
    manifest: manifestName,
    hasSchedule,
    others: [
      ...new Set(trees.filter(({ manifest }) => isManaged(manifest)).map(({ manifest }) => manifest.supervisor)),
    ],
    lines: hasSchedule ? lines : proposed.map((line) => `# ${line}`),
  });
}

const withPruning = (loaded: LoadedManifest): LoadedManifest => ({
  ...loaded,
  manifest: { ...loaded.manifest, prune: { ...loaded.manifest.prune, schedule: PROPOSED } },
});

function linesOf(loaded: LoadedManifest, folder: string): string[] {
  const { manifest } = loaded;
  const subject: CronSubject = {
    manifest,
    paths: treePaths(inCheckout(manifest.deploy_to, folder)),
    refuse: refusing(loaded),
  };
  return cronLines(subject).map(neutralShell);
}
