import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** Where the hosts of this machine are kept: a folder each, named by the last number of its address. */
export const lab = path.join(os.tmpdir(), "switchback-hosts");
const here = import.meta.dirname;

/** What a place tells about its host. */
export interface Place {
  path: string;
  name: string;
  number: number;
  /** Has a keeper: its lock is held. */
  isKept: boolean;
}

const isKept = (place: string) => spawnSync("flock", ["-n", path.join(place, "alive"), "true"]).status === 1;

/** Every host that is here, or of which something is left. */
export function places(): Place[] {
  if (!fs.existsSync(lab)) return [];
  return fs.readdirSync(lab).flatMap((number) => {
    const place = path.join(lab, number);
    if (!/^\d+$/.test(number)) return [];
    const name = path.join(place, "name");
    return [
      {
        path: place,
        name: fs.existsSync(name) ? fs.readFileSync(name, "utf8") : "",
        number: Number(number),
        isKept: isKept(place),
      },
    ];
  });
}

/** False: it is there already. Others may be removing the lab at this moment, for it was empty. */
function isMade(place: string): boolean {
  for (;;) {
    fs.mkdirSync(lab, { recursive: true });
    try {
      fs.mkdirSync(place);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") return false;
      if (code !== "ENOENT") throw error;
    }
  }
}

/** Removes the lab itself, unless there is a host in it. */
export function leaveLab(): void {
  try {
    fs.rmdirSync(lab);
  } catch {
    // Somebody else's host is in it, or it is gone.
  }
}

/** Takes a number, and with it an address, that no other host of this machine has. */
export function claim(name: string): Place {
  if (places().some((place) => place.name === name)) throw new Error(`the host ${name} is up already`);
  for (let number = 2; number < 255; number++) {
    const place = path.join(lab, String(number));
    if (!isMade(place)) continue;
    fs.writeFileSync(path.join(place, "name"), name);
    return { path: place, name, number, isKept: false };
  }
  throw new Error("there are 253 hosts already");
}

/** Removes what is left of hosts whose keeper was killed; a place is claimed up to `grace` ms before it has a keeper. */
export function clearOrphans(grace = 10_000): string[] {
  const orphans = places().filter((place) => !place.isKept && Date.now() - fs.statSync(place.path).ctimeMs >= grace);
  for (const { path: place, name, number } of orphans)
    spawnSync(path.join(here, "clear.bash"), [place, name, String(number)], { stdio: "ignore" });
  leaveLab();
  return orphans.map(({ name }) => name);
}
