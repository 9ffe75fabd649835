import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { FailedError, UsageError } from "../core/errors.ts";
import type { Platform } from "../remote/connection.ts";
import { gather } from "../setup/bundle.ts";

const PLATFORMS: readonly Platform[] = ["linux-x64", "linux-aarch64"];

/** @throws UsageError for a platform that the role does not know. */
export function checkedPlatforms(names: readonly string[]): Platform[] {
  const wanted = names.length > 0 ? [...new Set(names)] : ["linux-x64"];
  return wanted.map((name) => {
    const found = PLATFORMS.find((known) => known === name);
    if (found) return found;
    throw new UsageError(`--platform: ${JSON.stringify(name)} is none of ${PLATFORMS.join(", ")}`);
  });
}

/** Packs the suite with a platform's runtime into `files/suite-<version>-<platform>.tar.gz`; answers with the version and that place. */
export function packSuite(platform: Platform, folder: string): { version: string; place: string } {
  const bundle = gather(platform, () => undefined);
  const place = path.join("files", `suite-${bundle.version}-${platform}.tar.gz`);
  const [file, taking] = [path.join(folder, place), path.join(folder, "files", `.taking-${platform}`)];
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const { status, stderr } = spawnSync("tar", ["-C", bundle.folder, "-czhf", taking, "."], { encoding: "utf8" });
    if (status !== 0) throw new FailedError(`the suite could not be packed into ${file}: ${stderr.trim()}`);
    fs.renameSync(taking, file);
    return { version: bundle.version, place };
  } finally {
    fs.rmSync(taking, { force: true });
    bundle.remove();
  }
}
