import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makePlace } from "./place.ts";

let place: ReturnType<typeof makePlace>;
beforeEach(() => {
  place = makePlace();
  place.commit({ a: "a" });
  place.build("one");
  place.commit({ a: "b" });
});
afterEach(() => place.clear());

test("the newest sealed release is the base; one that is being built, made by hand, or not in the registry is none", () => {
  place.build("two");
  expect(place.base("two", "one")).toBe("two");
  fs.writeFileSync(place.at("two", ".building"), "{}");
  fs.mkdirSync(place.at("hand"));
  expect(place.base("hand", "two", "one")).toBe("one");
  expect(place.base()).toBeUndefined();
});

test("other files left out, other attributes, another way to write files: no base", () => {
  expect(place.base("one")).toBe("one");
  place.manifest.source.exclude = ["docs"];
  expect(place.base("one")).toBeUndefined();
  place.manifest.source.exclude = [];
  const info = path.join(place.repo, ".git/info/attributes");
  fs.mkdirSync(path.dirname(info), { recursive: true });
  fs.writeFileSync(info, "a text eol=crlf\n");
  expect(place.base("one")).toBeUndefined();
  fs.unlinkSync(info);
  place.git("config", "core.autocrlf", "true");
  expect(place.base("one")).toBeUndefined();
  place.git("config", "--unset", "core.autocrlf");
  expect(place.base("one")).toBe("one");
  place.commit({ "sub/.gitattributes": "* -text\n" });
  expect(place.base("one")).toBeUndefined();
});

test.each(["export-subst", "export-ignore"])(
  "%s makes files that differ between commits: no base, also later",
  (attribute) => {
    place.commit({ ".gitattributes": `a ${attribute}\n` });
    place.build("two");
    expect(place.base("two")).toBeUndefined();
    expect(place.json("two")).not.toHaveProperty("extraction");
  },
);

test("a commit that the repository no longer has, and a list that is gone: no base", () => {
  fs.renameSync(place.at("one", "RELEASE.files.gz"), place.at("one", "kept"));
  expect(place.base("one")).toBeUndefined();
  fs.renameSync(place.at("one", "kept"), place.at("one", "RELEASE.files.gz"));
  fs.writeFileSync(place.at("one", "RELEASE.json"), JSON.stringify({ ...place.json("one"), sha: "1".repeat(40) }));
  expect(place.base("one")).toBeUndefined();
});

test("files as they lie have no base", () => {
  Object.assign(place.manifest.source, { via: "worktree" });
  expect(place.base("one")).toBeUndefined();
});
