import fs from "node:fs";
import path from "node:path";
import { measure, type Way } from "../measure.ts";
import { bash, type Place, run } from "../place.ts";
import { type Aim, measured, ratio, type Row } from "../table.ts";
import { type Bench, capistranos, remove } from "./bench.ts";
import { idOf, makeMany } from "./many.ts";

const FILES = 20;
const KEEP = 5;

/** All but five of many releases are removed; each way gets a copy of the same tree. */
export async function pruneRow(bench: Bench): Promise<Row> {
  const { place, size } = bench;
  const tree = makeMany(place, "prune", size.pruned, FILES);
  const template = `${tree.path}.template`;
  fs.renameSync(tree.path, template);
  const fresh = (into: string) => () => copy(place, template, into);
  const shell = path.join(place.path, "prune-shell");
  const ways: Way[] = [
    {
      column: "switchback",
      name: "prune.ts --keep 5",
      prepare: fresh(tree.path),
      command: () => tree.command("release/prune", "--keep", `${KEEP}`),
    },
    {
      column: "teams",
      name: "ls -1t | tail | xargs rm -rf",
      prepare: fresh(shell),
      command: () => bash(`ls -1t | tail -n +${KEEP + 1} | xargs rm -rf --`, `${shell}/releases`),
    },
    ...capistranos(bench, "prune", "").map(({ column, cap }): Way => ({
      column,
      name: "cap production deploy:cleanup",
      prepare: () => {
        copy(place, template, cap.tree);
        fs.rmSync(`${cap.tree}/current`);
        fs.symlinkSync(`${cap.tree}/releases/${idOf(size.pruned - 1)}`, `${cap.tree}/current`);
      },
      command: () => cap.command("deploy:cleanup", { KEEP: `${KEEP}` }),
    })),
    {
      column: "floor",
      name: "rm -rf",
      prepare: fresh(shell),
      command: () => ({ program: "rm", words: ["-rf", ...old(size.pruned)], cwd: `${shell}/releases` }),
    },
  ];
  const cells = await measure(place, ways, Math.min(bench.runs, 3));
  const left = fs.readdirSync(path.join(tree.path, "releases")).filter((name) => !name.startsWith(".")).length;
  remove(place, tree.path, template, shell);
  const aims: Aim[] = [{ text: "of rm -rf", value: ratio(cells, "switchback", "rm -rf"), limit: 1.2, unit: "×" }];
  const notes = [`${FILES} small files in each; switchback left ${left} releases`];
  return { name: "prune", title: `Prune of ${size.pruned} releases`, cells, aims: measured(aims), notes };
}

const old = (count: number) => Array.from({ length: count - KEEP }, (_, at) => idOf(at));

function copy(place: Place, template: string, into: string): void {
  remove(place, into);
  run(place, { program: "cp", words: ["-a", template, into] });
}
