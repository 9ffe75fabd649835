import fs from "node:fs";
import path from "node:path";
import { UsageError } from "../core/errors.ts";

/** What an environment file holds. Warnings name the file's lines only: a key may be a part of a broken secret. */
export interface EnvFile {
  readonly values: Map<string, string>;
  readonly warnings: string[];
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NEVER_CLOSED = "a quote is opened and never closed: the rest of the file belongs to this value";
const SPACE = " \t\r\n";

/**
 * Reads one entry of `env_file`, relative to `basePath`; a leading `-` lets the file be absent.
 * @throws UsageError when it is absent, cannot be read, or is not text in UTF-8
 */
export function readEnvFile(entry: string, basePath: string): EnvFile {
  const isOptional = entry.startsWith("-");
  const file = path.resolve(basePath, isOptional ? entry.slice(1) : entry);
  let bytes: Buffer;
  try {
    bytes = fs.readFileSync(file);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (isOptional && (code === "ENOENT" || code === "ENOTDIR")) return { values: new Map(), warnings: [] };
    throw new UsageError(`env_file ${file}: ${code === "ENOENT" ? "does not exist" : `cannot be read (${code})`}`, {
      cause,
    });
  }
  const { values, warnings } = parseEnvFile(decode(bytes, file));
  return { values, warnings: warnings.map((warning) => `${file}:${warning}`) };
}

function decode(bytes: Buffer, file: string): string {
  if (bytes.includes(0)) throw new UsageError(`env_file ${file}: holds a NUL byte; systemd refuses the file as well`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UsageError(`env_file ${file}: is not UTF-8; systemd refuses the file as well`);
  }
}

/**
 * Reads text by the rules of systemd's `EnvironmentFile=` (systemd.exec(5)), as its parser applies them: no variable is expanded,
 * a later line wins, and an invalid name is left out with a warning (`LINE: reason`).
 */
export function parseEnvFile(text: string): EnvFile {
  const reader = new EnvReader(text);
  while (reader.at < text.length) reader.assignment();
  return { values: reader.values, warnings: reader.warnings };
}

class EnvReader {
  readonly values = new Map<string, string>();
  readonly warnings: string[] = [];
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  assignment(): void {
    this.skip(SPACE);
    const start = this.at;
    const first = this.text[start];
    if (first === undefined) return;
    if (first === "#" || first === ";") return this.comment();
    // Even an `=` in the first place belongs to the name, which makes it an invalid one.
    this.at++;
    this.skipUntil("=\r\n");
    if (this.text[this.at] !== "=") return this.warn(start, "has no =, left out");
    const name = trimEnd(this.text.slice(start, this.at++));
    const value = this.value();
    if (!NAME.test(name))
      this.warn(start, "not a name before the =, left out (letters, digits and _ only; no `export`)");
    else this.values.set(name, value);
  }

  /** Quoted and unquoted pieces up to the end of the line; an unquoted one takes all of the rest. */
  value(): string {
    let value = "";
    while (this.at < this.text.length) {
      const c = this.text[this.at]!;
      if (c === "'") value += this.singleQuoted();
      else if (c === '"') value += this.doubleQuoted();
      else if (isNewline(c)) return (this.at++, value);
      else if (isBlank(c)) this.at++;
      else return value + this.unquoted();
    }
    return value;
  }

  unquoted(): string {
    let value = "";
    let kept = 0;
    for (; this.at < this.text.length; this.at++) {
      const c = this.text[this.at]!;
      if (isNewline(c)) break;
      if (c === "\\") {
        const escaped = this.text[++this.at] ?? "";
        // The escape keeps what stands before it: blanks in front of a continuation are part of the value.
        if (!isNewline(escaped)) value += escaped;
        kept = value.length;
      } else {
        value += c;
        if (!isBlank(c)) kept = value.length;
      }
    }
    this.at++;
    return value.slice(0, kept);
  }

  singleQuoted(): string {
    const start = ++this.at;
    this.skipUntil("'");
    if (this.at >= this.text.length) this.warn(start - 1, NEVER_CLOSED);
    return this.text.slice(start, this.at++);
  }

  doubleQuoted(): string {
    const start = this.at++;
    let value = "";
    for (; this.at < this.text.length && this.text[this.at] !== '"'; this.at++) {
      const c = this.text[this.at]!;
      if (c !== "\\") value += c;
      else value += unescaped(this.text[++this.at] ?? "\n");
    }
    if (this.at >= this.text.length) this.warn(start, NEVER_CLOSED);
    this.at++;
    return value;
  }

  // As systemd 254 and later: a backslash does not carry a comment on to the next line.
  comment(): void {
    this.skipUntil("\r\n");
    this.at++;
  }

  skip(characters: string): void {
    while (this.at < this.text.length && characters.includes(this.text[this.at]!)) this.at++;
  }

  skipUntil(characters: string): void {
    while (this.at < this.text.length && !characters.includes(this.text[this.at]!)) this.at++;
  }

  warn(start: number, reason: string): void {
    const line = this.text.slice(0, start).split("\n").length;
    this.warnings.push(`${line}: ${reason}`);
  }
}

// Only what a shell needs escaped loses its backslash; an escaped newline is gone altogether.
function unescaped(c: string): string {
  if (c === "\n") return "";
  return '"\\`$'.includes(c) ? c : `\\${c}`;
}

const isNewline = (c: string) => c === "\n" || c === "\r";
const isBlank = (c: string) => c === " " || c === "\t";
const trimEnd = (text: string) => text.replace(/[ \t\r\n]+$/, "");
