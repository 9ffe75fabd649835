import path from "node:path";
import type { Service } from "../../manifest.schema.ts";
import type { Word } from "../service/words.ts";
import { execText } from "../systemd/escape.ts";
import type { Task } from "../systemd/task.ts";
import { refuse } from "../systemd/unit-file.ts";
import { fullName } from "./image.ts";

type Container = NonNullable<Service["container"]>;

/** A service in a container on its way into a unit. */
export interface ContainerTask extends Task {
  container: Container;
}

/** What stands for the release in every unit: systemd fills it from RELEASE.env at each start (systemd.service(5)). */
const RELEASE = "${RELEASE_ID}";

/** The image of the release that is current, as a word of a command line. */
export const currentImage = ({ container }: ContainerTask) => `${fullName(container.image)}:${RELEASE}`;

/** Options of `podman run` that a manifest decides, each a word of a command line by systemd's rules, and not quoted yet. */
export function runOptions(task: ContainerTask): string[] {
  const { container, service, definition } = task;
  const text = (value: string) => execText(value, task);
  const account = [service.user, service.group].filter((one) => one !== undefined).join(":");
  return [
    // What is missing was never built: nothing is fetched in its place.
    "--pull=never",
    // To the unit's own output, and so into the log.
    "--log-driver=passthrough",
    `--stop-timeout=${stopSeconds(service)}`,
    ...publishOf(task).map((mapping) => `--publish=${text(mapping)}`),
    ...container.volumes.map((volume) => `--volume=${text(volumeOf(task, volume))}`),
    ...(container.network === undefined ? [] : [`--network=${text(container.network)}`]),
    ...(account === "" ? [] : [`--user=${text(account)}`]),
    ...definition.env_file.map((file) => `--env-file=${text(path.resolve(task.subject.paths.current, file))}`),
    ...Object.entries(environmentOf(task)).map(([name, value]) => `--env=${name}=${text(value)}`),
    `--env=RELEASE_ID=${RELEASE}`,
    ...container.options.map(text),
  ];
}

/** The container's command behind its image. @throws ManifestError for a variable that only a start knows */
export const runCommand = (task: ContainerTask): string[] => task.words.map((word) => wordText(task, word));

function wordText(task: ContainerTask, word: Word): string {
  const values = environmentOf(task);
  const parts = word.map((part) => {
    if ("text" in part) return execText(part.text, task);
    if (part.variable === "RELEASE_ID") return RELEASE;
    const value = values[part.variable];
    if (value !== undefined) return execText(value, task);
    return refuse(
      task.subject,
      ["services", task.name, "run"],
      `names \${${part.variable}}, which is filled outside of the container: only names of env, PORT and RELEASE_ID are known there`,
    );
  });
  return parts.join("");
}

/** What the manifest sets; PORT is the one inside the container. */
function environmentOf(task: ContainerTask): Record<string, string> {
  const { PORT, ...env } = task.definition.env;
  const port = portInside(task) ?? PORT;
  return port === undefined ? env : { ...env, PORT: port };
}

/** In whole seconds, as podman takes it. */
export const stopSeconds = ({ stop_timeout: ms }: Service) => Math.max(1, Math.ceil(ms / 1000));

const OWN_PORTS = /^(?:host|none|container:.*|ns:.*)$/;

function publishOf({ container, definition: { port } }: ContainerTask): string[] {
  if (container.publish.length > 0 || port === undefined || OWN_PORTS.test(container.network ?? ""))
    return container.publish;
  return [`127.0.0.1:${port}:${port}`];
}

/** The port in the container behind the service's own: `127.0.0.1:8081:8080` for 8081 is 8080. */
function portInside(task: ContainerTask): string | undefined {
  const { port } = task.definition;
  if (port === undefined) return undefined;
  const inside = publishOf(task).flatMap((mapping) => {
    const [, host, own] = /(?:^|:)(\d+):(\d+)(?:\/tcp)?$/.exec(mapping) ?? [];
    return own !== undefined && Number(host) === port ? [own] : [];
  });
  return inside[0] ?? String(port);
}

/** Podman takes no relative path: one is as it would be in the release, where `../../shared` is the tree's. */
function volumeOf({ subject, name }: ContainerTask, volume: string): string {
  const { paths } = subject;
  const [source = "", ...rest] = volume.split(":");
  if (!/^\.{1,2}(?:\/|$)/.test(source)) return volume;
  const release = path.join(paths.releases, "release");
  const place = path.resolve(release, source);
  const isInside = place === release || place.startsWith(`${release}/`);
  const named = isInside ? path.join(paths.current, path.relative(release, place)) : place;
  if (named.includes(":"))
    refuse(subject, ["services", name, "container"], `has the volume ${named}, and podman takes no : in its path`);
  return [named, ...rest].join(":");
}
