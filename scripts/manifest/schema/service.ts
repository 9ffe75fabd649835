import * as z from "zod";
import { serviceHealth } from "./health.ts";
import { account, anyPath, duration, env, insidePath, line, listOf, port, schedule } from "./values.ts";

const names = (wanted: string) => listOf(line(wanted), `${wanted}, or a list of them`);

const LISTEN = 'an address in quotes, such as "127.0.0.1:8000" or a socket\'s absolute path';
const socket = z.union(
  [
    line(LISTEN).transform((listen) => ({ listen, proxy: false })),
    z.strictObject({
      listen: line(LISTEN).describe("The address that the manager listens on."),
      proxy: z
        .boolean({ error: "true or false" })
        .default(false)
        .describe("Put systemd-socket-proxyd in front of a service that cannot take the socket as fd 3."),
    }),
  ],
  { error: LISTEN },
);

const container = z.union(
  [
    line("an image's name").transform((image) => ({ image, context: ".", publish: [], volumes: [], options: [] })),
    z.strictObject({
      image: line("an image's name").describe("Image name; its tag is the release id."),
      file: insidePath.optional().describe("The Containerfile; default: the one in context."),
      context: insidePath.prefault(".").describe("The folder to build in, in the release."),
      publish: names("a port mapping").prefault([]).describe("Ports, as podman --publish takes them."),
      volumes: names("a volume").prefault([]).describe("Volumes, as podman --volume takes them."),
      network: line("a network's name").optional().describe("The network to join."),
      options: names("an option").prefault([]).describe("Further arguments of podman run."),
    }),
  ],
  { error: "an image's name, or a map with image" },
);

const RUN = "a command and its arguments on one line (no shell)";

/** One service: durations in ms, lists where one or several may stand, `run` as written. */
export const service = z
  .strictObject({
    run: z
      .string({ error: RUN })
      .regex(/^(?=\s*\S)[^\u0000]+$/, { error: RUN })
      .transform((text) => text.trim())
      .default("")
      .describe("Command and arguments by POSIX word rules, no shell; may be left out only with container."),
    dir: insidePath.prefault(".").describe("Working directory, relative to current."),
    env: env.default({}).describe("Environment variables; values are text."),
    env_file: listOf(anyPath, "a path, or a list of paths")
      .prefault([])
      .describe("Files of NAME=value lines, relative to current."),
    env_required: names("a variable's name")
      .prefault([])
      .describe("Variables that must be set, and not to a placeholder, before a switch starts."),
    port: port.optional().describe("The port it listens on; PORT is set for it."),
    socket: socket.optional().describe("An address that the manager holds open across restarts."),
    health: serviceHealth.optional().describe("How to tell that it is healthy: a path on its port, or a map."),
    user: account.optional().describe("The account it runs as."),
    group: account.optional().describe("The group it runs as."),
    restart: z.enum(["always", "on-failure", "never"]).optional().describe("When the manager starts it again."),
    restart_sec: duration.optional().describe("Pause before it is started again."),
    after: names("a service or unit").prefault([]).describe("Services or units that start before it."),
    wants: names("a service or unit").prefault([]).describe("Services or units that are started with it."),
    instances: names("an instance's name").optional().describe("Instances of a template service, such as web@main."),
    stop_timeout: duration.prefault("10s").describe("How long it may take to stop before it is killed."),
    ready: z
      .enum(["started", "notify"])
      .optional()
      .describe("When the manager takes it as up: once started, or when it says so (sd_notify)."),
    harden: z.boolean({ error: "true or false" }).optional().describe("Run it in a sandbox of the manager."),
    write_paths: listOf(anyPath, "a path, or a list of paths")
      .prefault([])
      .describe("Paths that a hardened service may write to, besides shared/."),
    container: container.optional().describe("Run it in a podman container."),
    schedule: schedule.optional().describe("Cron schedule: it is a job, not a process that stays up."),
    stdout: anyPath.optional().describe("Log of its output; default logs/<service>.log in the tree."),
    stderr: anyPath.optional().describe("Log of its errors; default: the same as its output."),
    unit: z
      .string({ error: "a unit's name" })
      .regex(/^[A-Za-z0-9:_.@%-]+$/, { error: "a unit's name: letters, digits and :_.@-" })
      .optional()
      .describe("Unit name instead of <app>-<service>.service."),
    label: z
      .string({ error: "a launchd label" })
      .regex(/^[A-Za-z0-9._-]+$/, { error: "a launchd label: letters, digits, . - and _" })
      .optional()
      .describe("launchd label instead of <app>.<service>."),
  })
  .superRefine(
    ({ run, container: image }, ctx) => {
      if (run === "" && !image) ctx.addIssue({ code: "custom", message: "run is missing", params: { missing: "run" } });
    },
    // Also when other keys are wrong, so that all errors come at once.
    { when: ({ value }) => typeof value === "object" && value !== null },
  );
