import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attributePlaces, committedContents, hasSubstitutions, lyingContents } from "../../scripts/build/contents.ts";
import type { SourceFacts } from "../../scripts/build/source.ts";

const HOSTILE = "it's a $x; *? ;–ö\\";
let repo = "";

const git = (...words: string[]) =>
  execFileSync("git", ["-C", repo, "-c", "user.name=test", "-c", "user.email=test@localhost", ...words], {
    encoding: "utf8",
  }).trim();

function write(place: string, text: string): void {
  fs.mkdirSync(path.dirname(path.join(repo, place)), { recursive: true });
  fs.writeFileSync(path.join(repo, place), text);
}

function commit(): SourceFacts {
  git("add", "-A");
  git("commit", "-q", "--allow-empty", "-m", "one");
  return { repo, sha: git("rev-parse", "HEAD") } as SourceFacts;
}

beforeAll(() => {
  repo = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-contents-"));
  git("init", "-q");
  for (const place of ["web/src/a", "web/b", "api/c", `${HOSTILE}/d`]) write(place, place);
  fs.symlinkSync("web", path.join(repo, "link"));
});

afterAll(() => fs.rmSync(repo, { recursive: true, force: true }));

test("a commit's contents: a file beside does not change them, one below does, and so does its mode", () => {
  const places = ["web/src", HOSTILE, "none"];
  const ids = () => [...committedContents(commit(), places).values()].map(({ id }) => id);
  const before = ids();
  expect(before[2]).toBe("absent");
  write("api/c", "other");
  write("web/b", "other");
  expect(ids()).toEqual(before);
  write("web/src/a", "other");
  const after = ids();
  expect(after[0]).not.toBe(before[0]);
  expect(after[1]).toBe(before[1]);
  fs.chmodSync(path.join(repo, HOSTILE, "d"), 0o755);
  expect(ids()[1]).not.toBe(before[1]);
});

test("all of a commit is a place too", () => {
  const all = () => committedContents(commit(), ["."]).get(".")?.id;
  const before = all();
  expect(before).toMatch(/^[0-9a-f]{40}$/);
  write("new", "");
  expect(all()).not.toBe(before);
});

test("what is or lies behind a link is told apart from what is absent", () => {
  const contents = committedContents(commit(), ["link", "link/src", "web/none"]);
  expect([...contents].map(([place, { kind }]) => [place, kind])).toEqual([
    ["link", "link"],
    ["link/src", "link"],
    ["web/none", "absent"],
  ]);
  expect(lyingContents(repo, ["link/src"], () => false).get("link/src")?.kind).toBe("link");
});

test("the attributes above an input are read with it", () => {
  expect(attributePlaces(["web/src", "api"]).toSorted()).toEqual([
    ".gitattributes",
    "api",
    "web/.gitattributes",
    "web/src",
  ]);
  expect(attributePlaces(["."])).toEqual(["."]);
  expect(hasSubstitutions(commit())).toBe(false);
  write("web/.gitattributes", "VERSION export-subst\n");
  expect(hasSubstitutions(commit())).toBe(true);
});

test("a working tree's contents: names, modes and bytes, and nothing of what is left out", () => {
  const id = () => lyingContents(repo, ["web"], (place) => place === "web/left").get("web")?.id;
  const seen = [id()];
  write("web/left/x", "x");
  expect(id()).toBe(seen[0]);
  for (const change of [
    () => write("web/src/a", "third"),
    () => fs.chmodSync(path.join(repo, "web/src/a"), 0o755),
    () => fs.renameSync(path.join(repo, "web/src/a"), path.join(repo, "web/src/z")),
    () => fs.mkdirSync(path.join(repo, "web/empty")),
    () => fs.symlinkSync("b", path.join(repo, "web/l")),
  ]) {
    change();
    expect(seen).not.toContain(id());
    seen.push(id());
  }
});
