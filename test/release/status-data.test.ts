import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contextOf } from "../../scripts/core/context.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { openDatabase } from "../../scripts/registry/database.ts";
import { setMarker, upsertRow } from "../../scripts/registry/releases.ts";
import { observeStatus, renderStatus } from "../../scripts/release/status.ts";
import { makePlace, type Place } from "../doctor/place.ts";

let place: Place;
beforeEach(() => void (place = makePlace()));
afterEach(() => fs.rmSync(place.path, { recursive: true }));

const observe = () =>
  observeStatus(contextOf(loadManifest({ filePath: path.join(place.path, "app/deploy.yaml"), env: {} })));
const NOW = new Date("2026-11-20T22:00:00Z");

test("a manifest without a database has no line about it", async () => {
  place.manifest("");
  place.deploy();
  const status = await observe();
  expect(status.database).toBeNull();
  expect(renderStatus(status, NOW)).not.toMatch(/schema/);
});

test("the schema of the release that is current, and the age of the newest backup", async () => {
  place.manifest("linked_dirs: [data]\ndatabase: { sqlite: data/a.db }\n");
  place.deploy();
  expect(renderStatus(await observe(), NOW)).toContain("schema not known, no backup yet");
  const database = openDatabase(path.join(place.tree, "registry.db"));
  upsertRow(database, { releaseId: "r1", sha: "a", status: "deployed" });
  setMarker(database, "r1", "4f2a (head)");
  database.close();
  for (const [id, at] of [
    ["a", "2026-11-19T04:00:00Z"],
    ["b", "2026-11-20T04:00:00Z"],
  ])
    place.put({ [`backups/${id}/BACKUP.json`]: JSON.stringify({ created_at: at, reason: "scheduled" }) });
  const status = await observe();
  expect(status.database).toEqual({ schema: "4f2a (head)", last_backup_at: "2026-11-20T04:00:00Z" });
  expect(renderStatus(status, NOW)).toContain("schema 4f2a (head), backed up 2026-11-20 04:00:00 UTC (18 h ago)");
});
