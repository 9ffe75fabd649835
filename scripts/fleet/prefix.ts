import { lastWritten } from "../terminal/moving-line.ts";

/** What does not end is broken there, in characters. */
const LONGEST = 65_536;

/** Text that comes in pieces, written as whole lines with a prefix before each: halves of different hosts' lines never mix. */
export class Prefixed {
  private held = "";
  private readonly prefix: string;
  private readonly write: (text: string) => void;

  constructor(prefix: string, write: (text: string) => void) {
    this.prefix = prefix;
    this.write = write;
  }

  add(text: string): void {
    const lines = (this.held + text).split("\n");
    this.held = lines.pop() ?? "";
    if (this.held.length > LONGEST) {
      lines.push(this.held);
      this.held = "";
    }
    if (lines.length > 0) this.write(lines.map((line) => `${this.prefix}${lastWritten(line)}\n`).join(""));
  }

  /** Writes what has no end of line. */
  end(): void {
    if (this.held) this.add("\n");
  }
}

/** `web1 | `, as wide as the longest name needs it. */
export const prefixOf = (title: string, titles: Iterable<string>): string =>
  `${title.padEnd(Math.max(...[...titles].map(({ length }) => length)))} | `;
