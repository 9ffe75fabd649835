import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { renderTreeCopy } from "../../scripts/manifest/trailer.ts";
import { HEAD, headlinesOf, load, makeDirectory } from "./manifests.ts";

const TEXT = `${HEAD}source: {repo: app}\nenvironments: {prod: {keep_releases: 9}, dev: {keep_releases: 2}}`;

function reload(text: string, environment?: string) {
  const filePath = join(makeDirectory(), "deploy.yaml");
  writeFileSync(filePath, text);
  return loadManifest({ filePath, env: {}, environment });
}

test("a copy in a tree keeps the folder and the environment of its origin", () => {
  const original = load(TEXT, { environment: "prod" });
  const copy = reload(renderTreeCopy(original));
  expect(copy.basePath).toBe(original.basePath);
  expect(copy.environment).toBe("prod");
  expect(copy.manifest).toEqual(original.manifest);
});

test("a copy of a copy has one trailer, and --env beats it", () => {
  const copy = reload(renderTreeCopy(load(TEXT, { environment: "prod" })));
  const again = reload(renderTreeCopy(copy), "dev");
  expect(again.manifest.keep_releases).toBe(2);
  expect(renderTreeCopy(copy)).toBe(copy.text);
  expect(renderTreeCopy(again)).toBe(copy.text.replace("env=prod", "env=dev"));
  expect(copy.text).toBe(
    `${TEXT}\n# switchback: origin=${copy.basePath} deploy_to=${copy.manifest.deploy_to} env=prod\n`,
  );
});

test("a folder with spaces, percent signs and newlines survives", () => {
  const basePath = "/a b/100%\n# switchback: origin=/evil/ü deploy_to=/evil";
  const text = renderTreeCopy({ ...load(HEAD), basePath });
  expect(text.trimEnd().split("\n")).toHaveLength(3);
  expect(reload(text)).toMatchObject({ basePath });
  expect(reload(text).environment).toBeUndefined();
});

test("only the last line is a trailer, and its origin is absolute", () => {
  expect(load(`# switchback: origin=/a deploy_to=/b\n${HEAD}`).basePath).not.toBe("/a");
  expect(headlinesOf(`${HEAD}# switchback: origin=a deploy_to=/b\n`)).toEqual([
    "deploy.yaml:3:1: origin: wanted an absolute path",
  ]);
});

test("a copy stays with its tree, whatever $DEPLOY_ROOT was when it was made; --env for another one does not", () => {
  const text = renderTreeCopy({
    ...load(TEXT, { environment: "prod" }),
    manifest: { ...load(TEXT).manifest, deploy_to: "/srv/other" },
  });
  expect(reload(text).manifest.deploy_to).toBe("/srv/other");
  expect(reload(text, "dev").manifest.deploy_to).toBe(load(TEXT).manifest.deploy_to);
});
