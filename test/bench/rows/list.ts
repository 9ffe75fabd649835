import { measure, type Way } from "../measure.ts";
import type { Row } from "../table.ts";
import { type Bench, remove } from "./bench.ts";
import { makeMany } from "./many.ts";

/** A list of very many releases: the newest of them for a person, and all of them for a program. */
export async function listRow({ place, size, runs }: Bench): Promise<Row> {
  const tree = makeMany(place, "list", size.listed, 2);
  const releases = `${tree.path}/releases`;
  const ways: Way[] = [
    { column: "switchback", name: "list.ts", command: () => tree.command("release/list") },
    { column: "teams", name: "ls -la releases", command: () => ({ program: "ls", words: ["-la", releases] }) },
    { column: "floor", name: "ls releases", command: () => ({ program: "ls", words: [releases] }) },
  ];
  const cells = await measure(place, ways, runs, place.isHurried ? 0 : 1);
  remove(place, tree.path);
  return { name: "list", title: `List with ${size.listed} releases`, cells, aims: [] };
}
