import fs from "node:fs";
import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { nearest, showNearest } from "../manifest/near.ts";
import { scalar } from "./part-commands.ts";
import type { ApplicationFacts } from "./application.ts";

const folder = path.resolve(import.meta.dirname, "../../templates/manifests");
const EXAMPLE = "example";

/** Names of the complete manifests to begin with: one for each kind of system. */
export const starterNames = (): string[] =>
  fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => path.basename(name, ".yaml"))
    .filter((name) => name !== EXAMPLE)
    .toSorted();

/** A starter's text. @throws UsageError that lists them, with the nearest one */
export function readStarter(name: string): string {
  const names = starterNames();
  if (names.includes(name)) return fs.readFileSync(path.join(folder, `${name}.yaml`), "utf8");
  const listed = names.map((one) => `  ${one}: ${summaryOf(readStarter(one))}`);
  throw new UsageError(`there is no starter "${name}"${showNearest(name, names)} There are:\n${listed.join("\n")}`, {
    next: `ops/host/init.ts --like ${nearest(name, names)[0] ?? names[0]}`,
  });
}

const summaryOf = (text: string) => (text.split("\n")[0] ?? "").replace(/^# /, "");

/** The starter whose system an application looks like; undefined for one that looks like none. */
export function starterLike({ parts, platform, container }: ApplicationFacts): string | undefined {
  const python = parts.find((part) => part.python)?.python;
  const uses = (name: string) => parts.some(({ node }) => node?.dependencies.includes(name));
  if (container) return "my-app";
  if (python && platform === "darwin") return "papertok";
  if (python && uses("next")) return "aqa-youtube-assistant";
  if (python?.requirements.includes("gunicorn") && uses("vite")) return "medc-annot";
  return undefined;
}

export interface Adaptation {
  app: string;
  /** As YAML; undefined: the starter's own, with the application's name in it. */
  deployTo: string | undefined;
}

/** A starter for an application of one's own: its name, its tree, and its folder as the source; pure. */
export function adaptStarter(text: string, facts: ApplicationFacts, { app, deployTo }: Adaptation): string {
  const [, starter = ""] = /^app: (\S+)/m.exec(text) ?? [];
  const named = text.replaceAll(new RegExp(`(?<![A-Za-z0-9_-])${starter}(?![A-Za-z0-9_])`, "g"), () => app);
  return withSource(deployTo === undefined ? named : withTree(named, deployTo), facts);
}

/** The tree's new place; also where the old one is a part of a path. */
function withTree(text: string, deployTo: string): string {
  const [, before = ""] = /^deploy_to: (\S+)/m.exec(text) ?? [];
  const isBare = !deployTo.startsWith('"');
  return isBare
    ? text.replaceAll(before, () => deployTo)
    : text.replace(/^deploy_to: \S+/m, () => `deploy_to: ${deployTo}`);
}

const SOURCE = /^source:\n(?: {2}.*\n)+/m;

/** The manifest lies in the checkout: `repo` is its own folder, `ref` the branch that is checked out. */
function withSource(text: string, { isGit, branch, hasRemote }: ApplicationFacts): string {
  return text.replace(SOURCE, (block) => {
    const lines = block.split("\n").slice(1, -1);
    const adapted = lines.flatMap((line) => {
      if (line.startsWith("  repo:"))
        return ["  repo: . # the folder of this file", ...(isGit ? [] : ["  via: worktree"])];
      if (line.startsWith("  via:")) return isGit ? [line] : [];
      if (/^ {2}(ref|pull):/.test(line) && !isGit) return [];
      if (line.startsWith("  ref:")) return [`  ref: ${scalar(branch ?? "HEAD")}`];
      if (line.startsWith("  pull:") && !hasRemote) return [line.replace("  pull:", "  # pull:")];
      return [line];
    });
    return ["source:", ...adapted, ""].join("\n");
  });
}
