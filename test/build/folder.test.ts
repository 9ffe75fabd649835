import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sizesIn } from "../../scripts/build/git-trees.ts";
import { observeSource } from "../../scripts/build/source.ts";
import { listing, makePlace } from "./place.ts";

// `source.repo` is a folder of a repository that holds more than one application.
let place: ReturnType<typeof makePlace>;
const use = (folder: string) => (place.manifest.source.repo = path.join(place.repo, folder));
const files = (id: string) => listing(place.at(id));
beforeEach(() => {
  place = makePlace();
  place.commit({ "apps/web/same": "web", "apps/web/other": "1", "apps/api/same": "api", root: "1" });
  use("apps/web");
  place.build("one");
});
afterEach(() => place.clear());

test("a release of a folder shares with the one before, and has nothing of what lies beside", () => {
  place.commit({ "apps/web/other": "2", "apps/web/new": "3", "apps/api/same": "changed", root: "2" });
  place.build("two", { base: place.base("one") as string });
  expect(files("two")).toEqual(place.plain());
  expect(place.inode("two", "same")).toBe(place.inode("one", "same"));
  expect(place.inode("two", "other")).not.toBe(place.inode("one", "other"));
});

test("another folder's release is no base: it has other files under the same names", () => {
  expect(place.base("one")).toBe("one");
  use("apps/api");
  expect(place.base("one")).toBeUndefined();
});

test("only the folder's files count as what a build takes", () => {
  const source = observeSource(place.context.manifest.source, undefined);
  const sizes = sizesIn(source.repo, source.sha);
  expect([source.files, [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)]).toEqual([2, 4]);
});
