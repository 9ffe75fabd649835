import { setOverrides } from "../core/overrides.ts";
import { quote } from "../core/step.ts";

/** What `--dry-run` prints for a command that is one step: itself, with the overrides that are set now. */
export function showCommand(title: string, line: string): string {
  const exported = setOverrides(process.env).map(([name, value]) => `export ${name}=${quote(value)}`);
  return `(\n${["set -eu", ...exported, `# ${title}`, line].map((text) => `  ${text}`).join("\n")}\n)`;
}
