import { expect, test } from "vitest";
import type { TreeFacts } from "../../scripts/core/observe.ts";
import type { ReleaseRow } from "../../scripts/registry/releases.ts";
import { whyNot } from "../../scripts/release/news.ts";

const NEW = { ref: "origin/main", sha: "bbbbbbb2222" };

/** A tree in which r1 of the commit `a…` serves, with these rows beside it. */
function treeWith(...rows: Partial<ReleaseRow>[]): TreeFacts {
  const all = rows.map(
    (row, index) => ({ id: index + 1, release_id: `x${index}`, deployed_at: null, ...row }) as ReleaseRow,
  );
  return {
    current: { kind: "link", releaseId: "r1", sha: "aaaaaaa1111" },
    rows: new Map(all.map((row) => [row.release_id, row])),
  } as TreeFacts;
}

test("a commit that is new is deployed, and so is one of which only the build failed", () => {
  expect(whyNot(treeWith(), NEW)).toBeUndefined();
  expect(whyNot(treeWith({ commit_sha: NEW.sha, status: "build_failed" }), NEW)).toBeUndefined();
  expect(whyNot(treeWith({ commit_sha: NEW.sha, status: "built" }), NEW)).toBeUndefined();
});

test("what is current already is not", () => {
  expect(whyNot(treeWith(), { ref: "main", sha: "aaaaaaa1111" })).toBe("main (aaaaaaa) is current already.");
});

test.each<[string, Partial<ReleaseRow>]>([
  ["failed its gate", { status: "deploy_failed" }],
  ["could not be gone back to", { status: "rollback_failed" }],
  ["was rolled back", { status: "replaced_by_rollback", deployed_at: "2026-11-20T03:10:00Z" }],
  ["was replaced by a later one", { status: "replaced", deployed_at: "2026-11-20T03:10:00Z" }],
  ["is long pruned", { status: "pruned", deployed_at: "2026-11-20T03:10:00Z" }],
])("one that %s is left to a person", (_, row) => {
  expect(whyNot(treeWith({ ...row, commit_sha: NEW.sha }), NEW)).toBe(
    `origin/main (bbbbbbb) was deployed here before, as x0, which is ${row.status} now; it is not deployed again by itself.`,
  );
});
