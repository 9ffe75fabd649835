import * as z from "zod";
import type { RenderedFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import type { Subject } from "../render/subject.ts";
import { bytesOf } from "../text/amounts.ts";
import { renderTemplate } from "../render/template.ts";
import { type LogFile, logFilesOf } from "./log-files.ts";

const text = z.string();
const input = z.strictObject({ mark: text, held: z.array(text), lines: z.array(text) });

// No message in the log, no process to signal, gzip (newsyslog.conf(5)).
const FLAGS = "BNZ";
const MODE = "640";

/**
 * `newsyslog/<app>.conf` for newsyslog.d (newsyslog.conf(5)): the logs of jobs. It can only rename, and what a service has open
 * would be written on under its new name and lost with its compression. No file where `logs` is not set.
 */
export function renderNewsyslog(subject: Subject): RenderedFile[] {
  const { manifest, paths, owner } = subject;
  const files = logFilesOf(subject);
  const { logs } = manifest;
  if (!logs || files.length === 0) return [];
  const kilobytes = Math.max(1, Math.ceil(bytesOf(logs.max_size) / 1024));
  const line = (file: LogFile) =>
    [plainPath(subject, file), `${owner.name}:`, MODE, logs.keep, kilobytes, "*", FLAGS].join(" ");
  const content = renderTemplate("newsyslog/newsyslog.conf", input, {
    mark: markOf(paths.deployTo, "ops/host/render.ts"),
    held: files.filter(({ isHeld }) => isHeld).map(({ path }) => path),
    lines: files.filter(({ isHeld }) => !isHeld).map(line),
  });
  return [{ place: `newsyslog/${manifest.app}.conf`, content }];
}

/** @throws ManifestError for a path that ends where newsyslog ends a field */
function plainPath(subject: Subject, { path, place }: LogFile): string {
  if (/[\s#\\]/.test(path))
    subject.refuse(place, `newsyslog cannot express this: ${path} has a blank, a # or a backslash in it`);
  return path;
}
