import * as z from "zod";
import { command } from "../core/step.ts";
import { inCheckout, type Neutral, neutralShell } from "./neutral.ts";
import { renderTemplate } from "../render/template.ts";

const input = z.strictObject({
  app: z.string(),
  manifest: z.string(),
  hasSchedule: z.boolean(),
  lines: z.array(z.string()),
});

const PROPOSED = "0 3 * * *";

/** `ops/crontab`: one line for every tree; `folder` is where the manifest lies, for a tree that is given relative to it. */
export function renderCrontab({ context, environments, manifestName }: Neutral, folder: string): string {
  const own = { manifest: context.manifest, environment: context.loaded.environment };
  const others = environments
    .filter(({ name }) => name !== own.environment)
    .map(({ name, loaded }) => ({ manifest: loaded.manifest, environment: name }));
  const all = [own, ...others];
  // A tree that two names stand for is pruned once.
  const trees = all.filter(
    ({ manifest }, at) => all.findIndex((one) => one.manifest.deploy_to === manifest.deploy_to) === at,
  );
  const scheduled = trees.flatMap(({ manifest: { deploy_to, prune } }) =>
    prune.schedule ? [pruneLine(prune.schedule, inCheckout(deploy_to, folder))] : [],
  );
  const proposed = `# ${pruneLine(PROPOSED, inCheckout(own.manifest.deploy_to, folder))}`;
  const hasSchedule = scheduled.length > 0;
  return renderTemplate("suite/crontab", input, {
    app: own.manifest.app,
    manifest: manifestName,
    hasSchedule,
    lines: hasSchedule ? scheduled : [proposed],
  });
}

/** Cron reads an unescaped % as a line break. */
function pruneLine(schedule: string, tree: string): string {
  const line = `${command(`${tree}/ops/release/prune.ts`, "--manifest", `${tree}/deploy.yaml`)} >>${command(`${tree}/logs/cron.log`)} 2>&1`;
  return `${schedule} ${neutralShell(line).replaceAll("%", "\\%")}`;
}
