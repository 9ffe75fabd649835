/** How the text of a file's value is read by systemd: with an instance, `%i` in it is the instance's name. */
export interface Reading {
  hasInstance: boolean;
}

/** Specifiers (systemd.unit(5)): a `%` stands for itself as `%%`. */
export const literal = (text: string, { hasInstance }: Reading): string =>
  hasInstance ? text.split("%i").map(percent).join("%i") : percent(text);

const percent = (text: string) => text.replaceAll("%", "%%");

const PLAIN = /^[\w./:@%+=,^${}-]+$/;
const NAMED: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r" };

/** One word as systemd.syntax(7) reads it back: as it stands where it is plain, else in double quotes with C escapes. */
export const quoted = (text: string): string =>
  PLAIN.test(text) ? text : `"${text.replace(/[\\"\p{Cc}]/gu, escaped)}"`;

// C1 controls are two bytes in UTF-8, and stand as they are.
const escaped = (c: string) =>
  NAMED[c] ?? (c.charCodeAt(0) > 0x7f ? c : `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

/** A word of ExecStart= (systemd.service(5), "Command lines"), where a `$` stands for itself as `$$`. */
export const execText = (text: string, reading: Reading): string => literal(text, reading).replaceAll("$", () => "$$");

/** The value of one Environment= (systemd.exec(5)). */
export const assignment = (name: string, value: string, reading: Reading): string =>
  quoted(`${name}=${literal(value, reading)}`);

/** Why Environment= would leave a value out (systemd's env_value_is_valid()); undefined for one that it takes. */
export function assignmentProblem(value: string): string | undefined {
  if (/(?![\t\n])[\u0000-\u001f\u007f]/.test(value))
    return "holds a control character, which systemd takes in no variable";
  return /[\p{Cs}\p{Noncharacter_Code_Point}]/u.test(value) ? "is not text that systemd takes as UTF-8" : undefined;
}

/** A path in a list, such as ReadWritePaths=; a leading `-` lets it be absent. There a backslash only keeps what follows it. */
export const listedPath = (path: string, reading: Reading): string => {
  const text = literal(path, reading);
  // BindPaths= has two paths in a word, with a colon between them where it stands outside of quotes.
  return PLAIN.test(text) && !text.includes(":") ? `-${text}` : `"-${text.replace(/[\\"]/g, "\\$&")}"`;
};

/** Why a path cannot be a whole value, as of WorkingDirectory= or after `append:`: nothing there is quoted, so that its end has to be a visible one. */
export const pathProblem = (path: string): string | undefined =>
  /[\s\\]$/.test(path) ? "ends in a blank or a backslash: systemd does not read that as a part of a path" : undefined;

/** A path of EnvironmentFile=, which is a pattern (glob(7)): what would match something else is escaped. */
export const patternPath = (path: string, reading: Reading): string =>
  literal(path.replace(/[\\*?[]/g, "\\$&"), reading);

const SUFFIX = /\.(service|socket|target|timer|mount|automount|path|slice|scope|device|swap)$/;

/** A unit's name with its kind (systemd.unit(5)); undefined for what cannot be one. */
export function unitName(text: string): string | undefined {
  const name = SUFFIX.test(text) ? text : `${text}.service`;
  return /^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?\.[a-z]+$/.test(name) && name.length < 256 ? name : undefined;
}
