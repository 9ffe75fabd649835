import { execFile } from "node:child_process";
import { which } from "../build/tools.ts";

/** Where root's programs are, behind the caller's own: cron and plain users leave out the sbin folders. */
const searchPath = (own = process.env["PATH"] ?? "") =>
  `${own}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

/** A program's place, the sbin folders included. */
export const whichOfRoot = (name: string) => which(name, searchPath());

export interface Probe {
  /** Undefined: it did not start, or took too long. */
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** Milliseconds that one program may take to answer. */
const PATIENCE = 5000;

/** Runs a program to hear what it says; it gets no input, and words in no language but C's. */
export const probe = (program: string, words: string[]) =>
  new Promise<Probe>((resolve) => {
    const env = { ...process.env, PATH: searchPath(), LC_ALL: "C" };
    const child = execFile(program, words, { env, timeout: PATIENCE, maxBuffer: 16e6 }, (error, stdout, stderr) => {
      const status = error ? (typeof error.code === "number" ? error.code : undefined) : 0;
      resolve({ status, stdout, stderr });
    });
    child.stdin?.end();
  });
