import fs from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contextOf } from "../../scripts/core/context.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { type Changes, renderChanges } from "../../scripts/release/changes.ts";
import { makeHost } from "./host.ts";

const host = makeHost("source: { repo: . }\n");
const sha: Record<string, string> = {};
afterAll(() => host.clear());
beforeAll(() => {
  for (const id of ["v1", "v2"]) {
    sha[id] = host.commit(id);
    host.must("release/deploy", "--id", id);
  }
  host.write("näme \u001b[31m.txt", "x");
  host.git("add", "-A");
  host.git("commit", "-qm", "Escape \u001b[31mred");
  sha["head"] = host.commit("Latest");
});

const context = () => contextOf(loadManifest({ filePath: host.at("app/deploy.yaml"), env: {} }));
const subjects = (found: unknown) => (found as Changes).commits.map(({ subject }) => subject);

test("from what serves to what would be deployed", () => {
  const found = host.json("release/changes") as Changes;
  expect(found).toMatchObject({
    from: { name: "v2", sha: sha["v2"] },
    to: { name: "HEAD", sha: sha["head"] },
    left_out: [],
  });
  expect(subjects(found)).toEqual(["Latest", "Escape \u001b[31mred"]);
  expect(found.files).toEqual(["a.txt", "näme \u001b[31m.txt"]);
});

test("a person sees no escapes", () => {
  const text = host.must("release/changes");
  expect(text.split("\n")[0]).toMatch(/^v2 \([0-9a-f]{7}\) → HEAD \([0-9a-f]{7}\): 2 commits, 2 files$/);
  expect(text).not.toContain("\u001b");
});

test("between two releases, between refs, and back", () => {
  expect(subjects(host.json("release/changes", "v1", "v2"))).toEqual(["v2"]);
  expect(subjects(host.json("release/changes", "HEAD~1", "main"))).toEqual(["Latest"]);
  const back = host.json("release/changes", "v2", "v1") as Changes;
  expect(back.commits).toEqual([]);
  expect(back.left_out).toEqual([{ sha: sha["v2"], subject: "v2" }]);
  expect(host.must("release/changes", "v2", "v1")).toContain("0 commits, 1 taken back, 1 file");
  expect(host.must("release/changes", "HEAD", sha["head"] as string)).toContain("the same commit");
});

test("a release's id comes before a tag of the same name", () => {
  host.git("tag", "v1", sha["head"] as string);
  expect((host.json("release/changes", "v1") as Changes).from.sha).toBe(sha["v1"]);
  host.git("tag", "-d", "v1");
});

test("what is not there is said", () => {
  const refusal = (...words: string[]) => {
    const { code, err } = host.run("release/changes", words);
    return { code, err };
  };
  expect(refusal("nope")).toMatchObject({ code: 2, err: expect.stringContaining('"nope"') });
  expect(refusal("--", "--output=/tmp/x").code).toBe(2);
  fs.mkdirSync(host.release("hand"));
  expect(refusal("hand")).toMatchObject({ code: 2, err: expect.stringContaining("does not say from which commit") });
  fs.writeFileSync(host.release("hand", ".deploy-meta"), `commit_sha=${"d".repeat(40)}\n`);
  expect(refusal("hand")).toMatchObject({
    code: 2,
    err: expect.stringContaining(`does not have commit ${"d".repeat(40)}`),
  });
  for (const word of ["--output=/tmp/x", "HEAD", "main"]) {
    fs.writeFileSync(host.release("hand", ".deploy-meta"), `commit_sha=${word}\n`);
    expect(refusal("hand")).toMatchObject({ code: 2, err: expect.stringContaining("does not say from which commit") });
  }
});

test("a deploy can show the commits it brings, the first ten", () => {
  const from = sha["v2"] as string;
  expect(renderChanges(context(), from, sha["head"] as string)).toEqual([
    `2 commits since ${from.slice(0, 7)}:`,
    `  ${sha["head"]?.slice(0, 7)} Latest`,
    expect.stringMatching(/^ {2}[0-9a-f]{7} Escape �\[31mred$/),
  ]);
  for (let i = 0; i < 11; i++) host.commit(`More ${i}`);
  const lines = renderChanges(context(), from, host.git("rev-parse", "HEAD"));
  expect(lines).toHaveLength(12);
  expect(lines.at(-1)).toBe("  … and 3 more");
  expect(renderChanges(context(), from, sha["v1"] as string)[0]).toBe(
    `1 commit taken back, in ${from.slice(0, 7)} only:`,
  );
});

test("what cannot be told shows nothing, and stops no deploy", () => {
  const head = sha["head"] as string;
  expect(renderChanges(context(), head, head)).toEqual([]);
  for (const unknown of ["", "d".repeat(40), "--help"]) expect(renderChanges(context(), unknown, head)).toEqual([]);
  const { manifest, ...rest } = context();
  const elsewhere = { ...rest, manifest: { ...manifest, source: { ...manifest.source, repo: host.at("none") } } };
  expect(renderChanges(elsewhere, head, sha["v1"] as string)).toEqual([]);
});
