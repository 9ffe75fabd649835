import type { BuildFacts } from "../build/facts.ts";
import { isUploaded } from "../build/uploaded.ts";
import type { Context } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import type { Room } from "../core/room.ts";
import { type Plan, quote } from "../core/step.ts";
import { showBytes } from "../text/amounts.ts";
import type { Amount } from "./freed.ts";
import { planPrune } from "../release/prune.ts";

type Facts = Pick<BuildFacts, "source" | "room" | "tree">;

/**
 * What a build is expected to take: the larger of its source and the last build (where files are shared, what differs in place of
 * the source), the sets that have to be made, and a backup before a migration. On top of the bytes come 5 %, half a block for each
 * file, and 1 MiB for the records; on top of the files a quarter for directories, and 16. An upload is there already.
 */
export function needsOf({ source, room, tree }: Facts): Amount {
  const last = room.last ?? { bytes: [...tree.rows.values()].find((row) => row.bytes)?.bytes ?? 0, files: 0 };
  const made = Math.max(0, last.bytes - source.bytes);
  const bytes = room.differs ? room.differs.bytes + made : Math.max(last.bytes, source.bytes);
  // A file that is shared by reflink takes an inode all the same.
  const files = Math.max(last.files, source.files) - (isUploaded(source) ? source.files : 0);
  const parts = [{ bytes, files }, ...(room.sets ?? []), { bytes: room.backupBytes ?? 0, files: 0 }];
  const total = parts.reduce((a, b) => ({ bytes: a.bytes + b.bytes, files: a.files + b.files }));
  return {
    bytes: Math.ceil(total.bytes * 1.05) + total.files * HALF_BLOCK + RECORDS,
    files: Math.ceil(total.files * 1.25) + 16,
  };
}

const HALF_BLOCK = 2048;
const RECORDS = 1024 * 1024;

export const isRoomFor = (room: Room, { bytes, files }: Amount) => bytes <= room.freeBytes && files <= room.freeFiles;

/** What makes room for a build, when that is needed and can be done. @throws FailedError when there is no room. */
export function planRoom(context: Context, facts: Facts & Pick<BuildFacts, "release">): Plan[] {
  const { release, room } = facts;
  const needed = needsOf(facts);
  if (release.isComplete || isRoomFor(room, needed)) return [];
  // Without the registry nobody can tell which releases may go.
  const reclaim = context.overrides.isRegistrySkipped ? undefined : room.reclaim;
  const said = `about ${show(needed)} are needed, ${show({ bytes: room.freeBytes, files: room.freeFiles })} are free`;
  if (!reclaim || !isRoomFor(after(room, reclaim), needed)) throw noRoom(context, said, reclaim);
  const pruning = planPrune(context, reclaim.prune, {});
  return [{ ...pruning, title: `${pruning.title} first: ${said}, and this gives back ${show(reclaim)}` }];
}

const after = ({ freeBytes, freeFiles }: Room, { bytes, files }: Amount): Room => ({
  freeBytes: freeBytes + bytes,
  freeFiles: freeFiles + files,
});

const show = ({ bytes, files }: Amount) => `${showBytes(bytes)}${Number.isFinite(files) ? ` and ${files} files` : ""}`;

function noRoom({ opsPath, paths }: Context, said: string, reclaim: Amount | undefined): FailedError {
  const place = quote(paths.deployTo);
  const pruned = reclaim && reclaim.files > 0 ? `; a prune would give back ${show(reclaim)}` : "";
  return new FailedError(`no room for a release: ${said}${pruned}`, {
    next: [`${opsPath}/release/prune.ts --keep 2 --keep-days 0`, `df -h ${place}; df -i ${place}; du -sh ${place}/*`],
  });
}
