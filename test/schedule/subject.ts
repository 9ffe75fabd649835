import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { treePaths } from "../../scripts/core/paths.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { ManifestError } from "../../scripts/manifest/problems.ts";
import { refusing, type Subject } from "../../scripts/render/subject.ts";

const scratch = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "switchback-schedule-"));
process.on("exit", () => fs.rmSync(scratch, { recursive: true, force: true }));

/** The subject of a manifest as the real loader reads it: application `shop`, tree `/srv/shop`, which belongs to anna, user 1501. */
export function subjectOf(manifest: Record<string, unknown>): Subject {
  const file = path.join(fs.mkdtempSync(path.join(scratch, "manifest-")), "deploy.yaml");
  fs.writeFileSync(file, stringify({ app: "shop", deploy_to: "/srv/shop", ...manifest }));
  const loaded = loadManifest({ filePath: file, env: {}, cwd: path.dirname(file) });
  return {
    manifest: loaded.manifest,
    paths: treePaths(loaded.manifest.deploy_to),
    owner: { name: "anna", uid: 1501, home: "/home/anna" },
    refuse: refusing(loaded),
  };
}

/** The first line of the refusal that rendering must end with. */
export function refusalOf(render: () => unknown): string {
  try {
    render();
  } catch (error) {
    if (error instanceof ManifestError) return error.message.split("\n")[0] ?? "";
    throw error;
  }
  throw new Error("it was rendered");
}
