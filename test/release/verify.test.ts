import fs from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Verification } from "../../scripts/release/verify.ts";
import { makeHost } from "./host.ts";

const host = makeHost("linked_files: [{ path: .env, optional: true }]\n");
let kept = "";
const place = (...names: string[]) => host.release("v1", ...names);

beforeAll(() => {
  host.write("run.sh", "#!/bin/sh\n");
  fs.chmodSync(host.at("app/run.sh"), 0o755);
  host.git("add", "-A");
  host.git("commit", "-qm", "Second");
  host.must("release/deploy", "--id", "v1");
  kept = host.at("kept");
  fs.cpSync(place(), kept, { recursive: true, verbatimSymlinks: true });
});
afterAll(() => host.clear());
beforeEach(() => {
  fs.rmSync(place(), { recursive: true });
  fs.cpSync(kept, place(), { recursive: true, verbatimSymlinks: true });
});

const verify = (...words: string[]) => ({
  code: host.run("release/verify", words).code,
  found: host.json("release/verify", ...words) as Verification,
});

test("what is as it was sealed is intact, by id and as current", () => {
  const { code, found } = verify("v1");
  expect(code).toBe(0);
  expect(found).toEqual({
    release_id: "v1",
    is_intact: true,
    problem: null,
    files: 5,
    changed: [],
    missing: [],
    added: [],
  });
  expect(verify().found).toEqual(found);
  expect(host.must("release/verify")).toBe("v1 is as it was sealed: 5 files\n");
});

test("what is changed or missing is named, and is a no", () => {
  fs.writeFileSync(place("a.txt"), "other\n");
  fs.chmodSync(place("run.sh"), 0o644);
  fs.unlinkSync(place(".env"));
  fs.writeFileSync(place(".env"), "KEY=1\n");
  fs.unlinkSync(place("deploy.yaml"));
  const { code, found } = verify("v1");
  expect(code).toBe(1);
  expect(found).toMatchObject({ is_intact: false, missing: ["deploy.yaml"], added: [] });
  expect(found.changed).toEqual([
    { path: ".env", how: "kind" },
    { path: "a.txt", how: "content" },
    { path: "run.sh", how: "mode" },
  ]);
  expect(host.run("release/verify").out).toMatch(
    /3 changed, 1 missing, 0 added, of 5 files\n {2}changed {2}\.env \(its kind\)\n/,
  );
});

test("a link that leads elsewhere is changed", () => {
  fs.unlinkSync(place(".env"));
  fs.symlinkSync("/etc/passwd", place(".env"));
  expect(verify("v1")).toMatchObject({ code: 1, found: { changed: [{ path: ".env", how: "content" }] } });
});

test("what came later, such as caches, is told and is no fault", () => {
  fs.mkdirSync(place("__pycache__"));
  for (let i = 0; i < 30; i++) fs.writeFileSync(place("__pycache__", `m${i}.pyc`), "x");
  const { code, found } = verify("v1");
  expect(code).toBe(0);
  expect(found.added).toHaveLength(30);
  expect(host.must("release/verify")).toContain("… and 10 more: --json names all");
});

const stored = (file: string) =>
  JSON.parse(gunzipSync(fs.readFileSync(place(file))).toString()) as { rows: unknown[][] };

test("a list that was changed with the files proves nothing", () => {
  fs.writeFileSync(place("a.txt"), "other\n");
  const { rows } = stored("RELEASE.files.gz");
  fs.rmSync(place("RELEASE.files.gz"));
  fs.writeFileSync(
    place("RELEASE.files.gz"),
    gzipSync(JSON.stringify({ rows: rows.filter(([name]) => name !== "a.txt") })),
  );
  expect(verify("v1")).toMatchObject({
    code: 1,
    found: { is_intact: false, problem: expect.stringContaining("RELEASE.files.gz itself was changed") },
  });
});

test("a RELEASE.json that was changed is not that of the list", () => {
  const json = fs.readFileSync(place("RELEASE.json"), "utf8");
  fs.writeFileSync(place("RELEASE.json"), json.replace(/"tree_sha256": "..../, '"tree_sha256": "0000'));
  expect(verify("v1")).toMatchObject({ code: 1, found: { problem: expect.stringContaining("not the list") } });
});

test("a list that is gone or torn is a no", () => {
  const bytes = fs.readFileSync(place("RELEASE.files.gz"));
  fs.rmSync(place("RELEASE.files.gz"));
  const wanted = (problem: string) => ({ code: 1, found: { problem: expect.stringContaining(problem) } });
  expect(verify("v1")).toMatchObject(wanted("RELEASE.files.gz is missing"));
  fs.writeFileSync(place("RELEASE.files.gz"), bytes.subarray(0, 50));
  expect(verify("v1")).toMatchObject(wanted("RELEASE.files.gz was damaged"));
});

test("a release that an earlier version sealed cannot be verified, and is told so", () => {
  fs.rmSync(place("RELEASE.files.gz"));
  fs.writeFileSync(place("RELEASE.files"), '["a.txt","0",false]\n');
  expect(verify("v1")).toMatchObject({ code: 1, found: { problem: expect.stringContaining("an earlier version") } });
});

test("a file that is changed by hand shows in each release that shares it", () => {
  const other = makeHost();
  other.write("same.txt", "same\n");
  other.git("add", "-A");
  other.git("commit", "-qm", "Second");
  for (const id of ["v1", "v2", "v3"]) {
    other.commit(id);
    other.must("release/build_release", "--id", id);
  }
  fs.chmodSync(other.release("v2", "same.txt"), 0o644);
  fs.writeFileSync(other.release("v2", "same.txt"), "else\n");
  for (const id of ["v1", "v2", "v3"])
    expect(other.json("release/verify", id)).toMatchObject({
      is_intact: false,
      changed: [{ path: "same.txt", how: "content" }],
    });
  other.clear();
});

test("a release made by hand cannot be verified, and one that is being built is not complete", () => {
  fs.mkdirSync(host.release("hand"), { recursive: true });
  expect(verify("hand")).toMatchObject({ code: 1, found: { problem: expect.stringContaining("cannot be verified") } });
  fs.writeFileSync(place(".building"), "{}");
  expect(verify("v1")).toMatchObject({ code: 1, found: { problem: expect.stringContaining("not complete") } });
});

test("a release that is not there is a wrong argument", () => {
  for (const id of ["v9", "../v1", ""]) expect(host.run("release/verify", [id]).code).toBe(2);
  const other = makeHost();
  expect(other.run("release/verify")).toMatchObject({ code: 2, err: expect.stringContaining("nothing is deployed") });
  other.clear();
});
