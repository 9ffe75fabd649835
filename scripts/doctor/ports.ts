import net from "node:net";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { supervisorOf } from "../service/definitions.ts";
import { listeners, observeProcess } from "../service/processes.ts";
import { type Finding, orOk, wrong } from "./finding.ts";

/** Ports of the services that somebody else listens on. */
export async function checkPorts(context: Context): Promise<Finding[]> {
  const services = Object.entries(context.manifest.services).flatMap(([name, { port }]) =>
    port === undefined ? [] : [{ name, port }],
  );
  const found = await Promise.all(services.map(({ name, port }) => checkPort(context, name, port)));
  return orOk(
    "ports",
    found.flat(),
    services.length > 0 ? services.map(({ name, port }) => `${name} ${port}`).join(", ") : "none in the manifest",
  );
}

async function checkPort(context: Context, name: string, port: number): Promise<Finding[]> {
  const { processes } = await supervisorOf(context).observe(name);
  const others = listeners(port, processes).filter((pid) => !processes.includes(pid));
  const next = [`ss -ltnp 'sport = :${port}'`, `give services.${name} another port in deploy.yaml`];
  const told = others.map((pid) =>
    wrong(
      "ports",
      `port ${port} of ${name} is used by pid ${pid} (${observeProcess(pid)?.command.slice(0, 80) ?? "?"})`,
      ...next,
    ),
  );
  if (told.length > 0 || processes.length > 0) return told;
  // A process of another user is seen only by what it answers.
  return (await isAnswered(port))
    ? [wrong("ports", `port ${port} of ${name} is used by a process of another user`, ...next)]
    : [];
}

const isAnswered = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1", timeout: 500 });
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket
      .on("connect", () => end(true))
      .on("error", () => end(false))
      .on("timeout", () => end(false));
  });

interface Claim {
  /** `port 8000`, or a path. */
  what: string;
  who: string;
}

/** Ports and paths that two environments on one machine, or two services of one, both claim; pure. */
export function checkShared(environments: { name: string; manifest: Manifest }[]): Finding[] {
  const claims = environments.flatMap(({ name, manifest }) => {
    const hosts = manifest.environments[name]?.hosts ?? ["here"];
    return hosts.flatMap((host) => claimsOf(manifest, name).map(({ what, who }) => ({ what, who, host })));
  });
  const found = new Set<string>();
  for (const [index, one] of claims.entries())
    for (const other of claims.slice(index + 1))
      if (one.host === other.host && one.who !== other.who && isShared(one.what, other.what))
        found.add(
          `${one.who} and ${other.who} share ${one.what}${one.what === other.what ? "" : ` (${other.what} lies in it, or it in that)`}`,
        );
  return orOk(
    "environments",
    [...found].map((line) => wrong("environments", line, "give one of them another in deploy.yaml")),
    describe(environments),
  );
}

const describe = (environments: { name: string }[]) =>
  environments.length > 1
    ? `${environments.map(({ name }) => name).join(", ")} share no port and no path`
    : "no two of them could share a port or a path";

function claimsOf(manifest: Manifest, environment: string): Claim[] {
  const services = Object.entries(manifest.services).flatMap(([name, { port, socket, stdout, stderr }]) => {
    const who = environment === "" ? `service ${name}` : `${environment}.${name}`;
    const logs = [...new Set([stdout, stderr])].filter((file) => file?.startsWith("/"));
    const own = [
      ...(port === undefined ? [] : [`port ${port}`]),
      ...(socket ? [socketOf(socket.listen)] : []),
      ...(logs as string[]),
    ];
    return [...new Set(own)].map((what) => ({ what, who }));
  });
  return [{ what: manifest.deploy_to, who: environment || "the tree" }, ...services];
}

/** An address on a port is that port: the same one on another address is a claim that seldom was meant. */
const socketOf = (listen: string) => (/:(\d+)$/.test(listen) ? `port ${/:(\d+)$/.exec(listen)?.[1]}` : listen);

const isShared = (a: string, b: string) =>
  a === b || (a.startsWith("/") && b.startsWith("/") && (a.startsWith(`${b}/`) || b.startsWith(`${a}/`)));
