import { UsageError } from "../core/errors.ts";

/** A piece of a word: text as it stands, or the name of a variable whose value goes there. */
export type WordPart = { readonly text: string } | { readonly variable: string };

/** One argument; its parts are joined without a separator. */
export type Word = readonly WordPart[];

const SECOND_COMMAND = "a script, or a service of its own for each command";
const VALUE_OF_COMMAND = "env: or env_file: for the value, and ${NAME} here";

/** What a shell would act on, and what to use instead. */
const REFUSED: Readonly<Record<string, string>> = {
  ";": SECOND_COMMAND,
  "&": `${SECOND_COMMAND} (the supervisor puts it in the background)`,
  "\n": `${SECOND_COMMAND}; end a line with \\ to continue it`,
  "|": "a script for the pipeline",
  "<": "a script for the redirection",
  ">": "stdout: and stderr: for the logs",
  "(": "quotes around it, or a script",
  ")": "quotes around it, or a script",
  "`": VALUE_OF_COMMAND,
  "$(": VALUE_OF_COMMAND,
  "#": "quotes around a word that begins with #",
  "~": "${HOME}, or quotes around a word that begins with ~",
};

const BLANK = /[ \t]+|\n(?=\s*$)/y;
const CONTINUATION = /\\\n/y;
const ESCAPED = /\\([^])/y;
const SINGLE_QUOTED = /'([^']*)'/y;
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/y;
const DOLLAR = /\$(?=[A-Za-z0-9_{@*#?$!'"-])/y;
const OPERATOR = /\$\(|[;&|<>()`\n]/y;
const AT_WORD_START = /[#~]/y;
const PLAIN = /\$|[^\s\\'"$;&|<>()`]+|\s/y;
const QUOTED_PLAIN = /[^"\\$`]+|\$/y;
const QUOTED_ESCAPED = /\\([$`"\\])/y;
const QUOTED_OPERATOR = /\$\(|`/y;
const ASSIGNMENT = /^\s*[A-Za-z_][A-Za-z0-9_]*=/;

/**
 * Splits `text` by the word rules of POSIX (Shell Command Language, 2.2 and 2.3), without a shell: quotes and backslash are
 * honoured, `${NAME}` becomes a variable, and whatever else a shell would act on is refused.
 * @param where what the text is, for messages: `services.api.run`
 * @throws UsageError that names the character, its column and what to use instead
 */
export function splitWords(text: string, where = "run"): Word[] {
  if (ASSIGNMENT.test(text))
    throw new UsageError(`${where}: no shell here; use env: for a variable, not NAME=value before the command`);
  if (text.includes("\0")) throw new UsageError(`${where}: holds a NUL character`);
  const words: Word[] = [];
  const scanner = new Scanner(text, where);
  for (let word = scanner.word(); word; word = scanner.word()) words.push(word);
  if (words.length === 0) throw new UsageError(`${where}: is empty`);
  return words;
}

/**
 * The argument list of `words`: each variable is replaced by its value, which is never split again, and `%i` by `instance`.
 * Without an instance `%i` stays as it is.
 * @throws UsageError that names every variable that is not in `environment`
 */
export function fillWords(
  words: readonly Word[],
  environment: Readonly<Record<string, string | undefined>>,
  { where = "run", instance }: { where?: string; instance?: string | undefined } = {},
): string[] {
  const names = words.flat().flatMap((part) => ("variable" in part ? [part.variable] : []));
  const missing = [...new Set(names)].filter((name) => environment[name] === undefined);
  if (missing.length > 0) {
    const list = missing.map((name) => `\${${name}}`).join(", ");
    throw new UsageError(`${where}: ${list} is not in the service's environment`, {
      next: `set ${missing.join(", ")} under env: or in a file of env_file:`,
    });
  }
  const literal = (text: string) => (instance === undefined ? text : text.replaceAll("%i", () => instance));
  return words.map((word) =>
    word.map((part) => ("text" in part ? literal(part.text) : environment[part.variable])).join(""),
  );
}

/** `splitWords` and `fillWords` in one: the argument list of `text`. */
export function parseWords(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = {},
  { where = "run", instance }: { where?: string; instance?: string | undefined } = {},
): string[] {
  return fillWords(splitWords(text, where), environment, { where, instance });
}

class Scanner {
  readonly text: string;
  readonly where: string;
  at = 0;

  constructor(text: string, where: string) {
    this.text = text;
    this.where = where;
  }

  /** The next word, or undefined at the end of the text. */
  word(): Word | undefined {
    while (this.take(BLANK) || this.take(CONTINUATION));
    if (this.at >= this.text.length) return undefined;
    this.refuse(AT_WORD_START);
    const parts: WordPart[] = [];
    while (this.at < this.text.length) {
      if (this.take(CONTINUATION)) continue;
      if (this.take(BLANK)) break;
      if (this.text[this.at] === '"') this.doubleQuoted(parts);
      else parts.push(this.unquoted());
    }
    // A continuation at the very end leaves no word behind; `''` does.
    return parts.length > 0 ? parts : undefined;
  }

  unquoted(): WordPart {
    this.refuse(OPERATOR);
    const variable = this.take(VARIABLE);
    if (variable) return { variable: variable[1]! };
    this.refuseDollar();
    const quoted = this.take(SINGLE_QUOTED) ?? this.take(ESCAPED);
    if (quoted) return { text: quoted[1]! };
    const plain = this.take(PLAIN);
    if (plain) return { text: plain[0] };
    throw this.error(this.text[this.at] === "'" ? "this ' is never closed" : "ends in a backslash");
  }

  doubleQuoted(parts: WordPart[]): void {
    const opened = this.at++;
    parts.push({ text: "" });
    while (this.text[this.at] !== '"') {
      if (this.at >= this.text.length) throw this.error('this " is never closed', opened);
      if (!this.take(CONTINUATION)) parts.push(this.insideQuotes());
    }
    this.at++;
  }

  insideQuotes(): WordPart {
    this.refuse(QUOTED_OPERATOR);
    const variable = this.take(VARIABLE);
    if (variable) return { variable: variable[1]! };
    if (this.text[this.at + 1] !== '"') this.refuseDollar();
    const escaped = this.take(QUOTED_ESCAPED);
    if (escaped) return { text: escaped[1]! };
    const plain = this.take(QUOTED_PLAIN);
    if (plain) return { text: plain[0] };
    this.at++;
    return { text: "\\" };
  }

  take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match) this.at = pattern.lastIndex;
    return match;
  }

  refuse(pattern: RegExp): void {
    const start = this.at;
    const match = this.take(pattern);
    if (!match) return;
    const what = match[0] === "\n" ? "a second line" : match[0];
    throw this.error(`${what} means nothing without a shell: no shell here; use ${REFUSED[match[0]]}`, start);
  }

  // `$NAME` would be split into words by a shell and by systemd; only the form that never splits is taken.
  refuseDollar(): void {
    const start = this.at;
    if (this.take(DOLLAR))
      throw this.error("no shell here; use ${NAME} for a variable and \\$ for a dollar sign", start);
  }

  error(message: string, at = this.at): UsageError {
    return new UsageError(`${this.where}: character ${at + 1}: ${message}`);
  }
}
