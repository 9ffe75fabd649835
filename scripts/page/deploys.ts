import type { ListedOperation, Reader } from "../api/reader.ts";
import { isGood, type ReleaseRow } from "../registry/releases.ts";

/** How many of the latest operations are read at one go: a page of releases is mostly among them. */
const RECENT = 200;
const OF_ONE = 20;

/** What made a release serve, or would have: by its worth for the question how long that took. */
const KINDS = ["deploy", "switch", "promote", "rollback", "build"];

/** The operation that deployed each of the releases, by release id; none for one that came from elsewhere. */
export async function observeDeploys(
  reader: Reader,
  rows: ReleaseRow[],
  isNewest: boolean,
): Promise<Map<string, ListedOperation>> {
  const recent = isNewest ? await reader.operations({ limit: RECENT }) : [];
  const found = rows.map(async ({ release_id }): Promise<[string, ListedOperation][]> => {
    const best =
      bestOf(recent.filter((operation) => operation.release_id === release_id)) ??
      bestOf(await reader.operations({ limit: OF_ONE, releaseId: release_id }));
    return best ? [[release_id, best]] : [];
  });
  return new Map((await Promise.all(found)).flat());
}

function bestOf(operations: ListedOperation[]): ListedOperation | undefined {
  const worth = ({ kind }: ListedOperation) => KINDS.indexOf(kind);
  return operations.filter((one) => worth(one) >= 0).toSorted((a, b) => worth(a) - worth(b))[0];
}

/** So far back is looked for a rollback's target. */
const LONGEST_LINE = 50;

/** The release that a rollback without an id goes to, as far as the registry knows: the latest good one that served before. */
export async function observeTarget(reader: Reader, currentId: string): Promise<string | undefined> {
  const seen = new Set([currentId]);
  let row = await reader.release(currentId);
  while (row?.previous_release_id && seen.size < LONGEST_LINE && !seen.has(row.previous_release_id)) {
    seen.add(row.previous_release_id);
    row = await reader.release(row.previous_release_id);
    if (row && isGood(row.status)) return row.release_id;
  }
  return undefined;
}
