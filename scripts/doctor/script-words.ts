import path from "node:path";
import { which } from "../build/tools.ts";

/** Words of bash's own, in front of what is really started. */
const OWN =
  /^(?:export|set|umask|cd|source|\.|if|then|for|while|until|case|test|\[|\[\[|!|:|true|false|echo|printf|read|exec|eval|trap|ulimit|local|declare|readonly)$/;

/** The first program that lines for bash start, where it stands for itself; undefined where quotes or variables decide. */
export function firstProgram(lines: string[]): string | undefined {
  for (const line of lines.flatMap((one) => one.split("\n"))) {
    const words = line.trim().split(/\s+/);
    const word = words.find((one) => !/^\w+=/.test(one)) ?? "";
    if (word === "" || word.startsWith("#") || OWN.test(word)) continue;
    return /^[\w./+@-]+$/.test(word) ? word : undefined;
  }
  return undefined;
}

/** Why the first program of lines that start in `cwd` cannot be started; undefined where it can, or nobody can tell. */
export function whyNoStart(lines: string[], cwd: string): string | undefined {
  const program = firstProgram(lines);
  if (program === undefined) return undefined;
  const place = program.includes("/") ? path.resolve(cwd, program) : program;
  if (which(place)) return undefined;
  return program.includes("/") ? `${place} is not there, or cannot be executed` : `${program} is not in PATH`;
}
