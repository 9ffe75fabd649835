import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadChecked } from "../../scripts/manifest/checked.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { HEAD, makeDirectory } from "./manifests.ts";

function makeHome(text = `${HEAD}environments: {prod: {keep_releases: 9}}\n`) {
  const home = makeDirectory();
  const filePath = join(home, "deploy.yaml");
  writeFileSync(filePath, text);
  const kept = () => readdirSync(join(home, "cache/switchback")).map((name) => join(home, "cache/switchback", name));
  return { filePath, kept, options: { filePath, env: { HOME: home, XDG_CACHE_HOME: join(home, "cache") } } };
}

/** Shows whether an answer comes from the cache: what is kept is changed by hand. */
function mark(file: string) {
  writeFileSync(file, readFileSync(file, "utf8").replace('"keep_releases":5', '"keep_releases":55'));
}

test("the second time, what is kept is answered, and it is what the loader says", async () => {
  const { options, kept } = makeHome();
  const first = await loadChecked(options);
  expect(kept()).toHaveLength(1);
  const plain = loadManifest(options);
  const second = await loadChecked(options);
  expect({ ...second, problemAt: undefined }).toEqual({ ...plain, problemAt: undefined });
  expect(first.manifest).toEqual(plain.manifest);
  mark(kept()[0] as string);
  expect((await loadChecked(options)).manifest.keep_releases).toBe(55);
});

test("another text, another environment and another $DEPLOY_ROOT are loaded anew", async () => {
  const { options, kept, filePath } = makeHome();
  await loadChecked(options);
  mark(kept()[0] as string);
  expect((await loadChecked({ ...options, environment: "prod" })).manifest.keep_releases).toBe(9);
  const moved = await loadChecked({ ...options, env: { ...options.env, DEPLOY_ROOT: "/srv/other" } });
  expect(moved.manifest).toMatchObject({ deploy_to: "/srv/other", keep_releases: 5 });
  writeFileSync(filePath, `${HEAD}keep_releases: 7\n`);
  expect((await loadChecked(options)).manifest.keep_releases).toBe(7);
});

test("a file that others may write, or that is no JSON, is not believed", async () => {
  const { options, kept } = makeHome();
  await loadChecked(options);
  const [file = ""] = kept();
  mark(file);
  chmodSync(file, 0o666);
  expect((await loadChecked(options)).manifest.keep_releases).toBe(5);
  writeFileSync(file, "{");
  chmodSync(file, 0o600);
  expect((await loadChecked(options)).manifest.keep_releases).toBe(5);
});

test("a manifest with a problem, or with a key that its supervisor cannot do, is not kept", async () => {
  const wrong = makeHome(`${HEAD}keep_release: 5\n`);
  await expect(loadChecked(wrong.options)).rejects.toThrow("keep_releases");
  expect(wrong.kept).toThrow("ENOENT");
  const limited = makeHome(`${HEAD}services: {a: {run: x %i}}\n`);
  await loadChecked(limited.options);
  expect(limited.kept).toThrow("ENOENT");
});

test("without a home, or where it cannot be written, nothing is kept and all works", async () => {
  const { filePath } = makeHome();
  expect((await loadChecked({ filePath, env: {} })).manifest.keep_releases).toBe(5);
  expect((await loadChecked({ filePath, env: { XDG_CACHE_HOME: "/proc/none" } })).manifest.keep_releases).toBe(5);
});

test("what is kept is for its owner only, and does not grow without end", async () => {
  const { options, kept, filePath } = makeHome();
  for (let i = 1; i <= 70; i++) {
    writeFileSync(filePath, `${HEAD}keep_releases: ${i}\n`);
    await loadChecked(options);
  }
  expect(kept().length).toBeLessThanOrEqual(64);
  expect(kept().map((file) => statSync(file).mode & 0o777)).toEqual(kept().map(() => 0o600));
});

test("a kept manifest still knows the places in its file", async () => {
  const { options } = makeHome();
  const first = await loadChecked(options);
  const kept = await loadChecked(options);
  const problem = kept.problemAt(["app"], "value", "is refused");
  expect(problem).toMatchObject({ line: 1, message: "is refused" });
  expect(problem).toEqual(first.problemAt(["app"], "value", "is refused"));
});
