import type { Tool } from "../build/tools.ts";

const PYTHON = /^python[\d.]*$/;

/** What to type where a tool is missing, or of a version that will not do; nothing for one that is there. */
export function adviceFor({ name, need, problem }: Tool, platform: NodeJS.Platform = process.platform): string[] {
  if (problem === undefined) return [];
  if (!PYTHON.test(name)) return [`which -a ${name}   # needed: ${need}`];
  const version = /(?:>=|==?)\s*(\d+\.\d+)/.exec(need)?.[1] ?? "3";
  if (platform === "darwin")
    // Seed 000: its Rust bindings check the interpreter's version, and refuse one that is newer than they are.
    return [`brew install python@${version}   # with 3.14, pydantic-core may not install on macOS`];
  return [
    `sudo apt-get install python${version} python${version}-venv`,
    `uv python install ${version}   # or, where the system does not have it: pyenv install ${version}`,
  ];
}
