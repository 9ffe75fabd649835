import { isUtf8 } from "node:buffer";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { command, type Plan, type Step } from "../core/step.ts";
import { refuseUnsupported } from "../manifest/supervisor-limits.ts";
import { subjectOf } from "../render/subject.ts";
import { diffTexts } from "../text/diff.ts";
import { renderCron } from "./crontab.ts";
import { withBlock } from "./crontab-block.ts";

export interface CrontabFacts {
  /** Jobs that cron is to start. */
  jobs: number;
  /** The owner's crontab; empty where there is none. */
  now: string;
  wanted: string;
  /** A unified diff; empty where nothing changes. */
  diff: string;
}

/** `ops/schedule/install_crontab.ts`: makes the tree's block in its owner's crontab what the manifest says. */
export const installCrontab: Operation<CrontabFacts, object> = {
  kind: "install_crontab",
  observe: observeCrontab,
  plan: (context, facts) => [planCrontab(context, facts)],
};

/** Who starts the jobs where cron does not. */
const OTHERS: Record<string, string> = {
  systemd: "systemd/install_systemd",
  "systemd-user": "systemd/install_systemd",
  podman: "systemd/install_systemd",
  launchd: "launchd/install_launchd",
};

/** Looks at the crontab of whoever runs this. @throws UsageError where another manager starts the jobs, and cron none of them */
export function observeCrontab(context: Context): CrontabFacts {
  refuseUnsupported(context.loaded);
  const { manifest, paths, opsPath } = context;
  const other = OTHERS[manifest.supervisor];
  const [file] = other ? [] : renderCron(subjectOf(context));
  const now = readCrontab();
  const wanted = withBlock(now, paths.deployTo, file?.content ?? "");
  if (other && now === wanted)
    throw new UsageError(`supervisor: ${manifest.supervisor} starts the jobs by itself; cron would start them twice`, {
      next: `${opsPath}/${other}.ts`,
    });
  if (file && !fs.existsSync(path.join(paths.ops, "release/prune.ts")))
    throw new UsageError(`there is no suite in ${paths.deployTo}, and the crontab's lines start what lies there`, {
      next: `${opsPath}/release/prepare_shared.ts`,
    });
  const diff = diffTexts("crontab", { now, wanted }, "as the manifest says");
  return { jobs: file ? file.content.trimEnd().split("\n").length - 3 : 0, now, wanted, diff };
}

/** @throws FailedError when crontab(1) says anything but that there is none */
function readCrontab(): string {
  const { status, stdout, stderr, error } = spawnSync("crontab", ["-l"]);
  if (error) throw new FailedError(`crontab -l: ${error.message}`, { next: "install cron: apt-get install cron" });
  if (status !== 0 && /no crontab for/.test(String(stderr))) return "";
  if (status !== 0) throw new FailedError(`crontab -l: ${String(stderr).trim() || `exit code ${status}`}`);
  if (isUtf8(stdout)) return stdout.toString();
  throw new FailedError("the crontab holds bytes that are no UTF-8, and would not stay as they are", {
    next: "crontab -e, and mend them",
  });
}

const LATE =
  "cron starts nothing late: what was due while the host was off waits for its next time. It starts a job also while the last run goes on.";

function planCrontab(context: Context, { jobs, now, wanted, diff }: CrontabFacts): Plan {
  const { manifest, paths } = context;
  const steps = now === wanted ? [] : wanted === "" ? [remove(context)] : install(context, wanted);
  const counted = `${jobs} ${jobs === 1 ? "job" : "jobs"}`;
  const state = jobs === 0 ? "The crontab has no job of this tree" : `${counted} in the crontab as the manifest says`;
  return {
    title: `Make the crontab of ${paths.deployTo} what ${manifest.app} wants`,
    notes: [...(diff === "" ? [] : [diff]), ...(jobs > 0 ? [LATE] : [])],
    steps,
    discard: steps.length > 1 ? [dropCopy(context)] : [],
    revert: [],
    done: steps.length > 0 ? `${state}.` : `${state} already.`,
  };
}

const run = ({ paths }: Context, title: string, ...lines: string[]): Step => ({
  kind: "run",
  key: "crontab",
  title,
  run: { lines, cwd: paths.deployTo, env: {} },
});

const remove = (context: Context) => run(context, "Remove the crontab, of which nothing is left", "crontab -r");

const copyPath = ({ paths }: Context) => path.join(paths.deployTo, ".crontab");

const dropCopy = (context: Context): Step => ({ kind: "remove", title: "Remove the copy", path: copyPath(context) });

function install(context: Context, content: string): Step[] {
  const file = copyPath(context);
  return [
    { kind: "write", title: `Write the crontab to ${file}`, path: file, content, mode: 0o600 },
    run(
      context,
      "Install the crontab, and read it back",
      command("crontab", file),
      `crontab -l | ${command("cmp", "-", file)}`,
    ),
    dropCopy(context),
  ];
}
