import path from "node:path";

/** Whether `inner` is `outer` or lies in it; both relative to a release, `.` is all of it. */
export const holds = (outer: string, inner: string): boolean =>
  outer === "." || inner === outer || inner.startsWith(`${outer}/`);

/** Whether one of two places lies in the other. */
export const overlaps = (a: string, b: string): boolean => holds(a, b) || holds(b, a);

/** The places without those that lie in another of them. */
export const outermost = (places: string[]): string[] =>
  [...new Set(places)].filter((place) => !places.some((other) => other !== place && holds(other, place)));

/** `a/b/c` → `a`, `a/b`. */
export function above(place: string): string[] {
  const parts = place.split("/").slice(0, -1);
  return parts.map((_, i) => path.posix.join(...parts.slice(0, i + 1)));
}
