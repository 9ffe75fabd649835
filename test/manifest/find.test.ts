import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { UsageError } from "../../scripts/core/errors.ts";
import { findManifest } from "../../scripts/manifest/find.ts";
import { makeDirectory } from "./manifests.ts";

function put(filePath: string, text = "app: a\ndeploy_to: tree\n"): string {
  mkdirSync(dirname(filePath), { recursive: true });
  writeFileSync(filePath, text);
  return filePath;
}

/** A checkout with a manifest for <root>/tree, and that tree with its own copy. */
function makeHost() {
  const root = makeDirectory();
  const checkout = join(root, "checkout");
  const tree = join(root, "tree");
  mkdirSync(join(checkout, "src"), { recursive: true });
  mkdirSync(join(tree, "releases"), { recursive: true });
  mkdirSync(join(tree, "suite/1/ops/release"), { recursive: true });
  symlinkSync("suite/1/ops", join(tree, "ops"));
  const own = put(join(checkout, "deploy.yaml"), "app: a\ndeploy_to: ../tree\n");
  const copy = put(join(tree, "deploy.yaml"), `app: a\ndeploy_to: ../tree\n# switchback: origin=${checkout}\n`);
  return { root, checkout, tree, own, copy, launcherPath: join(tree, "ops/release/prune.ts") };
}

test("the flag, then the variable, then the nearest upward", async () => {
  const { checkout, own } = makeHost();
  const cwd = join(checkout, "src");
  const env = { DEPLOY_MANIFEST: "b.yaml", HOME: "/h" };
  expect(await findManifest({ flag: "a.yaml", env, cwd })).toBe(join(cwd, "a.yaml"));
  expect(await findManifest({ env, cwd })).toBe(join(cwd, "b.yaml"));
  expect(await findManifest({ env: { DEPLOY_MANIFEST: "~/b.yaml", HOME: "/h" }, cwd })).toBe("/h/b.yaml");
  expect(await findManifest({ env: { DEPLOY_MANIFEST: "" }, cwd })).toBe(own);
});

test("from elsewhere, the launcher's own tree by the path as typed", async () => {
  const { root, copy, launcherPath } = makeHost();
  expect(await findManifest({ env: {}, cwd: root, launcherPath })).toBe(copy);
  expect(await findManifest({ env: {}, cwd: root, launcherPath: "tree/ops/release/prune.ts" })).toBe(copy);
});

test("last, the tree that DEPLOY_ROOT names", async () => {
  const { root, tree, copy } = makeHost();
  expect(await findManifest({ env: { DEPLOY_ROOT: tree }, cwd: root })).toBe(copy);
  const none = findManifest({ env: { DEPLOY_ROOT: join(root, "none") }, cwd: root });
  await expect(none).rejects.toThrow(join(root, "none/deploy.yaml"));
});

test("a tree's launcher and a manifest for that tree go together", async () => {
  const { checkout, own, launcherPath } = makeHost();
  expect(await findManifest({ env: {}, cwd: checkout, launcherPath })).toBe(own);
});

test("a tree's launcher refuses a manifest for another tree", async () => {
  const { root, tree, copy, launcherPath } = makeHost();
  const other = put(
    join(root, "other/deploy.yaml"),
    "app: b\ndeploy_to: ./tree\nenvironments: {here: {deploy_to: ../tree}}\n",
  );
  const cwd = dirname(other);
  const attempt = () => findManifest({ env: {}, cwd, launcherPath });
  await expect(attempt()).rejects.toThrow(UsageError);
  await expect(attempt()).rejects.toThrow(
    `this command belongs to ${tree}, but deploy.yaml here is for ${join(cwd, "tree")}: say which is meant`,
  );
  expect(await findManifest({ env: {}, cwd, launcherPath, environment: "here" })).toBe(other);
  expect(await findManifest({ env: {}, cwd, launcherPath, flag: copy })).toBe(copy);
});

test("inside a release, the tree's manifest is meant and not the release's", async () => {
  const { tree, copy } = makeHost();
  const inRelease = put(join(tree, "releases/v1/deploy.yaml"));
  symlinkSync("releases/v1", join(tree, "current"));
  expect(await findManifest({ env: {}, cwd: dirname(inRelease) })).toBe(copy);
  expect(await findManifest({ env: {}, cwd: "/", launcherPath: join(tree, "current/ops/release/prune.ts") })).toBe(
    copy,
  );
});

test("nothing found says where it looked and what to type", async () => {
  const cwd = makeDirectory();
  try {
    await findManifest({ env: {}, cwd, launcherPath: "/nowhere/ops/x.ts" });
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({
      message: `no deploy.yaml found in ${cwd} and the directories above it, nor in /nowhere/ops and the directories above it`,
      next: ["ops/host/init.ts", "--manifest path/to/deploy.yaml"],
    });
  }
});

test("another repository's launcher refuses the manifest of the one we stand in", async () => {
  const [here, other] = ["a", "b"].map((name) => {
    const folder = makeDirectory();
    writeFileSync(join(folder, "deploy.yaml"), `app: ${name}\ndeploy_to: tree\n`);
    return folder;
  }) as [string, string];
  const find = (launcherDir: string) =>
    findManifest({ env: {}, cwd: here, launcherPath: join(launcherDir, "ops/release/list.ts") });
  expect(await find(here)).toBe(join(here, "deploy.yaml"));
  await expect(find(other)).rejects.toThrow(`this command belongs to ${other}, but deploy.yaml here is for`);
});
