import fs from "node:fs";
import path from "node:path";
import { type Cell, measure, median, type Way } from "../measure.ts";
import { bash, run } from "../place.ts";
import { type Aim, measured, ratio, type Row } from "../table.ts";
import { layReleases } from "../ways/capistrano.ts";
import { BARE } from "../ways/manifest.ts";
import { makeTree } from "../ways/switchback.ts";
import { extract, makeReleases, rollback } from "../ways/teams.ts";
import { type Bench, capistranos, head, remove } from "./bench.ts";

const IDS = ["20260101000000", "20260102000000"] as const;
const [OLD, NEW] = IDS;
const BACK = "back";

/** A switch and a rollback, whole processes, without services and gate: measured together, turn by turn. */
export async function switchRows(bench: Bench): Promise<Row[]> {
  const { place, runs } = bench;
  const tree = makeTree(place, "switch", BARE);
  for (const id of IDS) run(place, tree.command("release/build_release", head(place), "--id", id));
  run(place, tree.command("release/switch_current", OLD));
  const ours: Way[] = [
    {
      column: "switchback",
      name: "switch_current.ts",
      command: () => tree.command("release/switch_current", NEW),
    },
    { column: "switchback", name: BACK, command: () => tree.command("release/rollback") },
  ];
  const cells = await measure(
    place,
    [...ours, teams(bench), ...caps(bench), ...links(bench)],
    place.isHurried ? 1 : runs * 4,
    place.isHurried ? 0 : 1,
  );
  const [forth, back, ...rest] = cells as [Cell, Cell, ...Cell[]];
  return [
    row("switch", "Switch, without services and gate", forth, rest),
    row("rollback", "Rollback, without services and gate", { ...back, name: "rollback.ts" }, rest),
  ];
}

function row(name: string, title: string, own: Cell, rest: Cell[]): Row {
  const cells = [own, ...rest];
  const aims: Aim[] = [
    { text: "the whole process", value: median(own.values), limit: 80, unit: "ms" },
    {
      text: "quicker than rollback.sh",
      value: ratio(cells, "teams", "switchback"),
      limit: 3,
      isAtLeast: true,
      unit: "×",
    },
    {
      text: "quicker than cap deploy:rollback",
      value: ratio(cells, "capistrano", "switchback"),
      limit: 6,
      isAtLeast: true,
      unit: "×",
    },
  ];
  return { name, title, cells, aims: measured(aims) };
}

function teams({ place }: Bench): Way {
  const releases = makeReleases(place, "switch-teams");
  const base = path.dirname(releases);
  for (const id of IDS) {
    run(place, extract(place, head(place), `${releases}/${id}`));
    fs.writeFileSync(`${releases}/${id}/.deploy-meta`, `commit_sha=${head(place)}\n`);
  }
  fs.symlinkSync(`${releases}/${NEW}`, `${base}/current`);
  return {
    column: "teams",
    name: "seed 004's rollback.sh",
    command: (turn) => rollback(base, turn % 2 === 0 ? OLD : NEW),
  };
}

/** Capistrano archives the release that it leaves, and removes it: it gets one of a few small files, so that this costs it nothing. */
const caps = (bench: Bench): Way[] =>
  capistranos(bench, "switch", "").map(({ column, cap }) => ({
    column,
    name: "cap production deploy:rollback",
    prepare: () => {
      remove(bench.place, cap.tree);
      layReleases(cap, [...IDS], (directory) =>
        fs.writeFileSync(path.join(directory, "REVISION"), `${"0".repeat(40)}\n`),
      );
    },
    command: () => cap.command("deploy:rollback"),
  }));

function links({ place }: Bench): Way[] {
  const link = path.join(place.path, "floor-current");
  const to = (turn: number) => `releases/${turn % 2 === 0 ? OLD : NEW}`;
  return [
    { column: "floor", name: "ln -sfn", command: (turn) => ({ program: "ln", words: ["-sfn", to(turn), link] }) },
    {
      column: "floor",
      name: "ln -s, mv -T",
      prepare: () => remove(place, `${link}.new`),
      command: (turn) => bash(`ln -s ${to(turn)} '${link}.new' && mv -T '${link}.new' '${link}'`),
    },
  ];
}
