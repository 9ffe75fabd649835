import * as z from "zod";
import type { RenderedFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import type { Subject } from "../render/subject.ts";
import { renderTemplate } from "../render/template.ts";
import { type LogFile, logFilesOf } from "./log-files.ts";

const input = z.strictObject({
  mark: z.string(),
  size: z.string(),
  rotate: z.int(),
  groups: z.array(z.strictObject({ files: z.array(z.string()).min(1), su: z.string().nullable() })),
});

/**
 * `logrotate/<app>` for logrotate.d (logrotate(8)): every log of services and jobs. In the tree it works as the tree's owner, who
 * could otherwise lead root astray by a link; elsewhere as root. No file where `logs` is not set.
 */
export function renderLogrotate(subject: Subject): RenderedFile[] {
  const { manifest, paths, owner } = subject;
  const files = logFilesOf(subject);
  if (!manifest.logs || files.length === 0) return [];
  const isInTree = ({ path }: LogFile) => path.startsWith(`${paths.deployTo}/`);
  const group = (chosen: LogFile[], su: string | null) =>
    chosen.length > 0 ? [{ files: chosen.map((file) => quotePattern(subject, file)), su }] : [];
  const content = renderTemplate("logrotate/logrotate", input, {
    mark: markOf(paths.deployTo, "ops/logs/install_logrotate.ts"),
    size: sizeFor(manifest.logs.max_size),
    rotate: manifest.logs.keep,
    groups: [
      ...group(files.filter(isInTree), `${owner.name} ${owner.gid ?? owner.name}`),
      ...group(
        files.filter((file) => !isInTree(file)),
        null,
      ),
    ],
  });
  return [{ place: `logrotate/${manifest.app}`, content }];
}

/** logrotate knows the units k, M and G, and no other. */
const sizeFor = (size: string) => size.toLowerCase().replace(/[mg]$/, (unit) => unit.toUpperCase());

/**
 * A path in double quotes, in which nothing is a pattern for glob(7). Braces would begin the block, quoted or not (tried).
 * @throws ManifestError for a path with a brace
 */
function quotePattern(subject: Subject, { path, place }: LogFile): string {
  if (/[{}]/.test(path)) subject.refuse(place, `logrotate cannot express this: ${path} has a brace in it`);
  return `"${path.replaceAll(/[\\"*?[\]]/g, "\\$&")}"`;
}
