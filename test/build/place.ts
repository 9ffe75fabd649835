import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { observeBase } from "../../scripts/build/base.ts";
import { applyFill } from "../../scripts/build/fill.ts";
import { applySeal } from "../../scripts/build/seal.ts";
import { observeSource, renderExtraction } from "../../scripts/build/source.ts";
import type { Context } from "../../scripts/core/context.ts";
import type { TreeFacts } from "../../scripts/core/observe.ts";
import { releasePath, treePaths } from "../../scripts/core/paths.ts";

/** A file of the repository; a mode of git, or what kind it is. */
export type Entry = string | { text: string; mode: 0o755 } | { link: string } | null;

export interface Build {
  base?: string;
  /** A build step that runs: files are not shared before it has run. */
  step?: (directory: string) => void;
  sha?: string;
}

/** A repository and a tree, in which the parts of a build are done as an operation does them. */
export function makePlace(within = os.tmpdir()) {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(within, "switchback-sharing-")));
  const repo = path.join(root, "repo");
  const paths = treePaths(path.join(root, "tree"));
  const source = { repo, ref: "HEAD", via: "git" as const, exclude: [] as string[] };
  const manifest = { source, build: {} as Record<string, { outputs: string[] }> };
  const context = { manifest, paths } as unknown as Context;
  const shell = (line: string, ...words: string[]) => {
    const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", line, "-", ...words], {
      cwd: root,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`${line}: ${stderr}`);
    return stdout;
  };
  const git = (...words: string[]) =>
    shell('git -C repo -c user.name=a -c user.email=a@localhost -c core.quotepath=off "$@"', ...words).trim();
  fs.mkdirSync(paths.releases, { recursive: true });
  shell("git init -q -b main repo");
  const at = (id: string, ...names: string[]) => path.join(releasePath(paths, id), ...names);
  let time = 1_700_000_000;

  return {
    root,
    repo,
    paths,
    manifest,
    context,
    git,
    shell,
    at,
    /** Writes files, or takes them away (null), and commits all; each commit has a time of its own. */
    commit(files: Record<string, Entry>): string {
      for (const [name, entry] of Object.entries(files)) put(path.join(repo, name), entry);
      git("add", "-A");
      time += 60;
      shell(
        `GIT_COMMITTER_DATE="${time} +0000" git -C repo -c user.name=a -c user.email=a@localhost commit -q --allow-empty -m x`,
      );
      return git("rev-parse", "HEAD");
    },
    build(id: string, { base, step, sha = git("rev-parse", "HEAD") }: Build = {}): void {
      fs.mkdirSync(at(id));
      const mark = {
        id,
        sha,
        ref: "HEAD",
        dirty: false,
        deps: {},
        steps: {},
        ...(base ? { base } : {}),
        isQuiet: !step,
      };
      fs.writeFileSync(at(id, ".building"), JSON.stringify(mark));
      if (base) applyFill(context, id);
      else shell(renderExtraction(source, { repo: source.repo, sha }, at(id), []).join("\n"));
      step?.(at(id));
      applySeal(context, id);
    },
    base(...ids: string[]): string | undefined {
      const tree = { ids, rows: new Map(ids.map((id) => [id, {}])) } as unknown as TreeFacts;
      return observeBase(context, observeSource(source, undefined), tree);
    },
    json: (id: string) => JSON.parse(fs.readFileSync(at(id, "RELEASE.json"), "utf8")) as Record<string, unknown>,
    inode: (id: string, name: string) => fs.lstatSync(at(id, name)).ino,
    /** What a plain extraction of the commit has. */
    plain(sha = git("rev-parse", "HEAD")): string[] {
      const directory = fs.mkdtempSync(path.join(root, "plain-"));
      shell(renderExtraction(source, { repo: source.repo, sha }, directory, []).join("\n"));
      return listing(directory);
    },
    clear: () => fs.rmSync(root, { recursive: true, force: true }),
  };
}

function put(file: string, entry: Entry): void {
  fs.rmSync(file, { recursive: true, force: true });
  if (entry === null) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  if (typeof entry === "object" && "link" in entry) return fs.symlinkSync(entry.link, file);
  fs.writeFileSync(file, typeof entry === "string" ? entry : entry.text);
  fs.chmodSync(file, typeof entry === "string" ? 0o644 : entry.mode);
}

const OWN = /^(RELEASE\.json|RELEASE\.files.*|\.building)$/;

/** Every file, link and directory below a directory: kind, whether executable, content. */
export function listing(directory: string): string[] {
  const names = fs.readdirSync(directory, { recursive: true }) as string[];
  return names
    .filter((name) => !OWN.test(name))
    .sort()
    .map((name) => {
      const place = path.join(directory, name);
      const now = fs.lstatSync(place);
      if (now.isSymbolicLink()) return JSON.stringify([name, "link", fs.readlinkSync(place)]);
      if (now.isDirectory()) return JSON.stringify([name, "directory", (now.mode & 0o777).toString(8)]);
      return JSON.stringify([name, (now.mode & 0o111).toString(8), fs.readFileSync(place, "latin1")]);
    });
}
