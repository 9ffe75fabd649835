import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { inTemporaryFolder } from "../core/temporary.ts";
import type { RenderedFile } from "../render/file.ts";

/** An environment in which Caddy keeps certificates and whatever else it writes below `folder`. */
export const caddyEnv = (folder: string, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => ({
  ...env,
  HOME: folder,
  XDG_CONFIG_HOME: path.join(folder, "config"),
  XDG_DATA_HOME: path.join(folder, "data"),
});

/**
 * What Caddy itself says against a site, looked at alone: without the other sites, listeners, an admin endpoint, or the running
 * Caddy's files. Undefined: nothing.
 */
export function checkCaddy({ place, content }: RenderedFile): string | undefined {
  return inTemporaryFolder("switchback-caddy", (folder) => {
    const site = path.join(folder, path.basename(place));
    const around = path.join(folder, "Caddyfile");
    fs.writeFileSync(site, content);
    fs.writeFileSync(around, `{\n\tadmin off\n}\nimport ${site}\n`);
    const words = ["validate", "--adapter", "caddyfile", "--config", around];
    const { status, stderr, error } = spawnSync("caddy", words, {
      cwd: folder,
      encoding: "utf8",
      env: caddyEnv(folder),
      timeout: 30_000,
    });
    if (error)
      return (error as NodeJS.ErrnoException).code === "ENOENT" ? "caddy is not installed here" : error.message;
    if (status === 0) return undefined;
    return problemIn(stderr).replaceAll(site, path.basename(place)) || `caddy validate ended with ${status}`;
  });
}

// Before it Caddy logs what it did, one JSON object or `{level}` line each.
const problemIn = (stderr: string) =>
  (
    stderr
      .trim()
      .split("\n")
      .findLast((line) => line !== "") ?? ""
  ).replace(/^Error: (?:adapting config using caddyfile: )?/i, "");
