import * as z from "zod";
import { portOfAddress } from "../address.ts";
import { serviceHealth } from "./health.ts";
import { account, anyPath, duration, env, insidePath, jobSchedule, line, listOf, port } from "./values.ts";

const names = (wanted: string) => listOf(line(wanted), `${wanted}, or a list of them`);

const LISTEN = 'an address in quotes, such as "127.0.0.1:8000", or a socket\'s absolute path';
const listen = line(LISTEN).regex(/^(?:\/[^\s"'\\$%;{}<>]+|(?:[A-Za-z0-9.-]+:|\[[0-9A-Fa-f:.]+\]:)?\d{1,5})$/, {
  error: LISTEN,
});
const socket = z.union(
  [
    listen.transform((address) => ({ listen: address, proxy: false })),
    z.strictObject({
      listen: listen.describe("The address that the manager listens on."),
      proxy: z
        .boolean({ error: "true or false" })
        .default(false)
        .describe("Put systemd-socket-proxyd in front of a service that cannot take the socket as fd 3."),
    }),
  ],
  { error: LISTEN },
);

const IMAGE = "an image's name in small letters, without a tag: its tag is the release id";
const PART = "[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*";
const image = line(IMAGE).regex(new RegExp(`^(?:[A-Za-z0-9.-]+:\\d{1,5}/)?${PART}(?:/${PART})*$`), { error: IMAGE });

interface Container {
  image: string;
  file?: string | undefined;
  context: string;
  publish: string[];
  volumes: string[];
  network?: string | undefined;
  options: string[];
}

const container = z.union(
  [
    image.transform((name): Container => ({ image: name, context: ".", publish: [], volumes: [], options: [] })),
    z.strictObject({
      image: image.describe("Image name; its tag is the release id."),
      file: insidePath
        .optional()
        .describe("The Containerfile, relative to the release; default: Containerfile or Dockerfile in context."),
      context: insidePath.prefault(".").describe("The folder to build in, in the release."),
      publish: names("a port mapping")
        .prefault([])
        .describe("Ports, as podman --publish takes them; default: the service's own port, on 127.0.0.1."),
      volumes: names("a volume")
        .prefault([])
        .describe("Volumes, as podman --volume takes them; ./data and ../../shared/data are relative to the release."),
      network: line("a network's name").optional().describe("The network to join."),
      options: names("an option").prefault([]).describe("Further arguments of podman run, one word each."),
    }),
  ],
  { error: "an image's name, or a map with image" },
);

const INSTANCE = "an instance's name: letters, digits, _ . and -";
const instanceName = line(INSTANCE).regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, { error: INSTANCE });
const INSTANCES = "an instance's name, a list of them, or a map of names with a port each";
const instances = z.union(
  [
    listOf(instanceName, INSTANCES).transform((list): Record<string, { port?: number | undefined }> =>
      Object.fromEntries(list.map((name) => [name, {}])),
    ),
    z.record(
      instanceName,
      z.strictObject({ port: port.optional().describe("The port that this instance listens on.") }),
    ),
  ],
  { error: INSTANCES },
);

const HARDEN = "strict, or off";
const harden = z
  .union([z.enum(["strict", "off"]), z.boolean()], { error: HARDEN })
  .transform((value) => (value === true ? "strict" : value === false ? "off" : value));

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
    instances: instances.optional().describe("Instances of a template service, such as web@main; %i is the name."),
    stop_timeout: duration.prefault("10s").describe("How long it may take to stop before it is killed."),
    ready: z
      .enum(["started", "notify"])
      .optional()
      .describe("When the manager takes it as up: once started, or when it says so (sd_notify)."),
    harden: harden.optional().describe("Run it in a sandbox of the manager: strict (default under systemd) or off."),
    write_paths: listOf(anyPath, "a path, or a list of paths")
      .prefault([])
      .describe("Paths that a hardened service may write to, besides shared/."),
    container: container.optional().describe("Build it into a podman image and run that; run is then its command."),
    schedule: jobSchedule.optional().describe("Cron schedule: it is a job, not a process that stays up."),
    stdout: anyPath.optional().describe("Log of its output; default logs/<service>.log in the tree."),
    stderr: anyPath.optional().describe("Log of its errors; default logs/<service>.log in the tree."),
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
    ({ run, container: contained, socket: held, port: own, schedule }, ctx) => {
      const add = (path: PropertyKey[], message: string) => ctx.addIssue({ code: "custom", path, message });
      if (run === "" && !contained)
        ctx.addIssue({ code: "custom", message: "run is missing", params: { missing: "run" } });
      if (held?.proxy && own === undefined)
        add(["socket"], "needs the service's own port, to which the proxy connects");
      if (held?.proxy && own !== undefined && portOfAddress(held.listen) === own)
        add(["port"], `${own} is the port of socket.listen too: the service behind the proxy needs a port of its own`);
      if (held?.proxy && held.listen.startsWith("/"))
        add(["socket", "listen"], 'is a path, and the proxy can hold a port only, such as "127.0.0.1:8000"');
      if (held && schedule) add(["schedule"], "makes it a job, which holds no socket");
    },
    // Also when other keys are wrong, so that all errors come at once.
    { when: ({ value }) => typeof value === "object" && value !== null },
  );
