import { VALUED } from "../host/umbrella.ts";

/** Words that were typed here, taken apart for the hosts. */
export interface TypedWords {
  /** What is neither an option nor an option's value. */
  bare: string[];
  /** What is passed on untouched: without `--manifest`, `--env` and `--on`, which are about here. */
  passed: string[];
}

const OURS = new Set(["--manifest", "--env", "--on"]);

/** Takes the words of a command apart as its own parser does: an option that takes a value takes the next word, whatever that is. */
export function readTyped(words: readonly string[]): TypedWords {
  const [bare, passed]: [string[], string[]] = [[], []];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (word === "--") {
      bare.push(...words.slice(at + 1));
      passed.push(...words.slice(at));
      break;
    }
    const isOurs = OURS.has(word.split("=")[0] as string);
    const taken = VALUED.has(word) || word === "-n" ? words.slice(at, at + 2) : [word];
    at += taken.length - 1;
    if (!isOurs) passed.push(...taken);
    if (!word.startsWith("-") || word === "-") bare.push(word);
  }
  return { bare, passed };
}

/** Without an option that has no value. */
export const without = (words: readonly string[], ...names: string[]): string[] => {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  return words.filter((word, at) => at >= end || !names.includes(word));
};

/** The options among `words` that `names` has, as they stand. */
export const only = (words: readonly string[], ...names: string[]): string[] =>
  words.filter((word) => names.includes(word));
