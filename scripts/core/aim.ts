import { command } from "./step.ts";

// On a host, for somebody who typed the command elsewhere: what is to be typed next is typed there.
const environment = process.env["SWITCHBACK_TYPED"];
const words = environment ? (await import("../host/umbrella.ts")).COMMANDS : [];

/** What an error says to type; the suite's own commands with the manifest and the environment that they are about, from wherever they are typed. */
export function aim(line: string, { opsPath, flags }: { opsPath: string; flags: readonly string[] }): string {
  const [program = "", ...rest] = line.split(" ");
  const isOurs = program.startsWith(`${opsPath}/`) && program.endsWith(".ts");
  if (!isOurs) return line;
  const given = command(...flags);
  const name = program.slice(opsPath.length + 1, -".ts".length);
  const word = words.find(({ ops }) => ops === name)?.word;
  if (environment && word) return ["deploy", word, environment, ...rest].join(" ").replace(` ${given}`, "");
  return rest.includes("--manifest") ? line : [program, given, ...rest].join(" ");
}
