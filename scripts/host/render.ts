import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { writeDurably } from "../core/durable.ts";
import { UsageError } from "../core/errors.ts";
import { renderCaddy } from "../site/caddy.ts";
import { isInMaintenance } from "../site/proxy.ts";
import { maintenanceFlagPath } from "../site/flag.ts";
import { renderNginx } from "../site/nginx.ts";
import { renderTraefik } from "../site/traefik.ts";
import { renderLaunchd } from "../launchd/render.ts";
import { renderLogrotate } from "../logs/logrotate.ts";
import { renderNewsyslog } from "../logs/newsyslog.ts";
import type { RenderedFile } from "../render/file.ts";
import { isMarked } from "../render/mark.ts";
import { type Subject, subjectOf } from "../render/subject.ts";
import { renderPodman } from "../podman/render.ts";
import { renderCron } from "../schedule/crontab.ts";
import { openNeutral } from "../suite/neutral.ts";
import { renderRunbook } from "../suite/runbook.ts";
import { renderSystemd } from "../systemd/render.ts";

interface Target {
  name: string;
  render: (subject: Subject) => RenderedFile[];
  /** Whether the manifest asks for this target: what it cannot express is then an error, and else only told. */
  isUsed: (manifest: Manifest) => boolean;
}

const isRunBy =
  (...supervisors: Manifest["supervisor"][]) =>
  ({ supervisor }: Manifest) =>
    supervisors.includes(supervisor);
const isServedBy =
  (kind: string) =>
  ({ sites }: Manifest) =>
    Object.values(sites).some((site) => site.kind === kind);

const TARGETS: readonly Target[] = [
  { name: "systemd", render: renderSystemd, isUsed: isRunBy("systemd", "systemd-user", "podman") },
  { name: "podman", render: renderPodman, isUsed: isRunBy("systemd-user", "podman") },
  { name: "launchd", render: renderLaunchd, isUsed: isRunBy("launchd") },
  { name: "nginx", render: renderNginx, isUsed: isServedBy("nginx") },
  { name: "caddy", render: renderCaddy, isUsed: isServedBy("caddy") },
  { name: "traefik", render: renderWithFlag, isUsed: isServedBy("traefik") },
  { name: "cron", render: renderCron, isUsed: isRunBy("pidfile") },
  { name: "logrotate", render: renderLogrotate, isUsed: () => false },
  { name: "newsyslog", render: renderNewsyslog, isUsed: () => false },
];

function renderWithFlag(subject: Subject): RenderedFile[] {
  return renderTraefik(subject, { isMaintenance: isInMaintenance(maintenanceFlagPath(subject.paths)) });
}

/** Everything that a manifest can become, and what a target refused. */
export interface Rendered {
  files: RenderedFile[];
  refused: { target: string; message: string; isUsed: boolean }[];
}

/** Renders every target, whatever the manifest's supervisor is. */
export function renderTargets(subject: Subject): Rendered {
  const rendered: Rendered = { files: [], refused: [] };
  for (const { name, render, isUsed } of TARGETS) {
    try {
      rendered.files.push(...render(subject));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      rendered.refused.push({ target: name, message: error.message, isUsed: isUsed(subject.manifest) });
    }
  }
  return rendered;
}

/** `ops/host/render.ts --out DIR`: nothing but the folder is written. @throws UsageError without a folder to write to */
export async function renderInto(context: Context, { out }: { out?: string }) {
  if (!out) throw new UsageError("render writes into a folder", { next: "ops/host/render.ts --out DIR" });
  const folder = path.resolve(out);
  const { loaded, paths, manifest } = context;
  if (loaded.hosts.length > 0 && !path.isAbsolute(manifest.deploy_to))
    throw new UsageError(`${manifest.deploy_to} is another place on each host, and files name the whole of it`, {
      next: `write deploy_to from / on, in ${loaded.file}`,
    });
  const { files, refused } = renderTargets(subjectOf(context));
  const runbook = renderRunbook(openNeutral(loaded.text, path.basename(loaded.filePath), loaded.environment));
  const all = [...files, { place: "RUNBOOK.md", content: runbook }];
  for (const { place, content } of all) {
    fs.mkdirSync(path.dirname(path.join(folder, place)), { recursive: true });
    writeDurably(path.join(folder, place), content, 0o644);
  }
  const removed = removeOthers(folder, all, paths.deployTo);
  const value = { out: folder, files: all.map(({ place }) => place), removed, refused };
  const told = refused.map(({ target, message }) => `not rendered: ${target}\n${message.replaceAll(/^/gm, "  ")}`);
  return {
    value,
    text: [...value.files.map((place) => path.join(out, place)), ...told].join("\n"),
    isWhole: refused.every(({ isUsed }) => !isUsed),
  };
}

/** Takes away what an earlier manifest of this tree rendered here, so that the folder says what is. */
function removeOthers(folder: string, files: readonly RenderedFile[], deployTo: string): string[] {
  const kept = new Set(files.map(({ place }) => place));
  const own = TARGETS.map(({ name }) => name).filter((name) => fs.existsSync(path.join(folder, name)));
  const places = own.flatMap((name) =>
    fs
      .readdirSync(path.join(folder, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name))),
  );
  const stale = places.filter(
    (place) => !kept.has(place) && isMarked(fs.readFileSync(path.join(folder, place), "utf8"), deployTo),
  );
  for (const place of stale) fs.rmSync(path.join(folder, place));
  return stale;
}
