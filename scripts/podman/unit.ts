import path from "node:path";
import * as z from "zod";
import type { Service } from "../../manifest.schema.ts";
import type { RenderedFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import type { Subject } from "../render/subject.ts";
import { renderTemplate } from "../render/template.ts";
import { patternPath, quoted } from "../systemd/escape.ts";
import { lifeOf, linksOf, logsOf, waitFor } from "../systemd/service-unit.ts";
import { taskOf, wholePathOf } from "../systemd/task.ts";
import { timeSpan } from "../systemd/unit-file.ts";
import { unitOf } from "../systemd/names.ts";
import { containerOf } from "./image.ts";
import { type ContainerTask, currentImage, runCommand, runOptions, stopSeconds } from "./run-words.ts";

/** How systemd learns of a container: by a unit of its own, or by a file from which podman's generator makes one (podman-systemd.unit(5)). */
export type Form = "service" | "container";

const value = z.string().regex(/^[^\0\r\n]*$/);

const schema = z.strictObject({
  mark: value,
  Description: value,
  After: value,
  Wants: value,
  isRestarted: z.boolean(),
  WorkingDirectory: value,
  EnvironmentFile: value,
  ExecStartPre: value,
  TimeoutStartSec: value,
  TimeoutStopSec: value,
  Restart: value,
  RestartSec: value,
  StandardOutput: value,
  StandardError: value,
  WantedBy: value,
  ContainerName: value,
  Image: value,
  options: z.array(value),
  Exec: value,
});

/** What podman may need besides the time that a container has to stop, in seconds. */
const PODMAN_TIME = 20;

/** A service's container as a file for systemd: `podman/my-app.service`, or `podman/my-app.container`. */
export function renderContainer(subject: Subject, name: string, service: Service, form: Form): RenderedFile {
  const { container } = service;
  if (!container) throw new Error(`${name} has no container`);
  const task: ContainerTask = { ...taskOf(subject, name, service), container };
  const { manifest, paths } = subject;
  const { After = "", Wants = "" } = linksOf(task);
  const { ExecStartPre = "", TimeoutStartSec = "" } = waitFor(task);
  const { isRestarted, Restart, RestartSec, WantedBy } = lifeOf(task);
  const stem = unitOf(manifest, name).replace(/\.service$/, "");
  const content = renderTemplate(`podman/${form}`, schema, {
    mark: markOf(paths.deployTo, "ops/systemd/install_systemd.ts"),
    Description: `${manifest.app} ${name}`,
    After,
    Wants,
    isRestarted,
    // Also what keeps the release in use for as long as its container runs.
    WorkingDirectory: wholePathOf(task, "dir", paths.current),
    EnvironmentFile: patternPath(path.join(paths.current, "RELEASE.env"), task),
    ExecStartPre,
    TimeoutStartSec,
    TimeoutStopSec: timeSpan((stopSeconds(service) + PODMAN_TIME) * 1000),
    Restart,
    RestartSec,
    ...logsOf(task),
    WantedBy,
    ContainerName: containerOf(manifest, name),
    Image: quoted(currentImage(task)),
    options: runOptions(task).map(quoted),
    Exec: runCommand(task).map(quoted).join(" "),
  });
  return { place: `podman/${stem}.${form}`, content };
}
