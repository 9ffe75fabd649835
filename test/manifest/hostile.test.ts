import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { errorOf, HEAD, headlinesOf, load, makeDirectory } from "./manifests.ts";

const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi"
  .split("")
  .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[i]}`).join(",")}]`)
  .join("\n")}\n`;
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const CASES: [title: string, text: string | Uint8Array, first: string][] = [
  ["alias bomb", HEAD + bomb, "deploy.yaml:6:8: the aliases (*name) repeat too much"],
  [
    "wide alias bomb",
    `${HEAD}a: &a [${"x,".repeat(3000)}x]\nb: [*a,*a,*a,*a,*a]\n`,
    "deploy.yaml:4:14: the aliases (*name) repeat too much",
  ],
  ["alias of itself", `${HEAD}source: &a {ref: *a}\n`, "deploy.yaml:3:18: *a stands inside what it refers to"],
  ["alias of nothing", `${HEAD}source: *a\n`, "deploy.yaml:3:9: *a names no anchor above it"],
  ["__proto__", `${HEAD}__proto__: {app: x}\n`, 'deploy.yaml:3:1: the key "__proto__" is not allowed'],
  [
    "constructor",
    `${HEAD}services: {constructor: {run: x}}\n`,
    'deploy.yaml:3:12: the key "constructor" is not allowed',
  ],
  [
    "prototype",
    `${HEAD}build: {a: {run: x, env: {prototype: x}}}\n`,
    'deploy.yaml:3:27: the key "prototype" is not allowed',
  ],
  ["more than 1 MB", "#".repeat(1_000_001), "deploy.yaml:1:1: the file is larger than 1 MB: this is no manifest"],
  ["deep lists", `${HEAD}x: ${"[".repeat(50_000)}`, "deploy.yaml:3:36: this is nested more than 32 levels deep"],
  ["deep maps", `${HEAD}x: ${"{a: ".repeat(20_000)}`, "deploy.yaml:3:132: this is nested more than 32 levels deep"],
  [
    "deep blocks",
    HEAD + Array.from({ length: 60 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
    "deploy.yaml:36:34: this is nested more than 32 levels deep",
  ],
  [
    "a thousand wrong keys",
    Array.from({ length: 1000 }, (_, i) => `k${i}: 1\n`).join(""),
    'deploy.yaml:1:1: "app" is missing',
  ],
  ["duplicate key", `${HEAD}app: other\n`, 'deploy.yaml:3:1: the key "app" stands here a second time'],
  ["tabs", `${HEAD}services:\n\tapi: x\n`, "deploy.yaml:4:1: not valid YAML: tabs are not allowed as indentation"],
  ["CRLF", "app: demo\r\ndeploy_to: /x\r\nkeep: 3\r\n", 'deploy.yaml:3:1: unknown key "keep"'],
  [
    "byte order mark",
    "\ufeffapp: Demo\ndeploy_to: /x\n",
    'deploy.yaml:1:6: app: found "Demo", wanted a name of small letters, digits and - that starts with a letter',
  ],
  [
    "latin-1",
    Uint8Array.from([...utf8(HEAD), 0x63, 0xe9]),
    "deploy.yaml:3:1: this line is not UTF-8: save the file as UTF-8",
  ],
  ["UTF-16", Uint8Array.from([0xff, 0xfe, 0x61, 0]), "deploy.yaml:1:1: this line is not UTF-8: save the file as UTF-8"],
  ["empty file", "", "deploy.yaml:1:1: the file is empty, wanted keys such as app and deploy_to"],
  ["comments only", "# nothing yet\n", "deploy.yaml:1:1: the file is empty, wanted keys such as app and deploy_to"],
  ["a list at top", "- a\n- b\n", "deploy.yaml:1:1: found a list, wanted keys such as app and deploy_to"],
  ["a word at top", "hello\n", "deploy.yaml:1:1: found a single value, wanted keys such as app and deploy_to"],
  ["two documents", `${HEAD}---\n${HEAD}`, "deploy.yaml:3:1: a second document starts here; wanted only one"],
  ["YAML 1.1", `%YAML 1.1\n---\n${HEAD}`, "deploy.yaml:1:1: wanted YAML 1.2"],
  ["unknown tag", `${HEAD}source: !run {ref: x}\n`, "deploy.yaml:3:9: not valid YAML: unresolved tag: !run"],
  ["control character", `${HEAD}health: \u001b[31m\n`, "deploy.yaml:3:9: a control character stands here"],
  [
    "escaped NUL",
    `${HEAD}services: {api: {run: "x\\0"}}\n`,
    'deploy.yaml:3:23: services.api.run: found "x\\u0000", wanted a command and its arguments on one line (no shell)',
  ],
  ["number as key", `${HEAD}services: {1: {run: x}}\n`, 'deploy.yaml:3:12: wanted text as key: quote it, "1"'],
  ["list as key", `${HEAD}services: {? [a] : {run: x}}\n`, "deploy.yaml:3:14: wanted a plain word as key"],
  ["no key", `${HEAD}services: {: x}\n`, "deploy.yaml:3:12: wanted a key in front of the colon"],
  [
    "merge key",
    `${HEAD}build: {a: &a {run: x}, b: {<<: *a, run: x}}\n`,
    'deploy.yaml:3:29: unknown key "<<" in build.b',
  ],
  ["missing quote", `${HEAD}source: {ref: 'x}\n`, "deploy.yaml:4:1: not valid YAML: missing closing 'quote"],
  [
    "path out of the release",
    `${HEAD}linked_dirs: [a/../../b]\n`,
    'deploy.yaml:3:15: linked_dirs[0]: found "a/../../b", wanted a relative path without .. in it',
  ],
  [
    "absolute linked path",
    `${HEAD}linked_files: [/etc/passwd]\n`,
    'deploy.yaml:3:16: linked_files[0]: found "/etc/passwd", wanted a relative path without .. in it',
  ],
  [
    "newline in a path",
    `${HEAD}services: {api: {run: x, dir: "a\\nb"}}\n`,
    'deploy.yaml:3:31: services.api.dir: found "a\\nb", wanted a relative path without .. in it',
  ],
  ["the root as tree", "app: demo\ndeploy_to: /x/..\n", "deploy.yaml:2:12: the tree cannot be the root directory"],
];

describe("a hostile or broken file", () => {
  test.each(CASES)("%s", (_title, text, first) => {
    expect(headlinesOf(text)[0]).toBe(first);
  });

  test("a frame cannot write escapes or turn the text around", () => {
    const message = errorOf(`${HEAD}source: {ref: "a\u202eb\u009b", x: 1}\n`);
    expect(message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(message).toContain('3 | source: {ref: "a�b�", x: 1}');
  });

  test("only the first twenty of very many are shown", () => {
    const text = Array.from({ length: 1000 }, (_, i) => `k${i}: 1\n`).join("");
    expect(headlinesOf(text)).toHaveLength(20);
    expect(errorOf(text)).toMatch(/\n… and at least \d+ more in deploy\.yaml$/);
  });

  test("nesting and aliases within reason are taken", () => {
    const { manifest } = load(`${HEAD}services:\n  a: {run: x, env: &e {A: "1"}}\n  b: {run: y, env: *e}\n`);
    expect(manifest.services["b"]?.env).toEqual({ A: "1" });
  });

  test("a directory, a pipe, nothing", () => {
    const cwd = makeDirectory();
    mkdirSync(join(cwd, "dir"));
    execFileSync("mkfifo", [join(cwd, "pipe")]);
    const loadIn = (name: string) => () => loadManifest({ filePath: join(cwd, name), cwd, env: {} });
    expect(loadIn("dir")).toThrow("dir:1:1: this is a directory; wanted the manifest file in it");
    expect(loadIn("pipe")).toThrow("pipe:1:1: this is not a regular file");
    expect(loadIn("none")).toThrow("none:1:1: the manifest cannot be read: there is no such file");
  });
});
