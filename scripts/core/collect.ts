import { spawn } from "node:child_process";

/** How a program ended, and what it said on both streams; without a status it could not be started. */
export interface Collected {
  status: number | null;
  output: string;
}

/** Runs a program to its end, without input, in a process group of its own: what stops an operation does not reach it. */
export function collect([program = "", ...words]: string[], env: NodeJS.ProcessEnv = process.env): Promise<Collected> {
  const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const chunks: Buffer[] = [];
  for (const from of [child.stdout, child.stderr]) from.on("data", (chunk: Buffer) => void chunks.push(chunk));
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ status: null, output: error.message }));
    child.once("close", (status) => resolve({ status, output: Buffer.concat(chunks).toString() }));
  });
}
