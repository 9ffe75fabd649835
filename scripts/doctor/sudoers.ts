import path from "node:path";
import { isRoot } from "../core/as-root.ts";
import { userName } from "../core/account.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { command } from "../core/step.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { probe, whichOfRoot } from "./probe.ts";

/** Names the commands that a manifest makes its owner give as root: program and arguments, without `sudo -n`. */
export type RootCommands = (context: Context) => Promise<string[][]>;

/**
 * Lines that let an account give exactly these commands as root without a password (sudoers(5)).
 * @throws UsageError for a command that sudoers cannot name
 */
export function renderSudoers(user: string, commands: string[][]): string {
  const allowed = commands.map((words) => `${escapeUser(user)} ALL=(root) NOPASSWD: ${sudoersCommand(words)}\n`);
  return [...new Set(allowed)].join("");
}

function sudoersCommand([program = "", ...words]: string[]): string {
  if (!path.isAbsolute(program)) throw new UsageError(`sudoers wants an absolute path, not ${JSON.stringify(program)}`);
  // Without arguments a line would allow any: "" says that there are none.
  return [program, ...words].map(escape).join(" ") + (words.length === 0 ? ' ""' : "");
}

/** `\` before what sudoers gives a meaning to, wildcards included; a backslash is read twice, by sudoers and by fnmatch(3). */
function escape(word: string): string {
  if (/[\u0000-\u001f\u007f"]/.test(word) || word === "")
    throw new UsageError(`sudoers has no way to write the argument ${JSON.stringify(word)}`);
  return word.replaceAll(/[\\,:=#*?[\]!^ ]/g, (sign) => (sign === "\\" ? "\\\\\\\\" : `\\${sign}`));
}

const escapeUser = (user: string) => (/^\d+$/.test(user) ? `#${user}` : user.replaceAll(/[\\,:=@ ]/g, "\\$&"));

/** Which of those commands the tree's owner may already give, and the lines that allow the others. */
export async function checkSudo(context: Context, sources: readonly RootCommands[]): Promise<Finding[]> {
  if (isRoot()) return [];
  const all = (await Promise.all(sources.map((source) => source(context)))).flat();
  const commands = [...new Map(all.map((words) => [JSON.stringify(words), absolute(words)])).values()];
  if (commands.length === 0) return [];
  const user = userName();
  if (!whichOfRoot("sudo"))
    return [wrong("sudo", `sudo is not installed, and ${user} needs it to manage units and sites`, "install sudo")];
  const allowed = await allowedOf(commands);
  const refused = commands.filter((_, index) => !allowed[index]);
  if (refused.length === 0) return [ok("sudo", `${user} may give all ${commands.length} commands that need root`)];
  const file = `/etc/sudoers.d/switchback-${context.manifest.app}`;
  return refusal(
    user,
    refused,
    `${user} may not give ${refused.length} of ${commands.length} commands that need root`,
    file,
  );
}

function refusal(user: string, refused: string[][], message: string, file: string): Finding[] {
  try {
    const text = renderSudoers(user, refused);
    return [wrong("sudo", `${message}; these lines allow them:\n${text.trimEnd()}`, `sudo visudo -f ${file}`)];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [note("sudo", `${message}: ${error.message}`)];
  }
}

const absolute = ([program = "", ...words]: string[]) => [
  path.isAbsolute(program) ? program : (whichOfRoot(program) ?? `/usr/bin/${program}`),
  ...words,
];

/** Asks sudo itself; once for all where it grants this account nothing without a password. */
async function allowedOf(commands: string[][]): Promise<boolean[]> {
  const any = await probe("sudo", ["-n", "-l"]);
  if (any.status !== 0) return commands.map(() => false);
  const asked = await Promise.all(commands.map((words) => probe("sudo", ["-n", "-l", "--", ...words])));
  return asked.map(({ status }) => status === 0);
}

/** A command of root's as a person types it. */
export const sudoLine = (...words: string[]) => (isRoot() ? command(...words) : `sudo ${command(...words)}`);
