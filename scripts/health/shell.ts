import { spawn, type ChildProcess } from "node:child_process";

/** Lines for `bash -euo pipefail`, run in `cwd` with `env` on top of this process's environment. */
export interface Lines {
  run: string | readonly string[];
  cwd: string;
  env?: Record<string, string> | undefined;
}

/** `code` is undefined when the run was cut or bash could not start; `output` is the last 2 KB of stdout and stderr. */
export interface Outcome {
  code: number | undefined;
  output: string;
}

const OUTPUT_LIMIT = 2048;

/** Runs the lines in a process group of their own, killed when they end and when `signal` aborts; never rejects. */
export function runLines(lines: Lines, signal: AbortSignal): Promise<Outcome> {
  const script = [lines.run].flat().join("\n");
  const child = spawn("bash", ["-euo", "pipefail", "-c", script], {
    cwd: lines.cwd,
    env: { ...process.env, ...lines.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  return outcomeOf(child, signal);
}

function outcomeOf(child: ChildProcess, signal: AbortSignal): Promise<Outcome> {
  let output = "";
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-OUTPUT_LIMIT));
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  return new Promise((resolve) => {
    const cut = () => killGroup(child);
    const end = (code: number | undefined) => {
      signal.removeEventListener("abort", cut);
      resolve({ code, output: output.trim() });
    };
    child.on("error", (error) => {
      output += error.message;
      end(undefined);
    });
    child.on("exit", (code) => {
      killGroup(child);
      const last = setTimeout(() => end(code ?? undefined), 50);
      child.on("close", () => {
        clearTimeout(last);
        end(code ?? undefined);
      });
    });
    signal.addEventListener("abort", cut);
    if (signal.aborted) cut();
  });
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}
