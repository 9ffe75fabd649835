import type { Subject } from "../render/subject.ts";
import type { Listen, SiteModel } from "./model.ts";

/** One block of a Caddyfile: the addresses that it answers to and the host that it binds to (empty: every one). */
export interface AddressBlock {
  addresses: string;
  bind: string;
}

/**
 * The blocks of a site, one for each host that it listens on. Port 443 is HTTPS with a certificate that Caddy gets by itself, and with
 * it port 80 is left to Caddy's redirect; every other port is plain HTTP.
 */
export function addressBlocks(subject: Subject, site: SiteModel): AddressBlock[] {
  const hosts = [...new Set(site.listens.map(({ host }) => host ?? ""))];
  return hosts.map((bind) => {
    const listens = site.listens.filter(({ host }) => (host ?? "") === bind);
    return { addresses: addressesOf(subject, site, listens).join(", "), bind: bind.replace(/^\[(.*)\]$/, "$1") };
  });
}

function addressesOf(subject: Subject, { key, serverNames }: SiteModel, listens: Listen[]): string[] {
  const ports = listens.map(({ port }) => port);
  const names = serverNames.length === 0 ? [""] : serverNames.map((name) => (name === "_" ? "" : name));
  if (ports.includes(443) && names.includes(""))
    subject.refuse(
      ["sites", key, "listen"],
      "Caddy's port 443 is HTTPS, which needs a server_name for its certificate",
    );
  // Of a longer one Caddy loses the port.
  if (names.some((name) => name.length > 253))
    subject.refuse(["sites", key, "server_name"], "a host name has at most 253 letters");
  const plain = ports.filter((port) => port !== 443 && !(port === 80 && ports.includes(443)));
  return names.flatMap((name) => [
    ...(ports.includes(443) ? [ports.includes(80) ? name : `https://${name}`] : []),
    ...plain.map((port) => (port === 80 && name !== "" ? `http://${name}` : `http://${name}:${port}`)),
  ]);
}
