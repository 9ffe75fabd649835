import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readList } from "../../scripts/build/file-list.ts";
import { type Build, type Entry, listing, makePlace } from "./place.ts";

let place: ReturnType<typeof makePlace>;
beforeEach(() => void (place = makePlace()));
afterEach(() => place.clear());

const step = () => {};

const HOSTILE: Record<string, Entry> = {
  "two\nlines": "a",
  "'quotes' \"and\" `ticks` $(id)": "b",
  "-rf": "c",
  "ünï/ço dé": "d",
  ":(glob)*": "e",
  ":!all": "f",
  "*": "g",
  "trailing ": "h",
  "tab\there/\\back": "i",
  "run.sh": { text: "#!/bin/sh\n", mode: 0o755 },
  "to-run": { link: "run.sh" },
  "to-nowhere": { link: "../../nowhere" },
  "lines.txt": "one\ntwo\n",
  ".gitattributes": "lines.txt text eol=crlf\n",
  empty: "",
};

/** Pairs that change kind, mode or content from the first commit to the second. */
const BEFORE: Record<string, Entry> = {
  "a-file": "x",
  "b-dir/in/it": "y",
  "c-file": "z",
  "d-link": { link: "run.sh" },
  "e.sh": "q",
  gone: "w",
  "deep/gone": "w",
  changed: "1",
};
const AFTER: Record<string, Entry> = {
  "a-file": null,
  "a-file/in/it": "x",
  "b-dir": "y",
  "c-file": { link: "run.sh" },
  "d-link": "#!/bin/sh\n",
  "e.sh": { text: "q", mode: 0o755 },
  gone: null,
  "deep/gone": null,
  changed: "2",
  "new\nfile": "n",
  ":!new": "n",
  ":(exclude)*": "n",
};

describe.each<[string, Build]>([
  ["at once", {}],
  ["once the build steps have run", { step }],
])("sharing %s", (_when, how) => {
  test("gives the tree that an extraction gives, whatever the names are and whatever changes its kind", () => {
    place.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},module`);
    place.commit({ ...HOSTILE, ...BEFORE });
    place.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},module`);
    place.git("commit", "-qm", "module");
    place.build("one");
    expect(listing(place.at("one"))).toEqual(place.plain());
    for (const [name, entry] of Object.entries(AFTER))
      if (entry === null) place.git("rm", "-rq", "--", `:(literal)${name}`);
    place.commit(AFTER);
    place.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},module`);
    place.git("commit", "-qm", "module again");
    place.build("two", { base: "one", ...how });
    const plain = place.plain();
    expect(plain).toContain('["lines.txt","0","one\\r\\ntwo\\r\\n"]');
    expect(plain).toContain('["module","directory","755"]');
    expect(listing(place.at("two"))).toEqual(plain);
    for (const [name, entry] of Object.entries(HOSTILE))
      expect([name, place.inode("two", name) === place.inode("one", name)]).toEqual([
        name,
        !(typeof entry === "object" && entry && "link" in entry),
      ]);
    expect(place.json("two")["tree_sha256"]).not.toBe(place.json("one")["tree_sha256"]);
  });

  test("unchanged files are one file under two names, read-only; changed ones and directories are the release's own", () => {
    place.commit({ "a/same": "same", "a/other": "one" });
    place.build("one");
    place.commit({ "a/other": "two!" });
    place.build("two", { base: "one", ...how });
    expect(place.inode("two", "a/same")).toBe(place.inode("one", "a/same"));
    expect(place.inode("two", "a/other")).not.toBe(place.inode("one", "a/other"));
    const mode = (id: string, name: string) => (fs.statSync(place.at(id, name)).mode & 0o777).toString(8);
    expect(["a", "a/same", "a/other"].map((name) => mode("two", name))).toEqual(["755", "444", "644"]);
    expect(["a", "a/same", "a/other"].map((name) => mode("one", name))).toEqual(["755", "444", "644"]);
    expect(place.json("two")).toMatchObject({ bytes: 8, own_bytes: 4, base: "one", files: 2 });
    expect(place.json("one")).toMatchObject({ bytes: 7, own_bytes: 7 });
  });

  test("a file that was changed by hand in the older release is taken from the commit", () => {
    place.commit({ content: "1234", mode: "m", kind: "k", fine: "f" });
    place.build("one");
    fs.writeFileSync(place.at("one", "content"), "4321");
    fs.chmodSync(place.at("one", "mode"), 0o755);
    fs.unlinkSync(place.at("one", "kind"));
    fs.symlinkSync("/etc/passwd", place.at("one", "kind"));
    place.commit({ next: "n" });
    place.build("two", { base: "one", ...how });
    expect(listing(place.at("two"))).toEqual(place.plain());
    expect(place.inode("two", "fine")).toBe(place.inode("one", "fine"));
    expect(fs.readFileSync(place.at("one", "content"), "utf8")).toBe("4321");
    expect(place.json("two")["own_bytes"]).toBe(7);
  });

  test("the tree's hash is that of the same release built alone", () => {
    place.commit({ ...HOSTILE });
    place.build("one");
    place.commit({ empty: "no more" });
    place.build("two", { base: "one", ...how });
    place.build("alone");
    expect(place.json("two")["tree_sha256"]).toBe(place.json("alone")["tree_sha256"]);
  });

  test("releases share on along a line, and the newer ones stay whole when the older ones go", () => {
    place.commit({ a: "a", b: "b", ...HOSTILE });
    place.build("r0");
    for (let i = 1; i <= 4; i++) {
      place.commit({ b: `b${i}` });
      place.build(`r${i}`, { base: `r${i - 1}`, ...how });
    }
    const inode = place.inode("r0", "a");
    for (let i = 0; i < 4; i++) fs.rmSync(place.at(`r${i}`), { recursive: true });
    expect(listing(place.at("r4"))).toEqual(place.plain());
    expect(place.inode("r4", "a")).toBe(inode);
    place.commit({ b: "last" });
    place.build("r5", { base: "r4", ...how });
    expect(place.inode("r5", "a")).toBe(inode);
  });

  test("a commit without files, and a base without files", () => {
    place.commit({});
    place.build("none");
    place.build("still", { base: "none", ...how });
    place.commit({ a: "a" });
    place.build("one", { base: "still", ...how });
    place.commit({ a: null });
    place.build("two", { base: "one", ...how });
    expect(["still", "one", "two"].map((id) => listing(place.at(id)))).toEqual([[], ['["a","0","a"]'], []]);
  });

  test("more changed paths than one command takes, and nearly all of them", () => {
    const files = (count: number, text: string) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`d/${i}`, text]));
    place.commit({
      ...files(700, "1"),
      same: "s",
      ...Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`e/${i}`, "e"])),
    });
    place.build("one");
    place.commit(files(550, "2"));
    place.build("two", { base: "one", ...how });
    expect(listing(place.at("two"))).toEqual(place.plain());
    place.commit(files(700, "3"));
    place.build("three", { base: "two", ...how });
    expect(listing(place.at("three"))).toEqual(place.plain());
    expect(place.inode("three", "same")).toBe(place.inode("one", "same"));
    expect(place.json("three")["own_bytes"]).toBe(700);
  });
});

test("a build step that writes into tracked files changes no older release, and what it wrote is no source for the next", () => {
  place.commit({ version: "0000", touched: "same", x: "x", quiet: "q" });
  place.build("one");
  place.commit({ other: "o" });
  const rewrite = (directory: string) => {
    // In place, without truncation first: as sed and databases do.
    const file = fs.openSync(`${directory}/version`, "r+");
    fs.writeSync(file, "1111");
    fs.closeSync(file);
    fs.writeFileSync(`${directory}/touched`, "same");
    fs.chmodSync(`${directory}/x`, 0o755);
    fs.writeFileSync(`${directory}/made`, "m");
  };
  place.build("two", { base: "one", step: rewrite });
  expect(fs.readFileSync(place.at("one", "version"), "utf8")).toBe("0000");
  expect(fs.readFileSync(place.at("two", "version"), "utf8")).toBe("1111");
  expect(fs.statSync(place.at("one", "x")).mode & 0o111).toBe(0);
  expect(place.inode("two", "quiet")).toBe(place.inode("one", "quiet"));
  expect(place.inode("two", "touched")).not.toBe(place.inode("one", "touched"));
  place.build("three", { base: "two" });
  expect(listing(place.at("three"))).toEqual(place.plain());
  expect(place.inode("three", "version")).not.toBe(place.inode("two", "version"));
  expect(fs.statSync(place.at("two", "made")).nlink).toBe(1);
});

test("a file rewritten by a step with the time of the commit is compared by its content", () => {
  place.commit({ a: "0000" });
  place.build("one");
  place.commit({ b: "b" });
  place.build("two", {
    base: "one",
    step(directory) {
      const { atime, mtime } = fs.statSync(`${directory}/a`);
      fs.writeFileSync(`${directory}/a`, "1111");
      fs.utimesSync(`${directory}/a`, atime, mtime);
    },
  });
  expect(fs.readFileSync(place.at("two", "a"), "utf8")).toBe("1111");
  expect(place.json("two")["own_bytes"]).toBe(5);
});

test("a file rewritten by a step with the time of this commit is no source for the next release", () => {
  place.commit({ a: "0000", b: "b" });
  const rewrite = (directory: string) => {
    const { atime, mtime } = fs.statSync(`${directory}/a`);
    fs.writeFileSync(`${directory}/a`, "1111");
    fs.utimesSync(`${directory}/a`, atime, mtime);
  };
  place.build("one", { step: rewrite });
  place.commit({ c: "c" });
  place.build("two", { base: "one" });
  expect(listing(place.at("two"))).toEqual(place.plain());
  expect(place.inode("two", "b")).toBe(place.inode("one", "b"));
});

test("what build steps make is never one file with another release's, also where it is committed", () => {
  place.commit({ "dist/a": "a", src: "s" });
  place.build("one");
  place.manifest.build = { web: { outputs: ["dist"] } };
  place.build("two", { base: "one" });
  place.build("three", { base: "two", step });
  place.manifest.build = {};
  place.build("four", { base: "three" });
  const ids = ["one", "two", "three", "four"];
  expect(ids.map((id) => fs.statSync(place.at(id, "dist/a")).nlink)).toEqual([1, 1, 1, 1]);
  expect(fs.statSync(place.at("one", "src")).nlink).toBe(4);
});

test("files that are left out of a release stay out, and those that the commit does not have are not shared", () => {
  place.manifest.source.exclude = ["docs/", "*.md"];
  place.commit({ "docs/a": "a", "b.md": "b", c: "c" });
  place.build("one");
  fs.writeFileSync(place.at("one", "cache"), "x");
  place.commit({ d: "d" });
  place.build("two", { base: "one" });
  expect(listing(place.at("two"))).toEqual(['["c","0","c"]', '["d","0","d"]']);
});

test("a base whose list was changed gives nothing", () => {
  place.commit({ a: "a" });
  place.build("one");
  fs.writeFileSync(place.at("one", "RELEASE.json"), JSON.stringify({ ...place.json("one"), tree_sha256: "0" }));
  place.build("two", { base: "one" });
  expect(listing(place.at("two"))).toEqual(place.plain());
  expect(fs.statSync(place.at("one", "a")).nlink).toBe(1);
});

test("what a commit has under the names that a release has for itself is never written through, nor believed", () => {
  const outside = path.join(place.root, "outside");
  fs.writeFileSync(outside, "outside");
  place.commit({ a: "a", "RELEASE.files.gz": { link: outside }, "RELEASE.files.whole.gz": { link: outside } });
  place.build("linked");
  place.build("linked-2", { base: "linked" });
  expect(fs.readFileSync(outside, "utf8")).toBe("outside");
  expect([...readList(place.at("linked-2")).files.keys()]).toEqual(["a"]);
  place.commit({ ".building": '{"id":"another"}' });
  expect(() => place.build("marked")).toThrow("the source has a file .building");
});
