import path from "node:path";
import { stringify } from "yaml";
import type { RenderedFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import type { Subject } from "../render/subject.ts";
import { bytesOf } from "../text/amounts.ts";
import { type Maintenance, type Route, type SiteModel, sitesOf } from "./model.ts";
import { retryOf } from "./retry.ts";
import type { TraefikFile } from "./traefik-schema.ts";
import { refuseTree, replacement, ruleOf } from "./traefik-values.ts";
import { type Upstream, showUpstream, upstreamsOf } from "./upstream.ts";

/** The command that installs Traefik's sites; it stands in each of their files. */
export const TRAEFIK_COMMAND = "ops/traefik/install_traefik.ts";

const PAGELESS = `Traefik serves no files. Until maintenance.service names a service that has the page, the answer is Traefik's own words`;

type Http = TraefikFile["http"];
type Middleware = NonNullable<Http["middlewares"]>[string];

/** The parts of a file; what a route or a page adds is put in by name. */
interface Parts {
  routers: Http["routers"];
  services: Http["services"];
  middlewares: Record<string, Middleware>;
  serversTransports: NonNullable<Http["serversTransports"]>;
}

/**
 * `traefik/<app>-<site>.yml` for each of Traefik's sites, for the directory of its file provider. With `isMaintenance` every request is
 * answered 503. @throws ManifestError for what Traefik cannot express
 */
export function renderTraefik(subject: Subject, { isMaintenance = false } = {}): RenderedFile[] {
  refuseFiles(subject);
  return sitesOf(subject, "traefik").map((site) => {
    refuseTree(subject);
    refuseListens(subject, site);
    const http = httpOf(subject, site, isMaintenance);
    const notes = site.maintenance && !pageService(subject, site) ? `# ${PAGELESS}.\n` : "";
    const mark = `# ${markOf(subject.paths.deployTo, TRAEFIK_COMMAND)}\n`;
    return {
      place: `traefik/${site.name}.yml`,
      content: `${mark}${notes}${stringify({ http }, { lineWidth: 0, aliasDuplicateObjects: false })}`,
    };
  });
}

const FILES = "Traefik serves no files: put nginx or Caddy in front, or let the application serve them";
const HEADERS = "Traefik serves no files: the application says how long its answers may be kept";

/** What would be lost without a word. */
function refuseFiles(subject: Subject): void {
  const refuse: Subject["refuse"] = (at, message) => subject.refuse(at, message);
  for (const [key, site] of Object.entries(subject.manifest.sites)) {
    if (site.kind !== "traefik") continue;
    const at = (name: string) => ["sites", key, name];
    if (site.root !== undefined) refuse(at("root"), FILES);
    if (site.spa) refuse(at("spa"), FILES);
    if (Object.keys(site.alias).length > 0) refuse(at("alias"), FILES);
    if (site.no_store.length > 0) refuse(at("no_store"), HEADERS);
    if (site.immutable.length > 0) refuse(at("immutable"), HEADERS);
    if (Object.keys(site.proxy).length === 0) refuse(at("kind"), `${FILES}; without proxy it has nothing to do`);
  }
}

function refuseListens(subject: Subject, { key, entryPoints, listens }: SiteModel): void {
  const isDefault = listens.every(({ host, port }) => host === undefined && port === 80);
  if (entryPoints.length === 0 && !isDefault)
    subject.refuse(["sites", key, "listen"], "Traefik listens on its entry points: name them with entry_points");
}

function httpOf(subject: Subject, site: SiteModel, isMaintenance: boolean): Http {
  const parts: Parts = { routers: {}, services: {}, middlewares: {}, serversTransports: {} };
  const inFront = site.maintenance ? addMaintenance(subject, site, site.maintenance, isMaintenance, parts) : [];
  const taken = new Set(["maintenance"]);
  for (const route of site.routes)
    addRoute(subject, site, route, inFront, parts, `${site.name}-${slugOf(route.place, taken)}`);
  const { routers, services, middlewares, serversTransports } = parts;
  return {
    routers,
    services,
    ...(Object.keys(middlewares).length > 0 ? { middlewares } : {}),
    ...(Object.keys(serversTransports).length > 0 ? { serversTransports } : {}),
  };
}

/** `/api/v1/` → `api-v1`; a second one `api-v1-2`. */
function slugOf(place: string, taken: Set<string>): string {
  const base =
    place
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-|-$/g, "") || "root";
  let slug = base;
  for (let count = 2; taken.has(slug); count++) slug = `${base}-${count}`;
  taken.add(slug);
  return slug;
}

function addRoute(
  subject: Subject,
  site: SiteModel,
  route: Route,
  inFront: string[],
  parts: Parts,
  name: string,
): void {
  const own: [kind: string, middleware: Middleware][] = [];
  const bytes = bytesOf(route.maxBody ?? "0");
  if (bytes > 0) own.push([`${name}-body`, { buffering: { maxRequestBodyBytes: bytes } }]);
  if (route.target !== undefined && route.target !== route.place)
    own.push([`${name}-path`, { replacePathRegex: replacement(route.place, route.target) }]);
  own.push(...retrying(site, route, name));
  Object.assign(parts.middlewares, Object.fromEntries(own));
  const middlewares = [...inFront, ...own.map(([kind]) => kind)];
  parts.routers[name] = {
    rule: ruleOf(subject, site, route.place),
    entryPoints: site.entryPoints.length > 0 ? site.entryPoints : ["web"],
    ...(middlewares.length > 0 ? { middlewares } : {}),
    service: name,
  };
  const at = ["sites", site.key, "proxy", route.place, "service"];
  const transport = route.readTimeoutSeconds === undefined ? {} : { serversTransport: name };
  parts.services[name] = { loadBalancer: { servers: serversOf(subject, at, route.upstreams), ...transport } };
  if (route.readTimeoutSeconds !== undefined)
    parts.serversTransports[name] = { forwardingTimeouts: { responseHeaderTimeout: `${route.readTimeoutSeconds}s` } };
}

/** Traefik asks again only what it could not hand over; the last in the chain, so that nothing is done to a request twice. */
function retrying(site: SiteModel, { upstreams }: Route, name: string): [string, Middleware][] {
  const retry = retryOf(site);
  const attempts = Math.max(retry?.attempts ?? 1, upstreams.length);
  if (attempts === 1) return [];
  return [[`${name}-retry`, { retry: { attempts, ...(retry ? { initialInterval: `${retry.intervalMs}ms` } : {}) } }]];
}

const serversOf = (subject: Subject, at: PropertyKey[], upstreams: Upstream[]) =>
  upstreams.map((upstream) =>
    "unix" in upstream
      ? subject.refuse(at, `Traefik asks ports only, and this service answers on the socket ${upstream.unix}`)
      : { url: `http://${showUpstream(upstream)}` },
  );

const pageService = ({ manifest }: Subject, { key }: SiteModel) => manifest.sites[key]?.maintenance?.service;

/**
 * The middlewares in front of every route. Who asks in maintenance is turned away as from an address that is not allowed: that is the only
 * answer with a status of one's own that Traefik has in itself.
 */
function addMaintenance(
  subject: Subject,
  site: SiteModel,
  maintenance: Maintenance,
  isOn: boolean,
  { services, middlewares }: Parts,
): string[] {
  const name = `${site.name}-maintenance`;
  const service = pageService(subject, site);
  if (service !== undefined) {
    const at = ["sites", site.key, "maintenance", "service"];
    services[name] = { loadBalancer: { servers: serversOf(subject, at, upstreamsOf(subject, at, service)) } };
    const status = isOn ? ["503"] : ["502", "504"];
    middlewares[name] = {
      errors: { status, service: name, query: queryOf(subject, site, maintenance, service) },
    };
  }
  const page = service === undefined ? [] : [name];
  if (!isOn) return page;
  const customResponseHeaders = { "Retry-After": String(maintenance.retryAfterSeconds), "Cache-Control": "no-store" };
  middlewares[`${name}-closed`] = { ipAllowList: { sourceRange: ["255.255.255.255/32"], rejectStatusCode: 503 } };
  middlewares[`${name}-later`] = { headers: { customResponseHeaders } };
  return [`${name}-later`, ...page, `${name}-closed`];
}

/** The page as its service is asked for it: below the folder that the service runs in. */
function queryOf(subject: Subject, { key }: SiteModel, { page }: Maintenance, service: string): string {
  const dir = subject.manifest.services[service]?.dir ?? ".";
  const below = path.posix.relative(dir, page);
  if (below.startsWith("../"))
    return subject.refuse(["sites", key, "maintenance", "page"], `it is not below ${dir}, where ${service} runs`);
  return `/${below.split("/").map(encodeURIComponent).join("/")}`;
}
