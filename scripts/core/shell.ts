import fs from "node:fs";
import { $ } from "zx/core";
import { FailedError, InterruptedError } from "./errors.ts";
import { follow } from "../terminal/follow.ts";
import { OPERATION_MARK } from "./operation-mark.ts";
import { reporter } from "../terminal/reporter.ts";
import type { ShellCommand } from "./step.ts";
import type { ApplyContext } from "./steps/kind.ts";

/**
 * Runs lines in `bash -euo pipefail`, in a process group of their own. Output goes straight into the operation's
 * log (it survives a kill, and a build of any length costs no memory) and is followed from there for the person.
 * @throws FailedError with the command's last lines; InterruptedError when the operation is told to stop.
 */
export async function runShell(what: ShellCommand, title: string, context: ApplyContext): Promise<void> {
  const log = fs.openSync(context.logPath, "a", 0o600);
  const stop = follow(context.logPath, (text) => reporter().output(text));
  try {
    const child = $({
      cwd: what.cwd,
      env: { ...process.env, ...what.env, [OPERATION_MARK]: context.operationId },
      stdio: ["ignore", log, log],
      shell: "bash",
      prefix: "set -euo pipefail;",
      detached: true,
      nothrow: true,
      quiet: true,
    })([`${what.lines.join("\n")}\n`] as unknown as TemplateStringsArray);
    const abort = () => endGroup(child.pid);
    context.signal?.addEventListener("abort", abort, { once: true });
    const result = await child;
    context.signal?.removeEventListener("abort", abort);
    if (context.signal?.aborted) throw new InterruptedError(`${title}: interrupted`, { step: title });
    if (result.exitCode !== 0) throw failure(title, result.exitCode, stop());
  } finally {
    stop();
    fs.closeSync(log);
  }
}

function failure(title: string, code: number | null, output: string): FailedError {
  const lines = output.trimEnd().split("\n").slice(-20);
  return new FailedError(`${title}: exit code ${code}`, { step: title, output: lines });
}

/** TERM for the whole group, KILL for what is left of it after two seconds. */
function endGroup(pid: number | undefined): void {
  if (!pid) return;
  signalGroup(pid, "SIGTERM");
  setTimeout(() => signalGroup(pid, "SIGKILL"), 2000).unref();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}
