import fs from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import path from "node:path";
import { writeDurably } from "../core/durable.ts";
import { refuseUnsupported } from "./supervisor-limits.ts";
import type { LoadedManifest, LoadOptions } from "./loaded.ts";

const MOST_KEPT = 64;
const MOST_BYTES = 1_000_000;

/**
 * Loads a manifest as `loadManifest` does, and keeps what came of it for the next command: of a command's start, half is spent
 * on loading the parser and the schema. Kept in `$XDG_CACHE_HOME/switchback`, with all that the outcome depends on;
 * only what is without any problem is kept.
 * @throws ManifestError as `loadManifest` does.
 */
export async function loadChecked(options: LoadOptions): Promise<LoadedManifest> {
  const place = placeOf(options);
  const kept = place && readKept(place, options);
  if (kept) return kept;
  const { loadManifest } = await import("./load.ts");
  const loaded = loadManifest(options);
  if (place) keep(place, loaded);
  return loaded;
}

interface Place {
  file: string;
  /** All that the outcome depends on. No hash of it: a start would spend a tenth of its time on loading one. */
  key: string;
}

/** Where the outcome would be kept; undefined when there is no home for it, or no file to load. */
function placeOf({ filePath, environment, env, cwd = process.cwd() }: LoadOptions): Place | undefined {
  const home = env["XDG_CACHE_HOME"] || (env["HOME"] && path.join(env["HOME"], ".cache"));
  const file = path.resolve(cwd, filePath);
  const text = readSmall(file)?.toString("latin1");
  if (!home || !path.isAbsolute(home) || text === undefined) return undefined;
  const { DEPLOY_ROOT, REPO_ROOT } = env;
  const rest = [file, environment, DEPLOY_ROOT, REPO_ROOT, env["HOME"] || homedir(), cwd, process.getuid?.()];
  // Two that share the end of a long name only take turns.
  const name = `${file}:${environment ?? ""}`.replaceAll(/[^A-Za-z0-9.-]/g, "_").slice(-180);
  return { file: path.join(home, "switchback", `${name}.json`), key: JSON.stringify([text, rest, suiteState()]) };
}

function readSmall(file: string): Buffer | undefined {
  try {
    const { size } = fs.statSync(file);
    return size <= MOST_BYTES ? fs.readFileSync(file) : undefined;
  } catch {
    return undefined;
  }
}

/** Changes with every file that decides what a manifest means. */
function suiteState(): string[] {
  const folder = import.meta.dirname;
  const files = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => path.join(folder, name));
  return [path.join(folder, "../../manifest.schema.ts"), ...files].map(
    (file) => `${file} ${fs.statSync(file).mtimeMs}`,
  );
}

function readKept({ file, key }: Place, options: LoadOptions): LoadedManifest | undefined {
  try {
    const { uid, mode } = fs.statSync(file);
    // Somebody else's word about what the manifest says does not count.
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return undefined;
    const kept = JSON.parse(fs.readFileSync(file, "utf8")) as {
      key: string;
      loaded: Omit<LoadedManifest, "problemAt">;
    };
    if (kept.key !== key) return undefined;
    return { ...kept.loaded, problemAt: (...where) => loadAgain(options).problemAt(...where) };
  } catch {
    return undefined;
  }
}

/** A target may refuse what the schema lets pass: only then the file is read again, for the place in it. */
function loadAgain(options: LoadOptions): LoadedManifest {
  const { loadManifest } = createRequire(import.meta.url)("./load.ts") as typeof import("./load.ts");
  return loadManifest(options);
}

function keep({ file, key }: Place, loaded: LoadedManifest): void {
  try {
    refuseUnsupported(loaded);
    const folder = path.dirname(file);
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeDurably(file, JSON.stringify({ key, loaded }), 0o600);
    // Runtimes for hosts are kept here as well, in a folder.
    const names = fs.readdirSync(folder).filter((name) => name.endsWith(".json"));
    if (names.length > MOST_KEPT) for (const name of names) fs.rmSync(path.join(folder, name), { force: true });
  } catch {
    // A full disk, a read-only home, a manifest of a later version: the next command reads the manifest itself.
  }
}
