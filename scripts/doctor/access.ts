import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { quote } from "../core/step.ts";
import { whichOfRoot } from "./probe.ts";

/** An account of this host, with all groups that it is in. */
export interface Reader {
  name: string;
  uid: number;
  gids: number[];
}

const fields = (file: string) =>
  fs
    .readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.split(":"));

/** Looks an account up by its name or number, with a group beside its own; undefined: there is none. */
export function readerOf(account: string, group?: string): Reader | undefined {
  const [name, , uid, gid] =
    fields("/etc/passwd").find(([known, , number]) => known === account || number === account) ??
    askedOf(account) ??
    [];
  if (name === undefined) return undefined;
  const groups = fields("/etc/group").flatMap(([known, , number, members = ""]) =>
    members.split(",").includes(name) || known === group || number === group ? [Number(number)] : [],
  );
  return { name, uid: Number(uid), gids: [Number(gid), ...groups] };
}

/** Where accounts live elsewhere (macOS, LDAP) id(1) knows them. */
function askedOf(account: string): [name: string, secret: string, uid: string, gid: string] | undefined {
  const ask = (flag: string) => spawnSync("id", [flag, account], { encoding: "utf8" });
  const uid = ask("-u");
  return uid.status === 0 ? [account, "", uid.stdout.trim(), ask("-g").stdout.trim()] : undefined;
}

/** The bits of a mode: 4 to read, 2 to write, 1 to enter. */
const BITS = { r: 4, w: 2, x: 1 } as const;
type Bit = keyof typeof BITS;

export interface Obstacle {
  /** Where an account does not get on. */
  place: string;
  /** What it lacks there: `x`, `rx`. */
  lacks: string;
  /** What to type. */
  next: string;
}

/**
 * What keeps an account from using a place: every directory on the way has to be entered, the place itself to have `wanted`
 * (`rx` of a directory that is read). Links are followed; access control lists count. A place that is not there is no obstacle.
 */
export function obstacles(reader: Reader, place: string, wanted: string): Obstacle[] {
  if (reader.uid === 0) return [];
  const way = [...new Set([...directoriesAbove(place), ...directoriesAbove(real(place))])];
  const found = way.flatMap((directory) => obstacle(reader, directory, "x") ?? []);
  return found.length > 0 ? found : [obstacle(reader, place, wanted) ?? []].flat();
}

function directoriesAbove(place: string): string[] {
  const above = path.dirname(place);
  return above === place ? [] : [...directoriesAbove(above), above];
}

function real(place: string): string {
  try {
    return fs.realpathSync(place);
  } catch {
    return place;
  }
}

function obstacle(reader: Reader, place: string, wanted: string): Obstacle | undefined {
  const stat = stated(place);
  if (!stat) return undefined;
  const theirs = classOf(reader, stat);
  const without = (bits: number, signs = wanted) =>
    signs
      .split("")
      .filter((bit) => (bits & BITS[bit as Bit]) === 0)
      .join("");
  const byMode = (stat.mode >> SHIFTS[theirs]) & 7;
  if (without(byMode) === "") return undefined;
  const bits = theirs === "u" ? byMode : (listedBits(reader, place) ?? byMode);
  const lacks = without(bits);
  if (lacks === "") return undefined;
  // An entry of its own takes the place of what the account had from its groups, or as anybody.
  const rights = `u:${reader.name}:${["r", "w", "x"].filter((bit) => without(bits, bit) === "" || lacks.includes(bit)).join("")}`;
  // Others may enter a directory without seeing what is in it; more than that is given to this account alone.
  const next =
    theirs === "u" || lacks === "x" || !whichOfRoot("setfacl")
      ? `chmod ${theirs}+${lacks} ${quote(place)}`
      : `setfacl -m ${rights} ${quote(place)}`;
  return { place, lacks, next };
}

function stated(place: string): fs.Stats | undefined {
  try {
    return fs.statSync(place, { throwIfNoEntry: false });
  } catch {
    return undefined; // What lies behind a directory that we may not enter ourselves is not known.
  }
}

/** Whose bits of a mode are an account's: its owner's, its group's, or anybody's. */
const classOf = ({ uid, gids }: Reader, { uid: owner, gid }: fs.Stats): Class =>
  uid === owner ? "u" : gids.includes(gid) ? "g" : "o";

const SHIFTS = { u: 6, g: 3, o: 0 } as const;
type Class = keyof typeof SHIFTS;

/** What an access control list gives an account by name, in place of all else (acl(5)); undefined where it does not name it. */
function listedBits({ name }: Reader, place: string): number | undefined {
  const getfacl = whichOfRoot("getfacl");
  if (!getfacl) return undefined;
  const { stdout } = spawnSync(getfacl, ["-c", "-p", "--", place], { encoding: "utf8" });
  const bits = (line: string) => {
    const signs = new RegExp(`^${line}:([rwx-]{3})`, "m").exec(stdout)?.[1];
    return signs?.split("").reduce((sum, sign) => sum + (BITS[sign as Bit] ?? 0), 0);
  };
  const own = bits(`user:${name.replaceAll(/[.$]/g, "\\$&")}`);
  return own === undefined ? undefined : own & (bits("mask:") ?? 7);
}
