import { expect, test } from "vitest";
import { errorOf, HEAD } from "../manifest/manifests.ts";

const SET = "key: a.lock, run: make";

test.each([
  [
    "dependencies: {a: {path: ., SET}}",
    "deploy.yaml:3:20: dependencies.a.path is the whole release: a set has a place inside it",
  ],
  ["dependencies: {a: {path: RELEASE.json, SET}}", "RELEASE.json belongs to the release itself"],
  ["dependencies: {a: {path: x, SET}, b: {path: x/, SET}}", "x is the place of the set a already"],
  ["dependencies: {a: {path: x, SET}, b: {path: x/y, SET}}", "x/y lies inside x, which is the place of the set a"],
  [
    "dependencies: {a: {path: x/y, SET}, b: {path: x, use: /opt/x}}",
    "x/y, which is the place of the set a, lies inside x",
  ],
  [
    "linked_dirs: [data]\ndependencies: {a: {path: data/venv, SET}}",
    "data/venv lies inside data, which is in linked_dirs",
  ],
  [
    "linked_files: [venv/.env]\ndependencies: {a: {path: venv, SET}}",
    "venv/.env, which is in linked_files, lies inside venv",
  ],
])("%s", (text, message) => {
  expect(errorOf(`${HEAD}${text.replaceAll("SET", SET)}\n`)).toContain(message);
});
