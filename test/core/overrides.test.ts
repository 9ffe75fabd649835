import { expect, test } from "vitest";
import { UsageError } from "../../scripts/core/errors.ts";
import { chosenServices, readOverrides, setOverrides } from "../../scripts/core/overrides.ts";
import { treePaths } from "../../scripts/core/paths.ts";

const NONE = {
  services: undefined,
  healthCommand: undefined,
  isRestartSkipped: false,
  isGateSkipped: false,
  isRegistrySkipped: false,
};

test("nothing is set: nothing is overridden", () => {
  expect(readOverrides({})).toEqual(NONE);
});

test("empty values count as unset, and only 1 skips", () => {
  const words = ["", "0", "true", "yes", "no", " 1"];
  for (const word of words)
    expect(
      readOverrides({
        DEPLOY_SKIP_SERVICE_RESTART: word,
        DEPLOY_SKIP_HEALTHCHECK: word,
        DEPLOY_SKIP_REGISTRY_UPDATE: word,
      }),
    ).toEqual(NONE);
  expect(readOverrides({ DEPLOY_SERVICES: "", DEPLOY_HEALTHCHECK_CMD: "" })).toEqual(NONE);
  expect(readOverrides({ DEPLOY_SKIP_SERVICE_RESTART: "1" })).toEqual({ ...NONE, isRestartSkipped: true });
  expect(readOverrides({ DEPLOY_SKIP_HEALTHCHECK: "1" })).toEqual({ ...NONE, isGateSkipped: true });
  expect(readOverrides({ DEPLOY_SKIP_REGISTRY_UPDATE: "1" })).toEqual({ ...NONE, isRegistrySkipped: true });
});

test("services are words, whatever is between them; the check is one line", () => {
  expect(readOverrides({ DEPLOY_SERVICES: " api\tworker \n web " }).services).toEqual(["api", "worker", "web"]);
  expect(readOverrides({ DEPLOY_HEALTHCHECK_CMD: "curl -f 'http://x/'" }).healthCommand).toBe("curl -f 'http://x/'");
});

const SERVICES = { api: {}, web: { unit: "site.service" }, worker: { unit: "jobs" } };

test.each([
  ["api", "api"],
  ["shop-api", "api"],
  ["shop-api.service", "api"],
  ["site", "web"],
  ["site.service", "web"],
  ["web", "web"],
  ["jobs.service", "worker"],
])("%s is the service %s", (word, name) => {
  expect(chosenServices("shop", SERVICES, [word])).toEqual([name]);
});

test("a word that names no service is refused, with those that there are", () => {
  expect(() => chosenServices("shop", SERVICES, ["api", "caddy"])).toThrow(UsageError);
  expect(() => chosenServices("shop", SERVICES, ["caddy"])).toThrow(
    "DEPLOY_SERVICES names caddy, and the manifest has the services api, web, worker",
  );
  expect(() => chosenServices("shop", {}, ["api"])).toThrow("the services none");
});

test("a printed step takes along what is set, and nothing else of the environment", () => {
  const env = {
    HOME: "/root",
    DEPLOY_SERVICES: "api",
    REPO_ROOT: "/app",
    DEPLOY_SKIP_HEALTHCHECK: "",
    DEPLOY_MANIFEST: "x",
  };
  expect(setOverrides(env)).toEqual([
    ["REPO_ROOT", "/app"],
    ["DEPLOY_SERVICES", "api"],
  ]);
});

test("two places of the tree can lie elsewhere; the rest stays", () => {
  const paths = treePaths("/srv/shop", { DEPLOY_RELEASES_DIR: "/data/builds/", DEPLOY_CURRENT_LINK: "/srv/www/live" });
  expect(paths).toEqual({ ...treePaths("/srv/shop"), releases: "/data/builds", current: "/srv/www/live" });
});

test("an instance is named by itself, by its unit, or with all others", () => {
  const services = { web: { unit: "oro-web@", instances: { main: {}, docs: {} } }, api: {} };
  const chosen = (...words: string[]) => chosenServices("oro", services, words);
  expect(chosen("oro-web@main", "oro-api")).toEqual(["web@main", "api"]);
  expect(chosen("oro-web@docs.service")).toEqual(["web@docs"]);
  expect(chosen("web")).toEqual(["web@main", "web@docs"]);
  expect(() => chosen("oro-web@none")).toThrow(UsageError);
});
