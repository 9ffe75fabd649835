/** What a shell, POSIX or not, may act on even between single quotes: fish and csh know more than the quote. */
const ACTED_ON = /[^\w ./:=@,+\-"$(){}[\]<>|&;*?#~^`]/gu;

const octal = (byte: number): string => `\\0${byte.toString(8).padStart(3, "0")}`;

/** Text as `printf %b` gives it back. */
const encode = (text: string): string =>
  text.replace(ACTED_ON, (character) => Array.from(Buffer.from(character), octal).join(""));

/**
 * The command for ssh that runs lines in the host's `sh`, whatever the account's login shell is (fish, csh); both streams begin with
 * the line `mark`, so that what a login file printed before it can be told from an answer. Standard input is the script's.
 */
export function commandFor(script: string, mark: string): string {
  const lines = `printf "%s\\n" ${mark}; printf "%s\\n" ${mark} >&2\n${script}`;
  return `exec sh -c 'eval "$(printf %b "$1")"' sh '${encode(lines)}'`;
}

/** What stands behind the line `mark`; undefined: the script was never begun. */
export function afterMark(text: string, mark: string): string | undefined {
  const at = text.indexOf(`${mark}\n`);
  return at < 0 ? undefined : text.slice(at + mark.length + 1);
}
