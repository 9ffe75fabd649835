import { command, quote } from "./step.ts";

// On a host, for somebody who typed the command elsewhere: what is to be typed next is typed there.
const environment = process.env["SWITCHBACK_TYPED"];
const words = environment ? (await import("../host/umbrella.ts")).COMMANDS : [];

/** They are not about a manifest. */
const WITHOUT_MANIFEST = new Set(["host/init"]);

/** What an error says to type; the suite's own commands with the manifest and the environment that they are about, from wherever they are typed. */
export function aim(line: string, { opsPath, flags }: { opsPath: string; flags: readonly string[] }): string {
  const [, name = ""] = /(?:^|\/)ops\/([a-z]+\/[a-z_-]+)\.ts'?(?= |$)/.exec(line) ?? [];
  const file = `${opsPath}/${name}.ts`;
  // Whoever wrote the line may not have thought of a tree whose name a shell would take apart, or not have known where the suite is.
  const typed = [quote(file), file, `ops/${name}.ts`].find((one) => line === one || line.startsWith(`${one} `));
  if (typed === undefined || WITHOUT_MANIFEST.has(name)) return line;
  const rest = line.slice(typed.length);
  const given = command(...flags);
  const word = words.find(({ ops }) => ops === name)?.word;
  if (environment && word) return `deploy ${word} ${quote(environment)}${rest.replace(` ${given}`, "")}`;
  return rest.includes(" --manifest ") ? `${quote(file)}${rest}` : `${quote(file)} ${given}${rest}`;
}
