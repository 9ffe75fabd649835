import fs from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { envRequired, serviceEnvironment } from "../../scripts/service/environment.ts";
import { makeTree } from "./tree.ts";

let tree: ReturnType<typeof makeTree>;
beforeEach(() => {
  tree = makeTree();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await tree.clear();
});

const environmentOf = (change: Parameters<typeof tree.define>[1], warn?: (warning: string) => void) =>
  serviceEnvironment(tree.define("x", change), tree.place, tree.release(), warn);

test("a later source wins: inherited, env, RELEASE.env, each env_file", () => {
  vi.stubEnv("TZ", "inherited");
  vi.stubEnv("LC_ALL", "inherited");
  fs.writeFileSync(tree.at("current/RELEASE.env"), "A=release\nB=release\nC=release\nRELEASE_ID=other\n");
  fs.writeFileSync(tree.at("current/one.env"), "B=one\nC=one\n");
  fs.writeFileSync(tree.at("current/two.env"), "C=two\n");
  const env = { TZ: "env", A: "env", B: "env", C: "env", D: "env" };
  expect(environmentOf({ env, env_file: ["one.env", "two.env", "-three.env"] })).toMatchObject({
    LC_ALL: "inherited",
    TZ: "env",
    A: "release",
    B: "one",
    C: "two",
    D: "env",
    RELEASE_ID: "r1",
  });
});

test("RELEASE_ID, PORT and the mark are always ours", () => {
  fs.writeFileSync(tree.at("current/.env"), "PORT=1\nRELEASE_ID=1\nSWITCHBACK_SERVICE=1\n");
  const env = { PORT: "2", RELEASE_ID: "2", SWITCHBACK_SERVICE: "2" };
  const mine = { RELEASE_ID: "r1", SWITCHBACK_SERVICE: `${tree.deployTo}#api` };
  expect(environmentOf({ env, env_file: [".env"], port: 8001 })).toMatchObject({ ...mine, PORT: "8001" });
  expect(environmentOf({ env, env_file: [".env"] })).toMatchObject({ ...mine, PORT: "1" });
});

test("the terminal's own variables do not reach the service", () => {
  vi.stubEnv("SWITCHBACK_TEST_SECRET", "x");
  vi.stubEnv("HOME", "/somewhere");
  const environment = environmentOf({});
  expect(environment).not.toHaveProperty("SWITCHBACK_TEST_SECRET");
  expect(environment).toMatchObject({ HOME: "/somewhere" });
});

test("without a login's variables the PATH has a default, and the account's are looked up", () => {
  for (const name of ["PATH", "HOME", "USER", "LOGNAME", "SHELL"]) vi.stubEnv(name, undefined);
  const environment = environmentOf({});
  const uid = String(process.getuid?.());
  const account = fs
    .readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((line) => line.split(":")[2] === uid);
  expect(environment["PATH"]).toBe("/usr/local/bin:/usr/bin:/bin");
  expect(environment["USER"]).toBe(account?.split(":")[0]);
  expect(environment["HOME"]).toBe(account?.split(":")[5]);
});

test("warnings of files are passed on", () => {
  fs.writeFileSync(tree.at("current/.env"), "A=1\nexport B=2\n");
  const warnings: string[] = [];
  environmentOf({ env_file: [".env"] }, (warning) => void warnings.push(warning));
  expect(warnings).toEqual([expect.stringMatching(/\.env:2: /)]);
});

const PLACEHOLDERS = [
  "your-prod-secret",
  "your_api_key",
  "YOUR SECRET",
  "changeme",
  "change-me",
  "CHANGE_ME",
  "changeme!",
  "change-this-in-production",
  "replace-me",
  "REPLACE_WITH_KEY",
  "xxx",
  "XXXXXXXX",
  "<secret>",
  "<your key here>",
  "TODO",
  "todo: ask",
  "TBD",
  "example",
  "example-key",
  "placeholder",
  "put-key-here",
  "***",
  "...",
  " changeme ",
];
const REAL = [
  "s3cr3t",
  "xx",
  "yours",
  "change",
  "example.com",
  "https://example.com",
  "production",
  "0",
  "false",
  "todoist-token",
  "exchangeme",
  "a<b>",
  "postgres://u:changeme@h/db",
  "dummyload",
];

test.each(PLACEHOLDERS)("%j is a placeholder", (value) => {
  expect(envRequired(["A"], { A: value })).toEqual([{ name: "A", problem: "placeholder" }]);
});

test.each(REAL)("%j may be a real value", (value) => {
  expect(envRequired(["A"], { A: value })).toEqual([]);
});

test("names what is missing and what is empty", () => {
  expect(envRequired(["A", "B", "C"], { B: " ", C: "1" })).toEqual([
    { name: "A", problem: "missing" },
    { name: "B", problem: "empty" },
  ]);
});
