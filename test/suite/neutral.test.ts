import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { quote } from "../../scripts/core/step.ts";
import { neutralFromOps, neutralShell, openNeutral, plain } from "../../scripts/suite/neutral.ts";

const open = (deployTo: string, repo = ".") =>
  openNeutral(`app: shop\ndeploy_to: ${deployTo}\nsource: { repo: ${repo} }\n`, "deploy.yaml", undefined).context;
const sh = (script: string, env: Record<string, string>) =>
  execFileSync("sh", ["-euc", script], { encoding: "utf8", env });
const ENV = { HOME: "/home/ann", CHECKOUT: "/src/shop" };

test.each([
  ["~/shop", "/home/ann/shop"],
  [".deploy", "/src/shop/.deploy"],
  ["../tree", "/src/tree"],
  ["../../tree", "/tree"],
  ["/srv/shop", "/srv/shop"],
])("a tree at %s is a path that the shell makes on the machine where it is typed", (deployTo, expected) => {
  const { manifest } = open(deployTo);
  const printed = sh(`realpath -m -- ${neutralShell(quote(manifest.deploy_to))}`, ENV);
  expect(printed.trim()).toBe(expected);
});

test("a place inside a quoted word, and inside a script that is quoted itself, is a variable too", () => {
  const { manifest } = open("~/shop");
  const odd = quote(`${manifest.deploy_to}/it's a name`);
  expect(sh(`printf %s ${neutralShell(odd)}`, ENV)).toBe("/home/ann/shop/it's a name");
  expect(sh(neutralShell(`sh -c ${quote(`printf %s ${odd}`)}`), ENV)).toBe("/home/ann/shop/it's a name");
  expect(sh(neutralShell(`printf %s ${quote(`a\\`)}${quote(`${manifest.deploy_to} b`)}`), ENV)).toBe(
    "a\\/home/ann/shop b",
  );
});

test("for a person, the checkout is where he is", () => {
  const { manifest, opsPath } = open("~/shop");
  expect(plain(manifest.deploy_to)).toBe("$HOME/shop");
  expect(plain(manifest.source.repo)).toBe(".");
  expect(plain(`${opsPath}/_suite`)).toBe("ops/_suite");
});

test("in ops/_suite a path is a path whatever is in it", () => {
  expect(sh(`here=/src/shop/ops; printf %s ${neutralFromOps(open("'/srv/$x`y\"z'").manifest.deploy_to)}`, ENV)).toBe(
    '/srv/$x`y"z',
  );
  expect(sh(`here=/src/shop/ops; printf %s ${neutralFromOps(open("../t").manifest.deploy_to)}`, ENV)).toBe(
    "/src/shop/ops/../../t",
  );
});

test("nothing of the environment gets into what is generated", () => {
  process.env["DEPLOY_ROOT"] = "/elsewhere";
  try {
    expect(open("/srv/shop").manifest.deploy_to).toBe("/srv/shop");
  } finally {
    delete process.env["DEPLOY_ROOT"];
  }
});
