/** Reads unit files by the manual pages alone (systemd.syntax, .unit, .service, .exec): nothing of it is shared with what writes them. */

/** `[section, key, value]` for each assignment, in order. */
export type Assignment = [section: string, key: string, value: string];

/** systemd.syntax(7): sections, comments, and lines that a backslash at the end carries on. */
export function readUnit(text: string): Assignment[] {
  const found: Assignment[] = [];
  let section = "";
  let carried = "";
  for (const raw of text.split("\n")) {
    if (/^\s*[#;]/.test(raw)) continue;
    const line = carried + raw;
    carried = "";
    if (/(^|[^\\])(\\\\)*\\$/.test(line)) {
      carried = `${line.slice(0, -1)} `;
      continue;
    }
    const trimmed = line.trim();
    if (trimmed === "") continue;
    const header = /^\[(.*)\]$/.exec(trimmed);
    const at = trimmed.indexOf("=");
    if (header) section = header[1]!;
    else if (at === -1) throw new Error(`no assignment: ${JSON.stringify(line)}`);
    else found.push([section, trimmed.slice(0, at).trim(), trimmed.slice(at + 1).trim()]);
  }
  if (carried !== "") throw new Error("the last line goes on");
  return found;
}

const C_ESCAPES: Record<string, string> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", s: " " };

interface Word {
  text: string;
  /** Stood without quotes or escapes. */
  isBare: boolean;
}

/** Words in single or double quotes or none; C escapes, or a backslash that only keeps what follows it. */
export function readWords(value: string, escapes: "C" | "keep" = "C"): Word[] {
  const words: Word[] = [];
  let word: Word | undefined;
  let quote = "";
  for (let at = 0; at < value.length; at++) {
    const c = value[at]!;
    if (quote === "" && /\s/.test(c)) {
      if (word) words.push(word);
      word = undefined;
      continue;
    }
    word ??= { text: "", isBare: true };
    if (c === "\\") {
      word.isBare = false;
      const [text, taken] = escapes === "C" ? cEscape(value.slice(at + 1)) : [value[at + 1] ?? fail("ends in \\"), 1];
      word.text += text;
      at += taken;
    } else if (c === quote) quote = "";
    else if (quote === "" && (c === '"' || c === "'")) {
      quote = c;
      word.isBare = false;
    } else word.text += c;
  }
  if (quote !== "") fail(`${quote} is never closed`);
  return word ? [...words, word] : words;
}

function cEscape(rest: string): [string, number] {
  const [whole = "", hex, octal] =
    /^(?:x([0-9a-fA-F]{2})|([0-7]{3})|[abfnrtvs\\"'])/.exec(rest) ?? fail(`unknown escape \\${rest}`);
  if (hex || octal)
    return [String.fromCharCode(hex ? Number.parseInt(hex, 16) : Number.parseInt(octal!, 8)), whole.length];
  return [C_ESCAPES[whole] ?? whole, 1];
}

function fail(message: string): never {
  throw new Error(message);
}

/** systemd.unit(5), "Specifiers": only those that a test gives a value. */
export const expand = (text: string, specifiers: Record<string, string> = {}): string =>
  text.replace(/%(.?)/gs, (whole, letter: string) => {
    if (letter === "%") return "%";
    return specifiers[letter] ?? fail(`unknown specifier ${whole}`);
  });

/** systemd.service(5), "Command lines": the program's path and its arguments. */
export function readCommand(
  value: string,
  environment: Record<string, string>,
  specifiers?: Record<string, string>,
): string[] {
  const words = readWords(value);
  if (words.some(({ text, isBare }) => isBare && text === ";")) fail("a second command");
  const [first = { text: "" }, ...rest] = words;
  if (/^[@\-:+!|]/.test(first.text)) fail(`a special prefix: ${first.text}`);
  if (!first.text.startsWith("/")) fail(`a program without a path: ${first.text}`);
  if (/[\s"'\\]/.test(first.text)) fail(`a program that is refused: ${first.text}`);
  return [
    expand(first.text, specifiers),
    ...rest.flatMap(({ text }) => variables(expand(text, specifiers), environment)),
  ];
}

function variables(text: string, environment: Record<string, string>): string[] {
  const alone = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(text);
  if (alone) return (environment[alone[1]!] ?? "").split(/\s+/).filter(Boolean);
  return [
    text.replace(/\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (whole, name?: string) =>
      name === undefined ? "$" : (environment[name] ?? fail(`${whole} is not set`)),
    ),
  ];
}

/** systemd.exec(5), Environment=: a later assignment wins; control characters but tab and newline are refused. */
export function readEnvironment(values: string[], specifiers?: Record<string, string>): Record<string, string> {
  const words = values.flatMap((value) => readWords(value)).map(({ text }) => expand(text, specifiers));
  return Object.fromEntries(
    words.map((word) => {
      const [, name = fail(`no assignment: ${word}`), value = ""] =
        /^([A-Za-z_][A-Za-z0-9_]*)=([^]*)$/.exec(word) ?? [];
      if (/(?![\t\n])[\u0000-\u001f\u007f]/.test(value)) fail(`${name} holds a control character`);
      return [name, value];
    }),
  );
}

/** A path that glob(7) would match as a pattern; one that could match another path is no path. */
export function readPattern(value: string, specifiers?: Record<string, string>): string {
  const path = expand(value, specifiers).replace(/^-/, "");
  if (/(^|[^\\])(\\\\)*[*?[]/.test(path)) fail(`matches other files: ${path}`);
  return path.replace(/\\(.)/g, "$1");
}
