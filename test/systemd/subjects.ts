import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Manifest } from "../../manifest.schema.ts";
import { treePaths } from "../../scripts/core/paths.ts";
import { type LoadedManifest, loadManifest } from "../../scripts/manifest/load.ts";
import { renderSystemd } from "../../scripts/systemd/render.ts";
import { refusing, type Subject } from "../../scripts/render/subject.ts";

/** The five systems, and the desktop's phase 2 under the user's own manager. */
export const SEEDS = ["medc-annot", "aqa-youtube-assistant", "oroboros", "papertok", "my-app"];

/** The subject of a loaded manifest, whose tree is that of `deploy`. */
export const subjectFor = (loaded: LoadedManifest, changes: Partial<Manifest> = {}): Subject => ({
  manifest: { ...loaded.manifest, ...changes },
  paths: treePaths(loaded.manifest.deploy_to),
  owner: { name: "deploy", uid: 1500, home: "/home/deploy" },
  refuse: refusing(loaded),
});

export const seed = (name: string): LoadedManifest =>
  loadManifest({
    filePath: fileURLToPath(new URL(`../../templates/manifests/${name}.yaml`, import.meta.url)),
    env: { HOME: "/home/deploy" },
  });

/** The text of a `deploy.yaml`, loaded. */
export function loadText(text: string): LoadedManifest {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "units-"));
  try {
    const filePath = path.join(folder, "deploy.yaml");
    fs.writeFileSync(filePath, text);
    return loadManifest({ filePath, cwd: folder, env: { HOME: "/home/deploy" } });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Unit → text, of a manifest with these lines after its head; by default its tree is /srv/demo. */
export function unitsOf(lines: string): Record<string, string> {
  const tree = /^deploy_to:/m.test(lines) ? "" : "deploy_to: /srv/demo\n";
  return textsOf(subjectFor(loadText(`app: demo\n${tree}${lines}`)));
}

/** Unit → text, of a subject. */
export const textsOf = (subject: Subject): Record<string, string> =>
  Object.fromEntries(renderSystemd(subject).map(({ place, content }) => [place.replace(/^systemd\//, ""), content]));

/** The values of a directive, in their order. */
export const valuesOf = (unit: string | undefined, key: string): string[] =>
  (unit ?? "").split("\n").flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
