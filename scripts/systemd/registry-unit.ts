import type { Kept } from "../api/kept.ts";
import type { RenderedFile } from "../render/file.ts";
import type { Subject } from "../render/subject.ts";
import { literal } from "./escape.ts";
import { execStart } from "./exec.ts";
import { sandbox } from "./harden.ts";
import { unitOf } from "./names.ts";
import { accountFields } from "./service-unit.ts";
import { ownLogOf, scopeOfUnits } from "./task.ts";
import { unitFile } from "./unit-file.ts";

/** The release API: kept up for ever, in a sandbox in which the registry alone can be written. */
export function renderRegistry(subject: Subject, { name, command, isLocal }: Kept): RenderedFile {
  const { manifest } = subject;
  const reading = { hasInstance: false };
  const log = ownLogOf(subject, name);
  const scope = scopeOfUnits(subject);
  return unitFile(subject, "service", unitOf(manifest, name), {
    Description: `${manifest.app} ${name}: the release API`,
    After: scope === "system" ? "network.target" : "",
    Type: "exec",
    isRestarted: true,
    ...accountFields(subject),
    ExecStart: execStart(
      command.map((text) => [{ text }]),
      { ...reading, dirPath: "/", hasEnvFile: false },
    ),
    Restart: "always",
    RestartSec: "5",
    TimeoutStopSec: "10",
    StandardOutput: `append:${literal(log, reading)}`,
    StandardError: `append:${literal(log, reading)}`,
    sandbox: [...sandboxOf(subject, scope), ...(isLocal && scope === "system" ? LOCAL : [])],
    WantedBy: scope === "user" ? "default.target" : "multi-user.target",
  });
}

/** Where it listens on loopback, it has nothing to say to anybody else. */
const LOCAL = ["IPAddressDeny=any", "IPAddressAllow=localhost"];

/**
 * SQLite makes two files beside a registry that others write, so that a reader has to be able to write in the tree's own folder; what lies
 * below it is not for writing. Processes of root are seen, for those that run an operation are asked for.
 */
function sandboxOf({ manifest, paths }: Subject, scope: "system" | "user"): string[] {
  const below = [paths.releases, paths.shared, paths.backups, paths.logs, paths.run, paths.manifests, paths.suite];
  const port = manifest.registry.serve?.port ?? 0;
  const reach = {
    hasInstance: false,
    read: below,
    write: [paths.deployTo],
    keep: below,
    hidden: [],
    hasLowPort: port < 1024,
  };
  return sandbox(reach, scope).filter((line) => line !== "ProtectProc=invisible");
}
