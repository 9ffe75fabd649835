import { portOfAddress } from "../manifest/address.ts";
import type { Subject } from "../render/subject.ts";
import { instancesOf } from "../service/definition.ts";
import { definitionOf } from "../service/definitions.ts";

/** Where a service answers: the path of a unix socket, or a host (IPv6 in its brackets) and a port. */
export type Upstream = { unix: string } | { host: string; port: number };

/** `unix:/run/shop.sock` or `127.0.0.1:8000`. */
export const showUpstream = (upstream: Upstream) =>
  "unix" in upstream ? `unix:${upstream.unix}` : `${upstream.host}:${upstream.port}`;

/** Where a service of the manifest answers. @throws ManifestError at `at` where it answers nowhere */
export function upstreamsOf(subject: Subject, at: PropertyKey[], name: string): Upstream[] {
  const { services } = subject.manifest;
  const service = services[name];
  if (!service) {
    const known = Object.keys(services).join(", ") || "none";
    return subject.refuse(at, `there is no service ${name} in the manifest; it has: ${known}`);
  }
  if (service.schedule) return subject.refuse(at, `${name} is a job: it does not stay up to answer`);
  if (service.socket) return [held(service.socket.listen)];
  const ports = new Set(instancesOf(name, service).map((one) => definitionOf(service, one).port));
  if (ports.has(undefined))
    return subject.refuse(at, `${name} has neither a port nor a socket that it could be asked on`);
  return [...ports].flatMap((port) => (port === undefined ? [] : [{ host: "127.0.0.1", port }]));
}

/** What to connect to, for an address to listen on: the loopback, where that is every address. */
function held(listen: string): Upstream {
  const port = portOfAddress(listen);
  if (port === undefined) return { unix: listen };
  const host = listen.slice(0, -String(port).length).replace(/:$/, "");
  if (host === "" || host === "0.0.0.0") return { host: "127.0.0.1", port };
  return { host: host === "[::]" ? "[::1]" : host, port };
}
