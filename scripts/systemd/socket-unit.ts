import { isIP } from "node:net";
import type { Service } from "../../manifest.schema.ts";
import type { RenderedFile } from "../render/file.ts";
import type { Subject } from "../render/subject.ts";
import { instancesOf } from "../service/definition.ts";
import { definitionOf } from "../service/definitions.ts";
import { sandbox } from "./harden.ts";
import { proxyUnitOf, socketUnitOf, unitOf } from "./names.ts";
import { accountFields } from "./service-unit.ts";
import { scopeOfUnits } from "./task.ts";
import { type Fields, unitFile, refuse } from "./unit-file.ts";

/** The socket that the manager holds for a service, and the proxy behind it where the service cannot take it. */
export function renderSocket(subject: Subject, name: string, service: Service): RenderedFile[] {
  const { manifest } = subject;
  if (!service.socket) return [];
  const { listen, proxy } = service.socket;
  const [, ...others] = instancesOf(name, service);
  if (others.length > 0)
    refuse(
      subject,
      ["services", name, "socket"],
      `is one address, and ${name} has ${others.length + 1} instances: only one can listen there`,
    );
  const problem = addressProblem(listen);
  if (problem !== undefined) refuse(subject, ["services", name, "socket"], problem);
  const unit = service.instances ? `${name}@%i` : name;
  const socket = unitFile(subject, "socket", socketUnitOf(manifest, name), {
    Description: `${manifest.app} ${unit}: its socket`,
    ListenStream: listen,
    ...(proxy ? { Backlog: PROXY_BACKLOG } : {}),
    isForeign: isForeign(listen),
    ...(listen.startsWith("/") ? socketAccess(subject, service) : {}),
    Service: proxy ? proxyUnitOf(manifest, unit) : unitOf(manifest, unit),
  });
  return proxy ? [socket, renderProxy(subject, name, service)] : [socket];
}

/**
 * Anyone on the host may connect, as to a port of 127.0.0.1: what is in front of the service has an account of its own, and
 * which one is the host's affair. A folder that others cannot enter keeps them out.
 */
function socketAccess(
  subject: Subject,
  service: Service,
): Pick<Fields<"socket">, "SocketUser" | "SocketGroup" | "SocketMode"> {
  const { User = "", Group = "" } = accountFields(subject, service);
  return { SocketUser: User, SocketGroup: Group, SocketMode: "0666" };
}

/** The longest path of a socket, in bytes (unix(7)). */
const LONGEST = 107;

function addressProblem(listen: string): string | undefined {
  if (listen.startsWith("/"))
    return Buffer.byteLength(listen) > LONGEST
      ? `is a path of more than ${LONGEST} bytes, which no socket can have`
      : undefined;
  const { host, port } = split(listen);
  if (port < 1 || port > 65_535) return `has the port ${port}: wanted one from 1 to 65535`;
  return host === undefined || isIP(host)
    ? undefined
    : `has the name ${host}: systemd listens on an address, such as 127.0.0.1`;
}

/** An address of a network card, which may come up later than sockets do. */
function isForeign(listen: string): boolean {
  const { host } = split(listen);
  return !listen.startsWith("/") && host !== undefined && !/^(127\.|0\.0\.0\.0$|::1?$)/.test(host);
}

function split(listen: string): { host: string | undefined; port: number } {
  const [, host, port] = /^(?:(.*):)?(\d+)$/.exec(listen) ?? [];
  return { host: host?.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

/**
 * systemd-socket-proxyd looks up its target for each connection and drops the one that finds 256 others being looked up (sd-resolve's
 * QUERIES_MAX), which a door that opens upon a crowd can bring about. Fewer wait in the socket; who comes after them is
 * not turned away, for the kernel answers its next packet.
 */
const PROXY_BACKLOG = 192;

/** Each connection takes six descriptors. */
const MOST_CONNECTIONS = 4096;

/**
 * It stays up while the service restarts, and is started only once the service listens: what it cannot pass on is lost, what
 * waits in the socket is not.
 */
function renderProxy(subject: Subject, name: string, service: Service): RenderedFile {
  const { manifest } = subject;
  const own = service.instances ? `${name}@%i` : name;
  const socket = socketUnitOf(manifest, own);
  const unit = unitOf(manifest, own);
  const [member = name] = instancesOf(name, service);
  const { port } = definitionOf(service, member);
  return unitFile(subject, "service", proxyUnitOf(manifest, name), {
    Description: `${manifest.app} ${own}: its socket's proxy`,
    After: [socket, unit].join(" "),
    Wants: unit,
    Requires: socket,
    isRestarted: true,
    Type: "exec",
    ...accountFields(subject, service),
    ExecStartPre: `/usr/bin/env bash -c "until (: >/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do sleep 0.05; done"`,
    ExecStart: `/usr/lib/systemd/systemd-socket-proxyd --connections-max=${MOST_CONNECTIONS} 127.0.0.1:${port}`,
    LimitNOFILE: String(MOST_CONNECTIONS * 8),
    sandbox: sandbox(
      { read: [], write: [], keep: [], hidden: [], hasLowPort: false, hasInstance: false },
      scopeOfUnits(subject),
    ),
  });
}
