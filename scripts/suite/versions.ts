/** Orders versions as npm does, as far as numbers and a tail such as `-beta.1` go: the oldest first. */
export function compareVersions(one: string, other: string): number {
  const [[core, tail], [otherCore, otherTail]] = [one, other].map(apart) as [Parts, Parts];
  const byCore = core.localeCompare(otherCore, "en", { numeric: true });
  if (byCore !== 0 || tail === otherTail) return byCore;
  // What has a tail comes before the version that it leads to.
  if (tail === "" || otherTail === "") return tail === "" ? 1 : -1;
  return tail.localeCompare(otherTail, "en", { numeric: true });
}

type Parts = [core: string, tail: string];

function apart(version: string): Parts {
  const at = version.indexOf("-");
  return at < 0 ? [version, ""] : [version.slice(0, at), version.slice(at + 1)];
}
