import fs from "node:fs";
import path from "node:path";
import { measure, type Way } from "../measure.ts";
import { bash, commit, run } from "../place.ts";
import { writeLockfile } from "../repository.ts";
import { type Aim, measured, ratio, type Row } from "../table.ts";
import { buildScript, keysOf } from "../ways/manifest.ts";
import { makeTree, type OwnTree } from "../ways/switchback.ts";
import { deploy, extract, makeReleases } from "../ways/teams.ts";
import { append, backendFile, type Bench, capistranos, head, remove } from "./bench.ts";

const ARCHIVE = "git archive | tar";
const FRONTEND = "all of the build's steps alone";

/** A commit for each turn of a row, the same for every way. */
function commits(make: (turn: number) => string): (turn: number) => string {
  const made = new Map<number, string>();
  return (turn) => {
    const sha = made.get(turn) ?? make(turn);
    made.set(turn, sha);
    return sha;
  };
}

/** Build from nothing: no release, no dependency set, no output that could be taken from anywhere. */
export async function buildRow(bench: Bench): Promise<Row> {
  const { place } = bench;
  const sha = commits(() => head(place));
  let own: OwnTree | undefined;
  const ours: Way = {
    column: "switchback",
    name: "build_release.ts",
    prepare: (turn) => {
      if (own) remove(place, own.path);
      own = makeTree(place, `nothing-${turn}`, bench.manifest);
    },
    command: (turn) => (own as OwnTree).command("release/build_release", sha(turn), "--id", `nothing-${turn}`),
  };
  const cells = await measure(place, [ours, ...others(bench, "nothing", sha), floor(bench, sha)], bench.runs);
  return { name: "build", title: "Build from nothing", cells, aims: [] };
}

/** A release of the same commit once more. */
export async function unchangedRow(bench: Bench): Promise<Row> {
  const sha = commits(() => head(bench.place));
  const source = path.join(bench.place.path, "same");
  run(bench.place, extract(bench.place, sha(0), source));
  const copy = (name: string, flags: string): Way => ({
    column: "floor",
    name,
    prepare: () => remove(bench.place, `${source}.copy`),
    command: () => bash(`cp ${flags} '${source}' '${source}.copy'`),
  });
  const copies = [copy("cp -al", "-al"), copy("cp -a --reflink=auto", "-a --reflink=auto")];
  const cells = await again(bench, "unchanged", sha, copies);
  const value = ratio(cells, "switchback", ARCHIVE);
  const aims: Aim[] = [{ text: `of ${ARCHIVE}`, value, limit: 1.5, unit: "×" }];
  return { name: "unchanged", title: "Rebuild, nothing changed", cells, aims: measured(aims) };
}

/** One file changed that no build step reads. */
export async function oneFileRow(bench: Bench): Promise<Row> {
  const { place } = bench;
  const file = backendFile(bench);
  const sha = commits((turn) => {
    append(place, file, "\n");
    return commit(place, `One file, ${turn}`);
  });
  const script = buildScript(bench.manifest);
  const checkout = path.join(place.path, "frontend");
  const full: Way[] = script
    ? [
        {
          column: "floor",
          name: FRONTEND,
          prepare: (turn) => {
            remove(place, checkout);
            run(place, extract(place, sha(turn), checkout));
          },
          command: () => ({ program: "bash", words: ["-euo", "pipefail", "-c", script, "bash", checkout] }),
        },
      ]
    : [];
  const cells = await again(bench, "one-file", sha, full);
  const value = ratio(cells, FRONTEND, "switchback");
  const aims: Aim[] = [
    { text: "quicker than the frontend's full build", value, limit: 10, isAtLeast: true, unit: "×" },
  ];
  return { name: "one-file", title: "Rebuild, one backend file changed", cells, aims: measured(aims) };
}

/** Another version of one package. */
export async function lockfileRow(bench: Bench): Promise<Row | undefined> {
  const { place, manifest, size, isOwn } = bench;
  const keys = keysOf(manifest).filter((file) => fs.existsSync(path.join(place.repo, file)));
  if (keys.length === 0) return undefined;
  const sha = commits((turn) => {
    if (isOwn) writeLockfile(place, size.packages, turn + 1);
    else append(place, keys.at(-1) ?? "");
    return commit(place, `Lockfile, ${turn}`);
  });
  return {
    name: "lockfile",
    title: "Rebuild, lockfile changed",
    cells: await again(bench, "lockfile", sha, []),
    aims: [],
  };
}

const grown = new WeakMap<Bench, OwnTree>();

/** A tree that has a release, in which all rebuilds are measured. */
function grownTree(bench: Bench): OwnTree {
  const known = grown.get(bench);
  if (known) return known;
  const tree = makeTree(bench.place, "again", bench.manifest);
  run(bench.place, tree.command("release/deploy", head(bench.place), "--id", "base"));
  grown.set(bench, tree);
  return tree;
}

/** Builds one commit a turn, each into a tree that has a release of the commit before. */
async function again(bench: Bench, name: string, sha: (turn: number) => string, more: Way[]) {
  const tree = grownTree(bench);
  const ours: Way = {
    column: "switchback",
    name: "build_release.ts",
    command: (turn) => tree.command("release/build_release", sha(turn), "--id", `${name}-${turn}`),
  };
  return measure(bench.place, [ours, ...others(bench, name, sha), floor(bench, sha), ...more], bench.runs);
}

function floor({ place }: Bench, sha: (turn: number) => string): Way {
  const into = path.join(place.path, "archive");
  return {
    column: "floor",
    name: ARCHIVE,
    prepare: () => remove(place, into),
    command: (turn) => extract(place, sha(turn), into),
  };
}

/** Those who do all work each time: seed 004's script, and Capistrano. */
function others(bench: Bench, name: string, sha: (turn: number) => string): Way[] {
  const { place } = bench;
  const script = buildScript(bench.manifest);
  if (place.isHurried && name !== "nothing") return [];
  const releases = makeReleases(place, `${name}-teams`);
  const teams: Way = {
    column: "teams",
    name: "git archive | tar, npm ci, npm run build, cp -r, ln -sfn",
    prepare: () => remove(place, `${releases}/0`),
    command: (turn) => deploy(place, sha(turn), `${releases}/0`, script),
  };
  const caps = capistranos(bench, name, script).map(({ column, cap }): Way => {
    run(place, cap.command("git:clone"));
    return {
      column,
      name: "cap production deploy",
      prepare: () => remove(place, `${cap.tree}/releases`, `${cap.tree}/current`),
      command: (turn) => cap.command("deploy", { BRANCH: sha(turn) }),
    };
  });
  return [teams, ...caps];
}
