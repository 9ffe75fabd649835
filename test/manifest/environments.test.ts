import { expect, test } from "vitest";
import { UsageError } from "../../scripts/core/errors.ts";
import { errorOf, HEAD, headlinesOf, load } from "./manifests.ts";

const TEXT = `${HEAD}linked_dirs: [data, logs]
services:
  api: {run: x, port: 8001, env: {A: "1", B: "2"}}
environments:
  dev:
    hosts: one.example.org
    user: deploy
    port: 2222
    deploy_to: /srv/dev
    linked_dirs: [data]
    services: {api: {port: 8000, env: {B: "3"}}}
  prod: {}
`;

test("maps merge, lists and scalars replace; where it lives overrides nothing", () => {
  const { manifest, environment } = load(TEXT, { environment: "dev" });
  expect(environment).toBe("dev");
  expect(manifest.deploy_to).toBe("/srv/dev");
  expect(manifest.linked_dirs.map(({ path }) => path)).toEqual(["data"]);
  expect(manifest.services["api"]).toMatchObject({ run: "x", port: 8000, env: { A: "1", B: "3" } });
  expect(manifest.environments["dev"]).toMatchObject({ hosts: ["one.example.org"], user: "deploy", port: 2222 });
  expect(load(TEXT).manifest.services["api"]).toMatchObject({ port: 8001, env: { A: "1", B: "2" } });
  expect(load(TEXT, { environment: "prod" }).manifest.deploy_to).toBe("/srv/demo");
});

test("an error points at the line that says it, in the override or above", () => {
  const text = `${HEAD}services:
  api: {run: x, port: 80, stop_timeout: 5}
environments:
  dev:
    keep_releases: 0
    services: {api: {port: 70000, prt: 1}, new: {dir: a}}
`;
  expect(headlinesOf(text, { environment: "dev" })).toEqual([
    "deploy.yaml:4:41: services.api.stop_timeout: found 5, wanted a duration with its unit, such as 300ms, 5s, 2m, 1h or 7d",
    "deploy.yaml:7:20: keep_releases: found 0, wanted a whole number, 1 or more",
    "deploy.yaml:8:28: services.api.port: found 70000, wanted a port from 1 to 65535",
    'deploy.yaml:8:35: unknown key "prt" in services.api; did you mean "port"?',
    'deploy.yaml:8:44: "run" is missing in services.new',
  ]);
});

test("the lines of an environment that is not chosen are checked too", () => {
  const text = `${HEAD}environments:\n  dev: {keep_releases: 0}\n  prod: {kep_releases: 3}\n`;
  for (const environment of [undefined, "dev"])
    expect(headlinesOf(text, { environment })).toEqual([
      "deploy.yaml:4:24: keep_releases: found 0, wanted a whole number, 1 or more",
      'deploy.yaml:5:10: unknown key "kep_releases"; did you mean "keep_releases"?',
    ]);
});

test("what only the environments give asks for one of them", () => {
  const text = "app: demo\nenvironments:\n  dev: {deploy_to: /a}\n  prod: {deploy_to: /b}\n";
  expect(headlinesOf(text)).toEqual([
    'deploy.yaml:1:1: "deploy_to" is missing; choose an environment that gives it: --env dev or --env prod',
  ]);
  expect(load(text, { environment: "prod" }).manifest.deploy_to).toBe("/b");
});

test("what another environment lacks is no error", () => {
  const text = "app: demo\nenvironments:\n  dev: {deploy_to: /a}\n  prod: {keep_releases: 9}\n";
  expect(load(text, { environment: "dev" }).manifest.deploy_to).toBe("/a");
});

test("an environment is a map and holds no environments", () => {
  expect(errorOf(`${HEAD}environments:\n  dev:\n`)).toContain(
    "deploy.yaml:4:3: environments.dev: found nothing, wanted a map",
  );
  expect(errorOf(`${HEAD}environments: {dev: {environments: {x: {}}}}\n`)).toContain(
    "deploy.yaml:3:36: environments.dev.environments: found a map, wanted no environments inside an environment",
  );
});

/** What loading TEXT for that environment ends with. */
function attempt(environment: string): unknown {
  try {
    load(TEXT, { environment });
  } catch (error) {
    return error;
  }
  return undefined;
}

test("an unknown environment names the near ones", () => {
  const near = attempt("prd");
  expect(near).toBeInstanceOf(UsageError);
  expect(near).toMatchObject({
    message: 'deploy.yaml has no environment "prd"; did you mean "prod"?',
    next: ["--env prod"],
  });
  expect(attempt("staging")).toMatchObject({ message: 'deploy.yaml has no environment "staging"; it has dev, prod' });
  expect(attempt("constructor")).toMatchObject({ exit: 2 });
});
