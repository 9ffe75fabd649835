import { spawnSync } from "node:child_process";
import { userName } from "./account.ts";
import { FailedError, UsageError } from "./errors.ts";
import { command, quote } from "./step.ts";

/** Whether this process is root's. */
export const isRoot = () => process.geteuid?.() === 0;

/** A shell line as root gives it, or as somebody else gives it as root, without a password (sudo(8), -n). */
export const rootLine = (line: string) => (isRoot() ? line : `sudo -n ${line}`);

/** Name under which a file of root's is written before it is renamed. */
const temporaryOf = (path: string) => `${path}.new`;

/** The commands that put a file where only root may write; the content goes into the first one. These are the lines for sudoers. */
export const writeWords = (path: string): string[][] => [
  ["tee", temporaryOf(path)],
  ["chmod", "644", temporaryOf(path)],
  ["mv", "-f", temporaryOf(path), path],
];

/** The command that removes a file that only root may remove. */
export const removeWords = (path: string): string[] => ["rm", "-f", path];

/** The command that makes a folder where only root may. */
export const folderWords = (path: string): string[] => ["mkdir", "-p", path];

/**
 * Asks sudo itself whether each of these commands may be given as root without a password (sudo(8), -l).
 * @throws UsageError for the first one that may not, before anything is touched
 */
export function refuseForbidden({ opsPath }: { opsPath: string }, commands: string[][]): void {
  if (isRoot()) return;
  const missing = commands.find((words) => spawnSync("sudo", ["-n", "-l", "--", ...words]).status !== 0);
  if (!missing) return;
  throw new UsageError(`${userName()} may not give this order as root: ${command(...missing)}`, {
    next: [`${opsPath}/host/doctor.ts prints the lines for sudoers`],
  });
}

/** `writeWords` as shell. */
export function showWriteAsRoot(path: string, content: string): string {
  const [tee = [], ...rest] = writeWords(path);
  const first = `printf '%s' ${quote(content)} | ${rootLine(command(...tee))} >/dev/null`;
  return [first, ...rest.map((words) => rootLine(command(...words)))].join("\n");
}

/** Writes a file as root through sudo; not needed by root. @throws FailedError when sudo refuses */
export function writeBySudo(path: string, content: string): void {
  const [tee = [], ...rest] = writeWords(path);
  sudo(tee, content);
  for (const words of rest) sudo(words);
}

/** Removes a file as root through sudo; not needed by root. @throws FailedError when sudo refuses */
export const removeBySudo = (path: string) => sudo(removeWords(path));

function sudo(words: string[], input = ""): void {
  const { status, stderr, error } = spawnSync("sudo", ["-n", ...words], { input, encoding: "utf8" });
  if (status === 0) return;
  throw new FailedError(`sudo -n ${command(...words)}: ${error?.message ?? stderr.trim()}`, {
    next: "ops/host/doctor.ts prints the lines for sudoers; or give the command as root",
  });
}
