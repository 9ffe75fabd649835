const words = process.argv.slice(2);
const ofOptions = new Set(words.flatMap((word, index) => (word.startsWith("--") ? [index, index + 1] : [])));

/** The number behind an option of the command line. */
export const numberOf = (option: string): number | undefined =>
  words.includes(option) ? Number(words[words.indexOf(option) + 1]) : undefined;

/** The names on the command line; all there are where none is given. */
export function chosenIn(there: Record<string, unknown>): string[] {
  const chosen = words.filter((_, index) => !ofOptions.has(index));
  const unknown = chosen.filter((name) => !Object.hasOwn(there, name));
  if (unknown.length > 0) throw new Error(`no ${unknown.join(", ")}; there are ${Object.keys(there).join(", ")}`);
  return chosen.length > 0 ? chosen : Object.keys(there);
}
