import * as z from "zod";
import type { RenderedFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import type { Subject } from "../render/subject.ts";
import { renderTemplate } from "../render/template.ts";

/** What is written into a line of a unit: escaped already, and never a second line. */
const value = z.string().regex(/^[^\0\r\n]*$/);
const optional = value.default("");
const list = z.array(value).default([]);
const port = z.int().optional();

const schemas = {
  service: z.strictObject({
    mark: value,
    Description: value,
    After: optional,
    Wants: optional,
    Requires: optional,
    isRestarted: z.boolean().default(false),
    Type: z.enum(["exec", "notify", "oneshot"]),
    NotifyAccess: optional,
    User: optional,
    Group: optional,
    WorkingDirectory: optional,
    Environment: list,
    EnvironmentFile: list,
    ExecStartPre: optional,
    ExecStart: value.min(1),
    Restart: optional,
    RestartSec: optional,
    TimeoutStartSec: optional,
    TimeoutStopSec: optional,
    KillMode: z.enum(["mixed", "control-group"]).default("mixed"),
    LimitNOFILE: optional,
    StandardOutput: optional,
    StandardError: optional,
    sandbox: list,
    WantedBy: optional,
  }),
  socket: z.strictObject({
    mark: value,
    Description: value,
    ListenStream: value.min(1),
    Backlog: z.int().optional(),
    isForeign: z.boolean(),
    SocketUser: optional,
    SocketGroup: optional,
    SocketMode: optional,
    Service: value.min(1),
  }),
  timer: z.strictObject({
    mark: value,
    Description: value,
    OnCalendar: z.array(value).min(1),
    Persistent: z.enum(["yes", "no"]),
    RandomizedDelaySec: optional,
    Unit: value.min(1),
  }),
  instance: z.strictObject({ mark: value, PORT: port, ExecStart: optional }),
};

/** The fields of a kind of unit file: systemd's own keys. */
export type Fields<Kind extends keyof typeof schemas> = Omit<z.input<(typeof schemas)[Kind]>, "mark">;

/** A unit of a tree, by the template of its kind. */
export function unitFile<Kind extends keyof typeof schemas>(
  { paths }: Subject,
  kind: Kind,
  unit: string,
  fields: Fields<Kind>,
): RenderedFile {
  const mark = markOf(paths.deployTo, "ops/systemd/install_systemd.ts");
  return {
    place: `systemd/${unit}`,
    content: renderTemplate(`systemd/${kind}`, schemas[kind], { mark, ...fields }),
  };
}

/** Milliseconds as systemd.time(7) has them. */
export const timeSpan = (ms: number): string => (ms % 1000 === 0 ? String(ms / 1000) : `${ms}ms`);

/** Refuses a value at its place, in a sentence that begins with its key. @throws ManifestError */
export const refuse = (subject: Subject, path: string[], message: string): never =>
  subject.refuse(path, `${path.join(".")} ${message}`);
