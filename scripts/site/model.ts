import path from "node:path";
import { domainToASCII } from "node:url";
import type { Site } from "../../manifest.schema.ts";
import type { Subject } from "../render/subject.ts";
import { maintenanceFlagPath } from "./flag.ts";
import { type Upstream, upstreamsOf } from "./upstream.ts";

/** What a site is to any proxy; paths are absolute, places are URL paths as the manifest has them. */
export interface SiteModel {
  /** Its key in the manifest: its values stand at `["sites", key, …]`. */
  key: string;
  kind: Site["kind"];
  /** `<app>-<site>`: the name of its file. */
  name: string;
  /** In ASCII (punycode), small; `*.` in front and `_` (any) as the manifest has them. */
  serverNames: string[];
  listens: Listen[];
  /** Under `current`. */
  rootPath?: string | undefined;
  isSpa: boolean;
  /** A place that ends in `/` stands for everything below it, any other one for itself. */
  noStore: string[];
  immutable: string[];
  aliases: Alias[];
  routes: Route[];
  maintenance?: Maintenance | undefined;
  retry?: { attempts: number; intervalMs: number } | undefined;
  /** Traefik's; empty: the manifest names none. */
  entryPoints: string[];
  /** Where it is installed, if the manifest says so. */
  filePath?: string | undefined;
}

export interface Listen {
  /** Absent: every address. IPv6 in its brackets. */
  host?: string | undefined;
  port: number;
}

export interface Alias {
  /** Ends in `/`. */
  place: string;
  /** A folder, without a slash at its end. */
  path: string;
  maxAgeSeconds?: number | undefined;
}

/** Every path that begins with `place` goes to a service. */
export interface Route {
  place: string;
  service: string;
  /** One for each instance; a held socket is one for all. */
  upstreams: Upstream[];
  /** What `place` is replaced by; absent: the path is passed on as it came. */
  target?: string | undefined;
  /** As written: `64m`. */
  maxBody?: string | undefined;
  readTimeoutSeconds?: number | undefined;
}

export interface Maintenance {
  /** Under `current`. */
  pagePath: string;
  /** `pagePath` relative to `current`. */
  page: string;
  retryAfterSeconds: number;
  /** While this file is there, every request is answered by the page. */
  flagPath: string;
}

/** The sites of one proxy, resolved. @throws ManifestError for what no proxy could serve, at its place. */
export const sitesOf = (subject: Subject, kind: Site["kind"]): SiteModel[] =>
  Object.entries(subject.manifest.sites).flatMap(([key, site]) =>
    site.kind === kind ? [modelOf(subject, key, site)] : [],
  );

const secondsOf = (ms: number) => Math.ceil(ms / 1000);

function modelOf(subject: Subject, key: string, site: Site): SiteModel {
  const { manifest, paths } = subject;
  refuseSharedFile(subject, key, site);
  refusePlaces(subject, key, site);
  refuseRootless(subject, key, site);
  const aliases = Object.entries(site.alias).map(([place, { path: folder, max_age }]): Alias => ({
    place: place.endsWith("/") ? place : `${place}/`,
    path: path.resolve(paths.current, folder),
    maxAgeSeconds: max_age === undefined ? undefined : secondsOf(max_age),
  }));
  const { maintenance, retry } = site;
  return {
    key,
    kind: site.kind,
    name: `${manifest.app}-${key}`,
    serverNames: site.server_name.map((name) => serverName(subject, key, name)),
    listens: site.listen.map((text) => listenOf(subject, key, text)),
    rootPath: site.root === undefined ? undefined : path.resolve(paths.current, site.root),
    isSpa: site.spa,
    noStore: site.no_store,
    immutable: site.immutable,
    aliases,
    routes: Object.entries(site.proxy).map(([place, route]) => routeOf(subject, key, place, route)),
    maintenance: maintenance && {
      page: maintenance.page,
      pagePath: path.resolve(paths.current, maintenance.page),
      retryAfterSeconds: secondsOf(maintenance.retry_after),
      flagPath: maintenanceFlagPath(paths),
    },
    retry: retry && { attempts: retry.attempts, intervalMs: retry.interval },
    entryPoints: site.entry_points ?? [],
    filePath: site.file,
  };
}

function routeOf(subject: Subject, key: string, place: string, route: Site["proxy"][string]): Route {
  return {
    place,
    service: route.service,
    upstreams: upstreamsOf(subject, ["sites", key, "proxy", place, "service"], route.service),
    target: route.path,
    maxBody: route.max_body,
    readTimeoutSeconds: route.read_timeout === undefined ? undefined : secondsOf(route.read_timeout),
  };
}

const HOST_NAME =
  /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$|^\[[0-9a-f:.]+\]$/;

function serverName(subject: Subject, key: string, text: string): string {
  const [, star = "", rest = ""] = /^(\*\.)?(.*)$/.exec(text) ?? [];
  const name = `${star}${/^[\x21-\x7e]*$/.test(rest) ? rest.toLowerCase() : domainToASCII(rest)}`;
  if (HOST_NAME.test(name)) return name;
  return subject.refuse(["sites", key, "server_name"], `${JSON.stringify(text)} is no host name`);
}

function listenOf(subject: Subject, key: string, text: string): Listen {
  const [, host, port = ""] = /^(?:([A-Za-z0-9.-]+|\*|\[[0-9A-Fa-f:.]+\]):)?(\d{1,5})$/.exec(text) ?? [];
  if (Number(port) >= 1 && Number(port) <= 65535) return { host: host === "*" ? undefined : host, port: Number(port) };
  const wanted = 'a port, or an address and a port, such as 8080, "127.0.0.1:8080" or "[::]:80"';
  return subject.refuse(["sites", key, "listen"], `${JSON.stringify(text)} is not ${wanted}`);
}

/** A place that no request can have, or that stands in two lists, would be taken by one and lost without a word. */
function refusePlaces(subject: Subject, key: string, site: Site): void {
  const seen = new Map<string, string>();
  const groups = {
    no_store: site.no_store,
    immutable: site.immutable,
    alias: keysOf(site.alias),
    proxy: keysOf(site.proxy),
  };
  for (const [group, places] of Object.entries(groups))
    for (const place of places) {
      const at = ["sites", key, group, ...(group === "alias" || group === "proxy" ? [place] : [])];
      if (!isPath(place))
        subject.refuse(
          at,
          `${place} is a path that no request has: it has no ?, #, //, /./ or /../, and % only with two hexadecimal digits`,
        );
      const same = group === "alias" && !place.endsWith("/") ? `${place}/` : place;
      const other = seen.get(same);
      if (other !== undefined) subject.refuse(at, `${place} is in ${other} as well`);
      seen.set(same, group);
    }
  for (const [place, { path: target }] of Object.entries(site.proxy))
    if (target !== undefined && !isPath(target))
      subject.refuse(["sites", key, "proxy", place, "path"], `${target} is no path that can be asked for`);
}

const keysOf = (map: Record<string, unknown>) => Object.keys(map);

function isPath(place: string): boolean {
  if (/[?#]|\/\/|\/\.\.?(?:\/|$)/.test(place)) return false;
  try {
    return !/[\u0000-\u001f\u007f]/.test(decodeURIComponent(place));
  } catch {
    return false;
  }
}

function refuseSharedFile(subject: Subject, key: string, { file }: Site): void {
  const other = Object.entries(subject.manifest.sites).find(([name, site]) => name !== key && site.file === file);
  if (file !== undefined && other)
    subject.refuse(["sites", key, "file"], `${file} is the file of the site ${other[0]} as well`);
}

function refuseRootless(subject: Subject, key: string, site: Site): void {
  const at = (name: string) => ["sites", key, name];
  if (site.listen.length === 0) subject.refuse(at("listen"), "there is nothing that the site listens on");
  if (site.root === undefined) {
    if (site.spa) subject.refuse(at("spa"), "there is no root that /index.html could be in");
    if (site.no_store.length > 0) subject.refuse(at("no_store"), "there is no root that these files could be in");
    if (site.immutable.length > 0) subject.refuse(at("immutable"), "there is no root that these files could be in");
  }
  const taker = site.proxy["/"] ? "proxy" : site.alias["/"] ? "alias" : site.immutable.includes("/") && "immutable";
  if (site.spa && taker) subject.refuse(at("spa"), `unknown paths cannot get /index.html: / stands in ${taker}`);
}
