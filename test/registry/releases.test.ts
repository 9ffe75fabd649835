import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { DatabaseSync } from "node:sqlite";
import { openDatabase } from "../../scripts/registry/database.ts";
import type { TreeFacts } from "../../scripts/core/observe.ts";
import type { ReleaseStatus } from "../../scripts/core/step.ts";
import {
  getRow,
  isGood,
  isServing,
  listRows,
  setPinned,
  type Upsert,
  upsertRow,
} from "../../scripts/registry/releases.ts";
import { lineBefore } from "../../scripts/release/rollback.ts";
import { makePlace } from "../core/places.ts";

let database: DatabaseSync;
beforeEach(() => {
  database = openDatabase(path.join(makePlace(), "registry.db"));
});

const put = (releaseId: string, status: ReleaseStatus, more: Partial<Upsert> = {}, now?: Date) =>
  upsertRow(database, { releaseId, sha: `sha-of-${releaseId}`, status, ...more }, now);
const statusOf = (id: string) => getRow(database, id)?.status;
const previousOf = (id: string) => getRow(database, id)?.previous_release_id;
const deploy = (id: string) =>
  (["building", "built", "deploying", "deployed"] as const).forEach((status) => void put(id, status));
const rollBack = (id: string) =>
  (["rollback_in_progress", "rolled_back"] as const).forEach((status) => void put(id, status));

const at = (day: number) => new Date(Date.UTC(2026, 10, day, 12, 0, 0, 999));

/** Releases that a rollback without an id could go to, the first of them first. */
function targets(): string[] {
  const rows = listRows(database);
  const releaseId = rows.find(({ status }) => isServing(status))?.release_id;
  const tree = {
    current: { kind: "link", ...(releaseId ? { releaseId } : {}) },
    rows: new Map(rows.map((row) => [row.release_id, row])),
  } as unknown as TreeFacts;
  return lineBefore(tree).filter((id) => isGood(statusOf(id) ?? ""));
}

/** Where a rollback without an id went, each time that it was asked for, until there was nowhere to go; or 50 times. */
function rollBackAgainAndAgain(): string[] {
  const seen: string[] = [];
  for (let [next] = targets(); next && seen.length < 50; [next] = targets()) {
    rollBack(next);
    seen.push(next);
  }
  return seen;
}

describe("a row", () => {
  test("keeps its marker when a later upsert leaves it out, and takes a new one", () => {
    put("r1", "built", { marker: "0042" });
    expect(put("r1", "deployed").migration_marker).toBe("0042");
    expect(put("r1", "replaced", { marker: "0043" }).migration_marker).toBe("0043");
  });

  test("gets deployed_at the first time that it serves, and never again", () => {
    expect(put("r1", "built", {}, at(1)).deployed_at).toBeNull();
    expect(put("r1", "deploying", {}, at(2)).deployed_at).toBeNull();
    expect(put("r1", "deployed", {}, at(3)).deployed_at).toBe("2026-11-03T12:00:00Z");
    put("r2", "deployed", {}, at(4));
    expect(put("r1", "rolled_back", {}, at(5)).deployed_at).toBe("2026-11-03T12:00:00Z");
    expect(put("r3", "rolled_back", {}, at(6)).deployed_at).toBe("2026-11-06T12:00:00Z");
  });

  test("takes a deployed_at that is said, and keeps it", () => {
    expect(put("r1", "built", { deployedAt: "2020-01-01T00:00:00Z" }).deployed_at).toBe("2020-01-01T00:00:00Z");
    expect(put("r1", "deployed").deployed_at).toBe("2020-01-01T00:00:00Z");
    expect(put("r1", "deployed", { deployedAt: "2021-01-01T00:00:00Z" }).deployed_at).toBe("2021-01-01T00:00:00Z");
  });

  test("keeps its commit when none is said", () => {
    put("r1", "built");
    expect(put("r1", "rollback_target_missing", { sha: "" }).commit_sha).toBe("sha-of-r1");
    expect(put("r1", "built", { sha: "other" }).commit_sha).toBe("other");
  });

  test("keeps its size, its pin and its number", () => {
    const { id } = put("r1", "built", { bytes: 5 });
    expect(setPinned(database, "r1", true)).toBe(true);
    put("r2", "built");
    expect(put("r1", "deployed")).toMatchObject({ id, bytes: 5, is_pinned: 1 });
    expect(setPinned(database, "r1", false)).toBe(true);
    expect(getRow(database, "r1")?.is_pinned).toBe(0);
    expect(setPinned(database, "none", true)).toBe(false);
  });

  test("stands before those that were made before it", () => {
    for (const id of ["b", "c", "a"]) put(id, "built");
    put("b", "deployed");
    expect(listRows(database).map((row) => row.release_id)).toEqual(["a", "c", "b"]);
  });
});

describe("what serves", () => {
  test("is one release: the one that it takes the place of is replaced", () => {
    deploy("r1");
    deploy("r2");
    expect([statusOf("r1"), statusOf("r2"), previousOf("r2")]).toEqual(["replaced", "deployed", "r1"]);
  });

  test("or replaced_by_rollback, where an earlier one comes back", () => {
    deploy("r1");
    deploy("r2");
    rollBack("r1");
    expect([statusOf("r1"), statusOf("r2")]).toEqual(["rolled_back", "replaced_by_rollback"]);
  });

  test("stays what it is while another one tries and fails", () => {
    deploy("r1");
    put("r2", "deploying");
    expect([statusOf("r1"), previousOf("r2")]).toEqual(["deployed", "r1"]);
    put("r2", "deploy_failed");
    expect(statusOf("r1")).toBe("deployed");
    put("r1", "deployed");
    expect(getRow(database, "r1")?.activation).toBe(1);
  });
});

describe("a rollback without an id", () => {
  test("goes further back each time, and never forward", () => {
    for (const id of ["r1", "r2", "r3", "r4"]) deploy(id);
    expect(rollBackAgainAndAgain()).toEqual(["r3", "r2", "r1"]);
  });

  test("comes from a new release to the one that served before it, not to one that was left by a rollback", () => {
    for (const id of ["r1", "r2", "r3"]) deploy(id);
    rollBack("r1");
    deploy("r4");
    expect(targets()).toEqual(["r1"]);
  });

  test("never goes to what failed", () => {
    deploy("r1");
    for (const id of ["r2", "r3"])
      for (const status of ["building", "built", "deploying", "deploy_failed"] as const) put(id, status);
    deploy("r4");
    expect(targets()).toEqual(["r1"]);
  });

  test("of a release that was deployed twice does not go round in a circle", () => {
    deploy("r1");
    deploy("r2");
    deploy("r1");
    deploy("r2");
    expect(targets()).toEqual(["r1"]);
  });
});

test("whatever happened: one release serves, rolling back ends, and each target had served", () => {
  let seed = 7;
  const random = (below: number) =>
    Math.floor(((seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32) * below);
  const served = new Set<string>();
  for (let round = 0; round < 400; round++) {
    const id = `r${random(12)}`;
    const isServingNow = isServing(statusOf(id) ?? "");
    const what = random(4);
    if (what === 0 && !isServingNow) put(id, random(2) ? "deploy_failed" : "build_failed");
    else if (what === 1 && targets()[0]) rollBack(targets()[0] as string);
    else if (!isServingNow) {
      deploy(id);
      served.add(id);
    }
    const serving = listRows(database).filter(({ status }) => isServing(status));
    if (served.size > 0) expect(serving).toHaveLength(1);
    const line = targets();
    expect(new Set(line).size).toBe(line.length);
    expect(line).not.toContain(serving[0]?.release_id);
    for (const target of line) expect(served).toContain(target);
  }
  const before = targets();
  expect(before.length).toBeGreaterThan(0);
  expect(rollBackAgainAndAgain()).toEqual(before);
});
