import { parseJson } from "../text/json.ts";

/** Names whose values are nobody's business: none of the suite's commands has such a one, and a later one might. */
const SECRET = /pass|secret|token|key|credential/i;

const HIDDEN = "(not shown)";

/** The arguments of an operation as name and value, from the JSON that its row holds; text that is none as one nameless value. */
export function argumentsOf(json: string): [name: string, value: string][] {
  const words = parseJson(json);
  if (!Array.isArray(words)) return json === "" ? [] : [["", withoutPassword(json)]];
  return words.flatMap((word): [string, string][] => {
    const inner = typeof word === "string" ? parseJson(word) : word;
    if (typeof inner !== "object" || inner === null) return [["", withoutPassword(shown(word))]];
    return Object.entries(inner).map(([name, value]) => [
      name,
      SECRET.test(name) ? HIDDEN : withoutPassword(shown(value)),
    ]);
  });
}

const shown = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** `https://user:word@host` without the word. */
const withoutPassword = (text: string) => text.replaceAll(/(\w:\/\/[^\s/:@]*):[^\s/@]+@/g, "$1:…@");
