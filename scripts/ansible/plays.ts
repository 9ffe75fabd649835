import type { LoadedManifest } from "../manifest/loaded.ts";
import { groupOf } from "./variables.ts";

const part = (name: string, tasks: string) => ({
  name,
  "ansible.builtin.import_role": { name: "switchback", tasks_from: tasks },
});

/** One host after another, or as many at a time as the environment says; the first one that fails ends it. */
const inBatches = (loaded: LoadedManifest) => ({
  serial: loaded.manifest.environments[loaded.environment ?? ""]?.serial ?? 1,
  max_fail_percentage: 0,
});

/** Facts for `~` and for the platform. */
const facts = { gather_facts: true, gather_subset: ["min"] };

/** `deploy.yml`: prepared everywhere first, then switched in batches. */
export const deployPlays = (loaded: LoadedManifest) => [
  {
    name: "Prepare the release on every host",
    hosts: groupOf(loaded),
    ...facts,
    any_errors_fatal: true,
    tasks: [part("Prepare", "prepare")],
  },
  {
    name: "Switch to it, batch after batch",
    hosts: groupOf(loaded),
    ...inBatches(loaded),
    ...facts,
    tasks: [part("Switch", "switch")],
  },
];

/** `rollback.yml`: to the release that served before, or to `-e switchback_release_id=ID`. */
export const rollbackPlays = (loaded: LoadedManifest) => [
  {
    name: "Roll back, batch after batch",
    hosts: groupOf(loaded),
    ...inBatches(loaded),
    ...facts,
    tasks: [part("Roll back", "rollback")],
  },
];
