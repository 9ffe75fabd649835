import path from "node:path";
import { type Command, ops, type Place, run } from "../place.ts";
import { type BenchManifest, writeManifest } from "./manifest.ts";

/** A tree of ours, and the command line for it. */
export interface OwnTree {
  path: string;
  /** One of the suite's commands; services and gate are skipped, and so no release of another's application is started. */
  command: (name: string, ...words: string[]) => Command;
}

export function makeTree(place: Place, name: string, manifest: BenchManifest): OwnTree {
  const tree = path.join(place.path, name);
  const file = writeManifest(place, manifest, tree);
  const env = { DEPLOY_SKIP_SERVICE_RESTART: "1", DEPLOY_SKIP_HEALTHCHECK: "1" };
  const command = (task: string, ...words: string[]): Command => ({
    program: ops(task),
    words: [...words, "--manifest", file],
    env,
  });
  run(place, command("release/prepare_shared"));
  return { path: tree, command };
}
