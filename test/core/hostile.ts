/** Strings that a shell, a path or a log may trip over; without NUL, which no argument can hold. */
export const HOSTILE = [
  "",
  " ",
  "'",
  "''",
  "'\\''",
  "\\",
  "\\'",
  '"',
  "`id`",
  "$(id)",
  "${HOME}",
  "$'\\n'",
  "a\nb",
  "\n",
  "a\n",
  "a\r\nb",
  "\ttab",
  "-n",
  "--",
  "-rf /",
  "~",
  "~root",
  "a=~/b",
  "*",
  "?[a-z]{1,2}",
  "!!",
  "#comment",
  "a;b&&c||d|e>f<g(h)",
  "%s%n\\c",
  "é日本\u{1f600}",
  "\u00a0\u2028\u202e",
  "\u0001\u001b[31m\u007f",
  "x".repeat(10_000),
];

/** The same `count` strings at every run, of all that a shell gives a meaning to. */
export function randomStrings(count: number): string[] {
  const letters = Array.from("'\"\\$`!*?[]{}()<>|&;#~=%^-+@:,./ \t\n\raZ09é\u{1f600}");
  let seed = 42;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: next(12) }, () => letters[next(letters.length)]).join(""),
  );
}
