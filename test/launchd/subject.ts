import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import { treePaths } from "../../scripts/core/paths.ts";
import { renderLaunchd } from "../../scripts/launchd/render.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { refusing, type Subject } from "../../scripts/render/subject.ts";

const scratch = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "switchback-launchd-"));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

/** The subject of a manifest as the real loader reads it; its tree belongs to anna, who is user 501. */
export function subjectOfText(text: string, owner = { name: "anna", uid: 501, home: "/Users/anna" }): Subject {
  const file = path.join(fs.mkdtempSync(path.join(scratch, "manifest-")), "deploy.yaml");
  fs.writeFileSync(file, text);
  const loaded = loadManifest({ filePath: file, env: { HOME: owner.home }, cwd: path.dirname(file) });
  return {
    manifest: loaded.manifest,
    paths: treePaths(loaded.manifest.deploy_to),
    owner,
    refuse: refusing(loaded),
  };
}

/** A manifest as text: JSON, in which every character can be written. */
export const textOf = (manifest: Record<string, unknown>) =>
  JSON.stringify(manifest, null, 2).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

export const subjectOfManifest = (manifest: Record<string, unknown>, owner?: Subject["owner"]) =>
  subjectOfText(textOf({ app: "shop", deploy_to: "/srv/shop", ...manifest }), owner);

/** The files of a manifest: name without its ending → text. */
export const rendered = (subject: Subject): Record<string, string> =>
  Object.fromEntries(renderLaunchd(subject).map(({ place, content }) => [path.basename(place, ".plist"), content]));

export type Plist = Record<string, unknown> & {
  Label: string;
  ProgramArguments: string[];
  EnvironmentVariables: Record<string, string>;
};

const PYTHON = `
import json, plistlib, sys
json.dump(plistlib.loads(sys.stdin.buffer.read()), sys.stdout)
`;

/** As Python's plistlib (expat) reads it. */
export function readByPython(xml: string): Plist {
  const { status, stdout, stderr } = spawnSync("/usr/bin/python3", ["-c", PYTHON], { input: xml, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Plist;
}

/** As libplist reads it: to its binary form, which no parser of XML has touched, and that read back. It tells errors by word only. */
export function readByLibplist(xml: string): Plist {
  const from = path.join(scratch, "one.plist");
  const to = path.join(scratch, "one.bplist");
  fs.writeFileSync(from, xml);
  fs.rmSync(to, { force: true });
  const { stdout, stderr } = spawnSync("plistutil", ["-i", from, "-f", "bin", "-o", to], { encoding: "utf8" });
  if (/ERROR/.test(stdout + stderr) || !fs.existsSync(to)) throw new Error(`plistutil: ${stdout}${stderr}`);
  const read = spawnSync("/usr/bin/python3", ["-c", PYTHON], { input: fs.readFileSync(to), encoding: "utf8" });
  if (read.status !== 0) throw new Error(read.stderr);
  return JSON.parse(read.stdout) as Plist;
}
