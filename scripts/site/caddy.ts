import * as z from "zod";
import type { RenderedFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import type { Subject } from "../render/subject.ts";
import { renderTemplate } from "../render/template.ts";
import { addressBlocks } from "./caddy-addresses.ts";
import { type CaddyValue, caddyValues, decodedPlace, quoteCaddy, uriOf } from "./caddy-values.ts";
import { type Alias, type Route, type SiteModel, sitesOf } from "./model.ts";
import { retryOf } from "./retry.ts";
import type { Upstream } from "./upstream.ts";

/** The command that installs Caddy's sites; it stands in each of their files. */
export const CADDY_COMMAND = "ops/caddy/install_caddy.ts";

const NO_STORE = `Cache-Control "no-store, no-cache, must-revalidate"`;
const IMMUTABLE = `Cache-Control "public, max-age=31536000, immutable"`;

const part = z.strictObject({ match: z.string(), directives: z.array(z.string()) });
const input = z.strictObject({
  mark: z.string(),
  blocks: z.array(z.strictObject({ addresses: z.string(), bind: z.string() })),
  parts: z.array(part),
  hasLimit: z.boolean(),
  hasErrors: z.boolean(),
  page: z
    .strictObject({
      flag: z.string(),
      root: z.string(),
      uri: z.string(),
      retryAfter: z.number(),
    })
    .nullable(),
});

interface Part extends z.input<typeof part> {
  /** The place that it is sorted by. */
  place: string;
  /** It matches only the place itself. */
  isExact?: boolean;
}

/** `caddy/<app>-<site>.caddy` for each of Caddy's sites, to be imported. @throws ManifestError for what Caddy cannot express */
export const renderCaddy = (subject: Subject): RenderedFile[] =>
  sitesOf(subject, "caddy").map((site) => ({
    place: `caddy/${site.name}.caddy`,
    content: renderTemplate("caddy/site.caddy", input, inputOf(subject, site)),
  }));

function inputOf(subject: Subject, site: SiteModel): z.input<typeof input> {
  refuseForeign(subject, site);
  const value = caddyValues(subject, site.key);
  const { maintenance } = site;
  const parts = [
    ...site.noStore
      .filter((place) => place !== "/")
      .map((place) => filesPart(site, place, [`header ${NO_STORE}`], value, "no_store")),
    ...site.immutable.map((place) => filesPart(site, place, onHit(IMMUTABLE), value, "immutable")),
    ...site.aliases.map((alias) => aliasPart(alias, value)),
    ...site.routes.map((route) => proxyPart(site, route, value)),
    ...restPart(site, value),
  ];
  // Caddy 2.6 says 502 for a body that is too large.
  const hasLimit = site.routes.some(({ maxBody }) => maxBody !== undefined);
  return {
    mark: markOf(subject.paths.deployTo, CADDY_COMMAND),
    blocks: addressBlocks(subject, site),
    parts: parts.toSorted(bySpecificity).map(({ match, directives }) => ({ match, directives })),
    hasLimit,
    hasErrors: hasLimit || maintenance !== undefined,
    page: maintenance
      ? {
          flag: quoteCaddy(maintenance.flagPath),
          root: quoteCaddy(subject.paths.current),
          uri: quoteCaddy(uriOf(maintenance.page)),
          retryAfter: maintenance.retryAfterSeconds,
        }
      : null,
  };
}

/** What Caddy has no words for. */
function refuseForeign(subject: Subject, { key, entryPoints }: SiteModel): void {
  if (entryPoints.length > 0)
    subject.refuse(["sites", key, "entry_points"], "Caddy has none: it listens on what listen says");
  if (subject.manifest.sites[key]?.maintenance?.service !== undefined)
    subject.refuse(["sites", key, "maintenance", "service"], "Caddy serves the page itself");
}

/** The first route that matches answers: one file before a folder, a longer folder before a shorter one. */
const bySpecificity = (one: Part, other: Part) =>
  Number(other.isExact ?? false) - Number(one.isExact ?? false) || other.place.length - one.place.length;

/** A header on files that are there: what is missing must not be kept for a year. */
const onHit = (header: string) => ["@hit {", "\tfile", "\tnot path */", "}", `header @hit ${header}`];

function filesPart(site: SiteModel, place: string, headers: string[], value: CaddyValue, key: string): Part {
  return {
    place,
    isExact: !place.endsWith("/"),
    match: value.match(place, place.endsWith("/") ? "*" : "", key),
    directives: [`root * ${value.path(site.rootPath as string, "root")}`, ...headers, "file_server"],
  };
}

function aliasPart({ place, path: folder, maxAgeSeconds }: Alias, value: CaddyValue): Part {
  const prefix = place.slice(0, -1);
  return {
    place,
    match: value.match(place, "*", "alias", place),
    directives: [
      ...(prefix === "" ? [] : [`uri strip_prefix ${value.match(prefix, "", "alias", place)}`]),
      `root * ${value.path(folder, "alias", place, "path")}`,
      ...(maxAgeSeconds === undefined ? [] : onHit(`Cache-Control "public, max-age=${maxAgeSeconds}"`)),
      "file_server",
    ],
  };
}

/** Paths that nothing else claims; Caddy itself would answer 200 with nothing. */
function restPart(site: SiteModel, value: CaddyValue): Part[] {
  if ([...site.immutable, ...[...site.aliases, ...site.routes].map(({ place }) => place)].includes("/")) return [];
  if (site.rootPath === undefined) return [{ place: "", match: "", directives: ["error 404"] }];
  const pages = site.noStore.filter((place) => place.endsWith("/index.html"));
  const asked = pages.flatMap((place) => [place.slice(0, -"index.html".length), place]);
  return [
    {
      place: "",
      match: "",
      directives: [
        `root * ${value.path(site.rootPath, "root")}`,
        ...(site.isSpa ? ["try_files {path} /index.html"] : []),
        // A folder's page is also what the folder itself, or an unknown path, gets.
        ...(site.noStore.includes("/") ? [`header ${NO_STORE}`] : noStoreLines(asked, value)),
        "file_server",
      ],
    },
  ];
}

function noStoreLines(asked: string[], value: CaddyValue): string[] {
  if (asked.length === 0) return [];
  const places = asked.map((place) => value.match(place, "", "no_store"));
  return [`@no_store path ${places.join(" ")}`, `header @no_store ${NO_STORE}`];
}

const dialed = (upstream: Upstream) =>
  "unix" in upstream ? `unix/${upstream.unix}` : `${upstream.host}:${upstream.port}`;

function proxyPart(site: SiteModel, { place, target, upstreams, ...limits }: Route, value: CaddyValue): Part {
  const match = value.match(place, "*", "proxy", place);
  const options = [
    ...retryOptions(site, upstreams.length),
    ...(limits.readTimeoutSeconds === undefined
      ? []
      : ["transport http {", `\tread_timeout ${limits.readTimeoutSeconds}s`, "}"]),
  ];
  const proxy = `reverse_proxy ${upstreams.map(dialed).join(" ")}`;
  return {
    place,
    match,
    directives: [
      ...(limits.maxBody === undefined ? [] : ["request_body {", `\tmax_size ${bytes(limits.maxBody)}`, "}"]),
      ...(target === undefined || target === place ? [] : [rewriting(place, target, value)]),
      ...(options.length === 0 ? [proxy] : [`${proxy} {`, ...options.map((line) => `\t${line}`), "}"]),
    ],
  };
}

/** `64m` → `64MiB`. */
const bytes = (size: string) => size.replace(/[kmg]$/i, (unit) => `${unit.toUpperCase()}iB`);

// Caddy matches places without regard to case, so what it matched is replaced in the same way.
function rewriting(place: string, target: string, value: CaddyValue): string {
  const found = decodedPlace(place).replaceAll(/[.+^$|()]/g, (sign) => `\\${sign}`);
  return `uri path_regexp ${quoteCaddy(`(?i)^${found}`)} ${value.match(target, "", "proxy", place, "path")}`;
}

/**
 * Asks again after what never reached the service, and after a GET. A request with a body is not asked again before Caddy 2.11.2,
 * which closes the body when it cannot connect: it fails at once, and never reaches the service twice.
 */
function retryOptions(site: SiteModel, count: number): string[] {
  const retry = retryOf(site);
  const others = Math.max((retry?.attempts ?? 1) - 1, count - 1);
  if (others === 0) return [];
  return [
    ...(count > 1 ? ["lb_policy round_robin"] : []),
    `lb_retries ${others}`,
    ...(retry ? [`lb_try_interval ${retry.intervalMs}ms`] : []),
  ];
}
