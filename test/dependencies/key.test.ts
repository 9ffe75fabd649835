import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SourceFacts } from "../../scripts/build/source.ts";
import { adviceFor } from "../../scripts/dependencies/advice.ts";
import { committedFiles, lyingFiles } from "../../scripts/dependencies/key-files.ts";
import { isSetKey, type SetKeyParts, setKey } from "../../scripts/dependencies/key.ts";

const parts: SetKeyParts = {
  dependency: { path: "backend/.venv", dir: "backend", run: ["python3 -m venv .venv"], env: { A: "1", B: "2" } },
  files: [
    ["backend/a.txt", "1111"],
    ["backend/b.txt", "2222"],
  ],
  tools: [["/usr/bin/python3.13", "Python 3.13.1"]],
  platform: ["linux", "x64", "glibc 2.36"],
};
const changed = (change: Partial<SetKeyParts>) => setKey({ ...parts, ...change });
const withDependency = (change: Partial<SetKeyParts["dependency"]>) =>
  changed({ dependency: { ...parts.dependency, ...change } });

describe("another set is made for", () => {
  test.each<[string, () => string]>([
    ["another lockfile", () => changed({ files: [["backend/a.txt", "1112"], parts.files[1] as [string, string]] })],
    [
      "the same contents under other names",
      () =>
        changed({
          files: [
            ["backend/a.txt", "2222"],
            ["backend/b.txt", "1111"],
          ],
        }),
    ],
    ["another command", () => withDependency({ run: ["python3 -m venv --copies .venv"] })],
    ["lines that are cut elsewhere", () => withDependency({ run: ["python3 -m", "venv .venv"] })],
    ["another place", () => withDependency({ path: "backend/venv" })],
    ["another directory", () => withDependency({ dir: "." })],
    ["another environment", () => withDependency({ env: { A: "2", B: "1" } })],
    ["another version of a tool", () => changed({ tools: [["/usr/bin/python3.13", "Python 3.13.2"]] })],
    ["a tool that lies elsewhere", () => changed({ tools: [["/opt/python3.13", "Python 3.13.1"]] })],
    ["another processor", () => changed({ platform: ["linux", "arm64", "glibc 2.36"] })],
    ["another C library", () => changed({ platform: ["linux", "x64", "glibc 2.41"] })],
  ])("%s", (_, key) => {
    expect(key()).not.toBe(setKey(parts));
  });
});

test("the order of lockfiles, variables and tools is none of its business", () => {
  const tools = [["/usr/bin/node", "v20"], ...parts.tools];
  expect(changed({ files: parts.files.toReversed() })).toBe(setKey(parts));
  expect(withDependency({ env: { B: "2", A: "1" } })).toBe(setKey(parts));
  expect(changed({ tools })).toBe(changed({ tools: tools.toReversed() }));
});

test("a key is a directory's name of 16 hex digits, and nothing else is one", () => {
  expect(isSetKey(setKey(parts))).toBe(true);
  for (const text of ["", "..", "/opt/conda/envs/medc", `.removing-${setKey(parts)}`, `${setKey(parts)}0`])
    expect(isSetKey(text)).toBe(false);
});

describe("lockfiles", () => {
  let repo: string;
  let source: SourceFacts;
  beforeAll(() => {
    repo = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-keys-"));
    fs.mkdirSync(path.join(repo, "sub"));
    fs.writeFileSync(path.join(repo, "sub/a*.lock"), "é\n");
    fs.writeFileSync(path.join(repo, "empty"), "");
    fs.symlinkSync("empty", path.join(repo, "link"));
    const git = (...words: string[]) =>
      spawnSync("git", ["-C", repo, "-c", "user.name=t", "-c", "user.email=t@localhost", ...words], {
        encoding: "utf8",
      });
    git("init", "-q");
    git("add", "-A");
    git("commit", "-qm", "one");
    const sha = git("rev-parse", "HEAD").stdout.trim();
    source = { repo, ref: "main", sha, isDirty: false, tags: [], submodules: [], bytes: 0, files: 0 };
    // What lies there now is not what is built.
    fs.writeFileSync(path.join(repo, "uncommitted"), "");
  });
  afterAll(() => fs.rmSync(repo, { recursive: true, force: true }));

  test("have one id, in a commit and where they lie: a promoted set is the one that the next build uses", () => {
    const places = ["sub/a*.lock", "empty"];
    const read = committedFiles(source)(places);
    expect(read).toEqual(lyingFiles(repo)(places));
    expect(read.every((file) => "id" in file)).toBe(true);
  });

  test("that are none are named with why", () => {
    const sha = source.sha.slice(0, 7);
    expect(committedFiles(source)(["uncommitted", "link", "sub", "."])).toEqual([
      { place: "uncommitted", problem: `is not in main (${sha})` },
      { place: "link", problem: "is a symbolic link: name the file that it leads to" },
      { place: "sub", problem: "is no file: name each lockfile" },
      { place: ".", problem: `is not in main (${sha})` },
    ]);
    expect(lyingFiles(repo)(["gone", "link", "sub"])).toEqual([
      { place: "gone", problem: `is not in ${repo}` },
      { place: "link", problem: "is a symbolic link: name the file that it leads to" },
      { place: "sub", problem: "is no file: name each lockfile" },
    ]);
  });
});

test("an interpreter of the wrong version is answered with what to type", () => {
  const tool = {
    need: "python3>=3.13,<3.14",
    name: "python3",
    problem: "python3>=3.13,<3.14 is needed, and /usr/bin/python3 is 3.14.0",
  };
  expect(adviceFor(tool, "darwin")).toEqual([
    "brew install python@3.13   # with 3.14, pydantic-core may not install on macOS",
  ]);
  expect(adviceFor(tool, "linux")[0]).toBe("sudo apt-get install python3.13 python3.13-venv");
  expect(adviceFor({ need: "npm", name: "npm", problem: "npm is not in PATH" }, "linux")).toEqual([
    "which -a npm   # needed: npm",
  ]);
  expect(adviceFor({ need: "npm", name: "npm", path: "/usr/bin/npm" })).toEqual([]);
});
