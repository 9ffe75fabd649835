import fs from "node:fs";
import path from "node:path";
import type { BuildFacts } from "../build/facts.ts";
import { changedBetween, sizesIn } from "../build/git-trees.ts";
import { isUploaded } from "../build/uploaded.ts";
import type { Context } from "../core/context.ts";
import { observeRelease } from "../core/observe.ts";
import { releasePath } from "../core/paths.ts";
import { observeRoom, type Room } from "../core/room.ts";
import { COMPLETE } from "../dependencies/facts.ts";
import { judgeSet, withRelease } from "../dependencies/unused.ts";
import { goingOf, observePrune } from "../release/prune.ts";
import { type Amount, freedBy } from "./freed.ts";
import type { PruneFacts } from "./retention.ts";
import { isRoomFor, needsOf } from "./plan.ts";

/** What a build may take, and what is free. What takes long to find out is there only where the room is tight. */
export interface BuildRoom extends Room {
  /** What the newest release took when it was built. */
  last?: Amount;
  /** Dependency sets that have to be made, each as large as the newest one of its name. */
  sets?: (Amount & { name: string })[];
  /** Of the database, where a migration saves it first. */
  backupBytes?: number;
  /** What of the commit the base does not have. */
  differs?: Amount;
  /** What a prune would take away, and what that really frees. */
  reclaim?: Amount & { prune: PruneFacts };
}

type Facts = Omit<BuildFacts, "room">;

/** Looks at what is free, and at what tells how much a build will take; the size of its source is looked up only where it is tight. */
export async function observeBuildRoom(context: Context, found: Facts): Promise<Pick<BuildFacts, "room" | "source">> {
  const { source } = found;
  const free = observeRoom(context.paths.releases);
  if (found.release.isComplete) return { source, room: free };
  const last = observeLast(context, found);
  const room: BuildRoom = {
    ...free,
    last,
    sets: found.sets
      .filter(({ isComplete }) => !isComplete)
      .map(({ directory, name }) => ({ name, ...newest(directory) })),
    backupBytes: databaseBytes(context),
  };
  if (isUploaded(source)) return { source, room: await roomOfUpload(context, found, room) };
  const atMost = { ...source, bytes: bytesAtMost(context, found) };
  if (isRoomFor(room, needsOf({ ...found, source: atMost, room }))) return { source: atMost, room };
  const facts = { ...found, source: { ...source, bytes: sizeOf(source) } };
  if (isRoomFor(room, needsOf({ ...facts, room }))) return { source: facts.source, room };
  if (facts.base !== undefined) room.differs = observeDifference(context, facts, facts.base);
  if (isRoomFor(room, needsOf({ ...facts, room }))) return { source: facts.source, room };
  return { source: facts.source, room: { ...room, reclaim: await observeReclaim(context, facts) } };
}

// An upload lies here already, and becomes the release by a rename: room is needed for what the build makes of it.
async function roomOfUpload(context: Context, found: Facts, seen: BuildRoom): Promise<BuildRoom> {
  const room = { ...seen, differs: { bytes: 0, files: 0 } };
  return isRoomFor(room, needsOf({ ...found, room }))
    ? room
    : { ...room, reclaim: await observeReclaim(context, found) };
}

/** So many changed paths are looked at one by one; for more of them all of the commit is. */
const FEW = 200;

/** The base and what changed since its commit: never less than the source, and quick to tell. */
function bytesAtMost({ paths }: Context, { source, base }: Facts): number {
  if (base === undefined) return sizeOf(source);
  const { sha, bytes = 0 } = observeRelease(paths, base);
  const changed = [...changedBetween(source.repo, sha, source.sha)];
  if (changed.length > FEW) return sizeOf(source);
  return bytes + (changed.length > 0 ? sizeOf(source, changed) : 0);
}

/** Bytes of a commit's files, or of those at some paths; nothing is known of a working tree. */
const sizeOf = ({ repo, sha, isDirty }: Facts["source"], paths: string[] = []): number =>
  isDirty ? 0 : [...sizesIn(repo, sha, paths).values()].reduce((sum, bytes) => sum + bytes, 0);

function observeLast({ paths }: Context, { tree }: Facts): Amount {
  const standing = new Set(tree.ids);
  const row = [...tree.rows.values()].find(({ bytes, release_id }) => bytes !== null && standing.has(release_id));
  const gone = [...tree.rows.values()].find(({ bytes }) => bytes)?.bytes ?? 0;
  return row
    ? { bytes: row.bytes ?? 0, files: observeRelease(paths, row.release_id).files ?? 0 }
    : { bytes: gone, files: 0 };
}

/** The size of the newest finished set beside one that is to be made. */
function newest(directory: string): Amount {
  const beside = path.dirname(directory);
  const seals = entriesOf(beside)
    .map((name) => path.join(beside, name, COMPLETE))
    .filter((file) => fs.existsSync(file))
    .toSorted((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs);
  const { bytes = 0, files = 0 } = seals[0] ? (JSON.parse(fs.readFileSync(seals[0], "utf8")) as Partial<Amount>) : {};
  return { bytes, files };
}

const entriesOf = (directory: string) => (fs.existsSync(directory) ? fs.readdirSync(directory) : []);

function databaseBytes({ manifest, paths }: Context): number {
  const file = manifest.database?.sqlite;
  if (!manifest.migrate || file === undefined) return 0;
  return fs.statSync(path.join(paths.shared, file), { throwIfNoEntry: false })?.size ?? 0;
}

function observeDifference({ paths }: Context, { source }: Facts, base: string): Amount {
  const changed = changedBetween(source.repo, observeRelease(paths, base).sha, source.sha);
  const own = [...sizesIn(source.repo, source.sha)].filter(([place]) => changed.has(place));
  return { bytes: own.reduce((sum, [, bytes]) => sum + bytes, 0), files: own.length };
}

// What the build takes from other releases, and the sets that it links to, are there until it is done.
async function observeReclaim(context: Context, facts: Facts): Promise<BuildRoom["reclaim"] & object> {
  const { tree, base, steps, sets, id } = facts;
  const seen = await observePrune(context, tree);
  const taken = [base, ...steps.map(({ from }) => from)].flatMap((one) => (one === undefined ? [] : [one]));
  const used = new Map([
    ...taken.map((one): [string, string] => [one, "this build, which takes files from it"]),
    ...seen.used,
  ]);
  const prune = { ...seen, used, deps: withRelease(seen.deps, id, sets) };
  const going = goingOf(context, prune, {});
  const unused = prune.deps.sets.filter((set) => judgeSet(set, going).goes);
  const places = [...going.map((one) => releasePath(context.paths, one)), ...unused.map(({ directory }) => directory)];
  return { prune, ...freedBy(places) };
}
