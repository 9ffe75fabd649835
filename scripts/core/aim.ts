import { command } from "./step.ts";

/** What an error says to type; the suite's own commands with the manifest and the environment that they are about, from wherever they are typed. */
export function aim(line: string, { opsPath, flags }: { opsPath: string; flags: readonly string[] }): string {
  const [program = "", ...rest] = line.split(" ");
  const isOurs = program.startsWith(`${opsPath}/`) && program.endsWith(".ts");
  if (!isOurs || rest.includes("--manifest")) return line;
  return [program, command(...flags), ...rest].join(" ");
}
