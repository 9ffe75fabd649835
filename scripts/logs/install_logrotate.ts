import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { refuseForbidden } from "../core/as-root.ts";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { inTemporaryFolder } from "../core/temporary.ts";
import { command, type Plan, type Step } from "../core/step.ts";
import { refuseUnsupported } from "../manifest/supervisor-limits.ts";
import { isMarked } from "../render/mark.ts";
import { refuseOthers } from "../render/other-trees.ts";
import { type Subject, subjectOf } from "../render/subject.ts";
import { hasLogrotate } from "../schedule/jobs.ts";
import { diffTexts } from "../text/diff.ts";
import { textOf } from "../render/reading.ts";
import { logFilesOf } from "./log-files.ts";
import { renderLogrotate } from "./logrotate.ts";
import { type Owned, ownWords, privilegesOf } from "./privileges.ts";

const FOLDER = "/etc/logrotate.d";

export interface LogrotateFacts extends Owned {
  /** What stands there; undefined for nothing. */
  now?: string | undefined;
  /** Undefined: none of this tree is to stand there. */
  wanted?: string | undefined;
  /** A unified diff; empty where nothing changes. */
  diff: string;
}

/** `ops/logs/install_logrotate.ts`: makes `/etc/logrotate.d/<app>` what the manifest says. */
export const installLogrotate: Operation<LogrotateFacts, object> = {
  kind: "install_logrotate",
  observe: observeLogrotate,
  plan: (context, facts) => [planLogrotate(context, facts)],
};

function observeLogrotate(context: Context): LogrotateFacts {
  refuseUnsupported(context.loaded);
  const { manifest, opsPath } = context;
  const facts = lookAt(context);
  if (facts.wanted === undefined && facts.now === undefined)
    throw new UsageError(
      manifest.logs
        ? `under supervisor: ${manifest.supervisor} a job rotates the logs; logrotate would do it twice`
        : "logs is not set in the manifest: nothing is rotated",
      { next: manifest.logs ? `${opsPath}/logs/rotate.ts` : "add to deploy.yaml: logs: { max_size: 10m, keep: 7 }" },
    );
  if (facts.wanted !== undefined) {
    refuseOthers(context, { installed: new Map([[facts.path, facts.now ?? ""]]), wanted: [facts] });
    check(facts.wanted);
  }
  if (facts.now !== facts.wanted || facts.foreign.length > 0) refuseForbidden(context, privilegesOf(facts));
  return facts;
}

/** What the tree's owner has to be allowed to do as root for its logs to be rotated: the lines for sudoers. */
export function logrotatePrivileges(context: Context): string[][] {
  const facts = lookAt(context);
  return facts.wanted === undefined && facts.now === undefined ? [] : privilegesOf(facts);
}

function lookAt(context: Context): LogrotateFacts {
  const { manifest, paths } = context;
  const subject = subjectOf(context);
  const file = path.join(FOLDER, manifest.app);
  const [rendered] = hasLogrotate(manifest) ? renderLogrotate(subject) : [];
  const standing = textOf(file);
  const now = rendered || isMarked(standing ?? "", paths.deployTo) ? standing : undefined;
  const { uid, gid } = subject.owner;
  return {
    path: file,
    now,
    wanted: rendered?.content,
    diff: diffTexts(file, { now: now ?? "", wanted: rendered?.content ?? "" }, "as the manifest says"),
    foreign: rendered ? foreignLogs(subject) : [],
    owner: `${uid}:${gid ?? ""}`,
  };
}

/** systemd makes a log as root, and leaves one that is there to whom it belongs. */
function foreignLogs({ manifest, paths, owner }: Subject): string[] {
  if (!fs.existsSync(paths.logs)) return [];
  const logs = logFilesOf({ manifest, paths }).map((log) => log.path);
  const isOwn = (log: string) => fs.lstatSync(log, { throwIfNoEntry: false })?.uid === owner.uid;
  return logs.filter((log) => path.dirname(log) === paths.logs && !isOwn(log));
}

/** Lets logrotate itself read the file, before it is where it would be used. @throws FailedError with what it says */
function check(content: string): void {
  inTemporaryFolder("switchback-logrotate", (folder) => {
    const file = path.join(folder, "logrotate");
    fs.writeFileSync(file, content, { mode: 0o644 });
    const { status, stderr, error } = spawnSync("logrotate", ["-d", "--state", path.join(folder, "state"), file], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
    });
    if (error) throw new FailedError(`logrotate: ${error.message}`, { next: "apt-get install logrotate" });
    const problems = stderr.split("\n").filter((line) => line.startsWith("error: "));
    if (status !== 0 || problems.length > 0)
      throw new FailedError("logrotate does not accept the file; nothing was written", { output: problems });
  });
}

function planLogrotate({ manifest, paths }: Context, facts: LogrotateFacts): Plan {
  const { path: file, now, wanted, diff, foreign, owner } = facts;
  const write: Step[] =
    wanted === undefined
      ? [{ kind: "remove", title: `Remove ${file}`, path: file, asRoot: true }]
      : [{ kind: "write", title: `Write ${file}`, path: file, content: wanted, mode: 0o644, asRoot: true }];
  const lines = foreign.flatMap((log) => ownWords(log, owner)).map((words) => command(...words));
  const steps: Step[] = [
    ...(now === wanted ? [] : write),
    ...(foreign.length > 0
      ? [
          {
            kind: "run" as const,
            key: "chown",
            title: "Give the logs to the tree's owner, as whom logrotate works",
            run: { lines, cwd: paths.deployTo, env: {}, asRoot: true },
          },
        ]
      : []),
  ];
  const state = wanted === undefined ? "is gone" : "is as the manifest says";
  return {
    title: `Let logrotate rotate the logs of ${manifest.app}`,
    notes: diff === "" ? [] : [diff],
    steps,
    discard: [],
    revert: [],
    done: `${file} ${state}${steps.length > 0 ? "." : " already."}`,
  };
}
