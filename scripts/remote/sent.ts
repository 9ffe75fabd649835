import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { standing, writeDurably } from "../core/durable.ts";
import { giveToOwner } from "../core/owner.ts";
import type { Paths } from "../core/paths.ts";
import { renderWithTrailer } from "../manifest/trailer.ts";
import type { Header } from "./header.ts";

/** Manifests that are kept. */
const KEPT = 20;

export const sentPath = (paths: Paths) => path.join(paths.run, "sent");

/** The manifest as it is for this host, and the name that its content gives it. */
export function sentManifest({ manifest, deployTo, environment, host }: Header): { name: string; text: string } {
  const text = renderWithTrailer(manifest, { originPath: deployTo, deployTo, environment, host });
  return { name: `${createHash("sha256").update(text).digest("hex").slice(0, 16)}.yaml`, text };
}

/** Writes `run/sent/<hash>.yaml`, readable by its owner only, and keeps the newest ones. Answers with its path. */
export function keepManifest(paths: Paths, header: Header): string {
  const { name, text } = sentManifest(header);
  const folder = sentPath(paths);
  const file = path.join(folder, name);
  fs.mkdirSync(paths.run, { recursive: true });
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isSame(file, text)) fs.utimesSync(file, new Date(), new Date());
  else writeDurably(file, text, 0o600);
  giveToOwner(paths.deployTo, [paths.run, folder, file]);
  dropOld(folder);
  return file;
}

const isSame = (file: string, text: string) => standing(file)?.isFile() && fs.readFileSync(file, "utf8") === text;

function dropOld(folder: string): void {
  const files = fs.readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name);
    const stat = standing(file);
    return stat ? [{ file, time: stat.mtimeMs }] : [];
  });
  for (const { file } of files.toSorted((one, other) => other.time - one.time).slice(KEPT))
    fs.rmSync(file, { force: true });
}
