/**
 * A host to look into: `ops/_bun test/hosts/visit.ts up NAME`, then `exec [-u USER] NAME [WORD…]` (a shell without words),
 * `reboot [--hard] NAME`, `down NAME`, `list`. It stays until it is taken down.
 */
import { spawnSync } from "node:child_process";
import { whyNoHosts } from "./able.ts";
import { bootHost, entering, hostIn } from "./host.ts";
import { clearOrphans, places } from "./lab.ts";

const USAGE = "up NAME | exec [-u USER] NAME [WORD…] | reboot [--hard] NAME | down NAME | list";

function placeOf(name: string) {
  const place = places().find((each) => each.isKept && [name, `sb-${name}`].includes(each.name));
  if (!place) throw new Error(`there is no host ${name}; there are: ${names().join(", ") || "none"}`);
  return place;
}
const names = () => places().map(({ name }) => name);

function exec(words: string[]): void {
  const user = words[0] === "-u" ? words.splice(0, 2)[1] : undefined;
  const [name = "", ...command] = words;
  const enter = entering(placeOf(name).path, user === undefined ? {} : { user });
  const [program = "", ...rest] = [...enter, ...(command.length > 0 ? command : ["bash", "-i"])];
  process.exitCode = spawnSync(program, rest, { stdio: "inherit" }).status ?? 1;
}

const [verb, ...words] = process.argv.slice(2);
const last = words.at(-1) ?? "";
if (verb === "up" && last !== "") {
  const why = whyNoHosts();
  if (why !== undefined) throw new Error(why);
  const { name, address, place } = await bootHost(last, { keep: true });
  process.stdout.write(`${name} ${address} ${place}\n`);
} else if (verb === "exec" && last !== "") exec(words);
else if (verb === "reboot" && last !== "") await hostIn(placeOf(last)).reboot({ hard: words.includes("--hard") });
else if (verb === "down" && last !== "") await hostIn(placeOf(last)).down();
else if (verb === "list") {
  clearOrphans();
  process.stdout.write(
    names()
      .map((name) => `${name}\n`)
      .join(""),
  );
} else throw new Error(`usage: ${USAGE}`);
