import type { Kind } from "../outbox.ts";

/** A column of one of our tables, which have what the host's own registry has. */
type Column = [name: string, type: string];

const column =
  (type: string) =>
  (name: string): Column => [name, type];
const texts = (...names: string[]) => names.map(column("text"));
const whole = (...names: string[]) => names.map(column("bigint"));

/** What a host tells of each row, and by what its tree tells the rows apart. */
export const TABLES: Record<Kind, { name: string; key: string[]; columns: Column[]; hasHost: boolean }> = {
  releases: {
    name: "switchback_releases",
    key: ["release_id"],
    hasHost: true,
    columns: [
      ...whole("id"),
      ...texts("release_id", "commit_sha", "migration_marker", "status", "deployed_at", "previous_release_id"),
      ...whole("activation", "is_pinned", "bytes"),
      ...texts("updated_at"),
      ...whole("own_bytes"),
    ],
  },
  operations: {
    name: "switchback_operations",
    key: ["id"],
    hasHost: false,
    columns: [
      ...texts("id", "kind", "release_id", "previous_release_id", "previous_link", "status_before", "arguments"),
      ...whole("pid"),
      ...texts("host", "user", "started_at", "finished_at"),
      ...whole("has_touched"),
      ...texts("outcome"),
      ...whole("exit_code"),
      ...texts("message"),
    ],
  },
  steps: {
    name: "switchback_steps",
    key: ["operation_id", "seq"],
    hasHost: false,
    columns: [
      ...texts("operation_id"),
      ...whole("seq"),
      ...texts("key", "title", "started_at"),
      ["duration_ms", "double precision"],
      ...texts("outcome"),
    ],
  },
};

/** All of ours, for a GRANT. */
export const OUR_TABLES = ["switchback_schema", "switchback_trees", ...Object.values(TABLES).map(({ name }) => name)];
