import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { type LoadedManifest, type LoadOptions, loadManifest, ManifestError } from "../../scripts/manifest/load.ts";

const made: string[] = [];

afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** A new directory that is removed after the test. */
export function makeDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "manifest-"));
  made.push(path);
  return path;
}

/** The two keys that every manifest needs, on two lines. */
export const HEAD = "app: demo\ndeploy_to: /srv/demo\n";

/** Loads `text` as `deploy.yaml` of a new directory, which is also where the command runs. */
export function load(text: string | Uint8Array, options: Partial<LoadOptions> = {}): LoadedManifest {
  const cwd = makeDirectory();
  const filePath = join(cwd, "deploy.yaml");
  writeFileSync(filePath, text);
  return loadManifest({ filePath, cwd, env: {}, ...options });
}

/** The whole message of the error that loading `text` must end with. */
export function errorOf(text: string | Uint8Array, options: Partial<LoadOptions> = {}): string {
  try {
    load(text, options);
  } catch (error) {
    if (error instanceof ManifestError && error.exit === 2) return error.message;
    throw error;
  }
  throw new Error("the manifest was taken");
}

/** The `FILE:LINE:COL: message` lines of that error, without their frames. */
export const headlinesOf = (text: string | Uint8Array, options: Partial<LoadOptions> = {}): string[] =>
  errorOf(text, options)
    .split("\n")
    .filter((line) => line.startsWith("deploy.yaml:"));
