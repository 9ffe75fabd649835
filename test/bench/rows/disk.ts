import path from "node:path";
import { type Cell, diskOf } from "../measure.ts";
import { bash, commit, hearSignals, run } from "../place.ts";
import { type Aim, measured, ratio, type Row } from "../table.ts";
import { BARE } from "../ways/manifest.ts";
import { makeTree } from "../ways/switchback.ts";
import { extract, makeReleases } from "../ways/teams.ts";
import { append, type Bench, filesOf, head, remove } from "./bench.ts";

const ONE = "one release";

/** Bytes that releases take of which each changes one file in a hundred. */
export async function diskRow(bench: Bench): Promise<Row> {
  const { place, size } = bench;
  const files = filesOf(place);
  const every = Math.max(1, Math.min(100, files.length));
  const shas = [head(place)];
  for (let at = 1; at < size.kept; at++) {
    for (const [index, file] of files.entries()) if (index % every === at % every) append(place, file);
    shas.push(commit(place, `One in a hundred, ${at}`));
  }
  const cell = (column: Cell["column"], name: string, value: number): Cell => ({
    column,
    name,
    unit: "bytes",
    values: [value],
  });
  const own = await grow(bench, shas);
  const linked = await growLinked(bench, shas);
  const copied = growCopy(bench, shas[0] ?? "");
  const cells = [
    cell("switchback", `${size.kept} releases`, own.all),
    cell("teams", `git archive | tar, once × ${size.kept}`, copied * size.kept),
    cell("capistrano", `git archive | tar, once × ${size.kept}`, copied * size.kept),
    cell("floor", "cp -al, changed files anew", linked),
    cell("floor", ONE, own.one),
  ];
  const aims: Aim[] = [{ text: `of ${ONE}`, value: ratio(cells, "switchback", ONE), limit: 2, unit: "×" }];
  const title = `Disk of ${size.kept} releases, 1 % of ${files.length} files changed in each`;
  return { name: "disk", title, cells, aims: measured(aims) };
}

async function grow({ place }: Bench, shas: string[]): Promise<{ one: number; all: number }> {
  const tree = makeTree(place, "disk", BARE);
  const releases = path.join(tree.path, "releases");
  run(place, { program: "mkdir", words: ["-p", releases] });
  const empty = diskOf(place, releases);
  const used: number[] = [];
  for (const [at, sha] of shas.entries()) {
    await hearSignals();
    run(place, tree.command("release/build_release", sha, "--id", `disk-${at}`));
    if (at === 0 || at === shas.length - 1) used.push(diskOf(place, releases) - empty);
  }
  remove(place, tree.path);
  return { one: used[0] ?? NaN, all: used.at(-1) ?? NaN };
}

/** What hard links alone make of it: each release is links to the one before, and what changed is extracted over it. */
async function growLinked({ place }: Bench, shas: string[]): Promise<number> {
  const releases = makeReleases(place, "disk-linked");
  const empty = diskOf(place, releases);
  for (const [at, sha] of shas.entries()) {
    await hearSignals();
    if (at === 0) run(place, extract(place, sha, `${releases}/0`));
    else
      run(
        place,
        bash(
          `cp -al ${at - 1} ${at}
git -C '${place.repo}' diff -z --name-only ${shas[at - 1] ?? ""} ${sha} |
  (cd '${place.repo}' && xargs -0 git archive --format=tar ${sha} --) | tar -xf - -C ${at}`,
          releases,
        ),
      );
  }
  const used = diskOf(place, releases) - empty;
  remove(place, releases);
  return used;
}

function growCopy({ place }: Bench, sha: string): number {
  const releases = makeReleases(place, "disk-copied");
  const empty = diskOf(place, releases);
  run(place, extract(place, sha, `${releases}/0`));
  const used = diskOf(place, releases) - empty;
  remove(place, releases);
  return used;
}
