/** What doctor found out about one thing. */
export interface Finding {
  /** `linked_files`, `ports` … */
  check: string;
  level: "ok" | "note" | "wrong";
  message: string;
  /** What to type, one command each. */
  next: string[];
}

export const ok = (check: string, message: string): Finding => ({ check, level: "ok", message, next: [] });
export const note = (check: string, message: string, ...next: string[]): Finding => ({
  check,
  level: "note",
  message,
  next,
});
export const wrong = (check: string, message: string, ...next: string[]): Finding => ({
  check,
  level: "wrong",
  message,
  next,
});

/** `whole` when nothing was found. */
export const orOk = (check: string, found: Finding[], whole: string): Finding[] =>
  found.length > 0 ? found : [ok(check, whole)];

/** Findings that differ in what `keyOf` says of them; of equal ones the first. */
export const distinct = (found: Finding[], keyOf: (finding: Finding) => string): Finding[] =>
  found.filter((one, index) => found.findIndex((other) => keyOf(other) === keyOf(one)) === index);
