import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { syncDirectory, writeDurably } from "../core/durable.ts";
import type { Paths } from "../core/paths.ts";

/** While it stands, a service behind a held socket waits in its unit's ExecStartPre, and its clients with it. */
export const holdPath = (paths: Pick<Paths, "run">) => path.join(paths.run, "migrating");

/** Whether a manifest's units hold starts back: its data may be migrated or restored. */
export const isHeldBack = ({ migrate, database }: Pick<Manifest, "migrate" | "database">) =>
  migrate !== undefined || database !== undefined;

/** Durable before a service is stopped: a boot in the middle starts nothing on half-migrated data. */
export function hold(paths: Paths): void {
  fs.mkdirSync(paths.run, { recursive: true });
  writeDurably(holdPath(paths), "", 0o644);
}

/** Whoever starts a service lets all of them through. */
export function endHold(paths: Paths): void {
  if (!fs.existsSync(holdPath(paths))) return;
  fs.rmSync(holdPath(paths), { force: true });
  syncDirectory(paths.run);
}
