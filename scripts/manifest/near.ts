import leven from "leven";

/** The candidates so near to `word` that it is probably a slip of one of them, nearest first. */
export function nearest(word: string, candidates: Iterable<string>): string[] {
  // Two letters changed places count as two edits.
  const limit = Math.max(word.length < 4 ? 1 : 2, Math.floor(word.length / 3));
  return [...candidates]
    .map((candidate) => ({ candidate, distance: leven(word.slice(0, 80), candidate) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .map(({ candidate }) => candidate);
}

/** `; did you mean "x"?`, or nothing when no candidate is near. */
export function showNearest(word: string, candidates: Iterable<string>): string {
  const [best] = nearest(word, candidates);
  return best === undefined ? "" : `; did you mean "${best}"?`;
}
