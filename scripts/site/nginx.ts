import * as z from "zod";
import type { RenderedFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import type { Subject } from "../render/subject.ts";
import { renderTemplate } from "../render/template.ts";
import { type Alias, type Listen, type Route, type SiteModel, sitesOf } from "./model.ts";
import { type Value, valuesOf } from "./nginx-values.ts";
import { showUpstream } from "./upstream.ts";

/** The command that installs nginx's sites; it stands in each of their files. */
export const NGINX_COMMAND = "ops/nginx/install_nginx.ts";

const NO_STORE = `add_header Cache-Control "no-store, no-cache, must-revalidate";`;
const IMMUTABLE = `add_header Cache-Control "public, max-age=31536000, immutable";`;
const PAGE = "/.switchback-maintenance";

const location = z.strictObject({ match: z.string(), directives: z.array(z.string()) });
const input = z.strictObject({
  mark: z.string(),
  upstreams: z.array(z.strictObject({ name: z.string(), servers: z.array(z.string()) })),
  listens: z.array(z.string()),
  serverNames: z.string(),
  root: z.string(),
  hasUpgrade: z.boolean(),
  hasMaintenance: z.boolean(),
  locations: z.array(location),
});

type Location = z.input<typeof location>;

/** `nginx/<app>-<site>.conf` for each nginx site. @throws ManifestError for what nginx cannot express */
export const renderNginx = (subject: Subject): RenderedFile[] =>
  sitesOf(subject, "nginx").map((site) => ({
    place: `nginx/${site.name}.conf`,
    content: renderTemplate("nginx/site.conf", input, inputOf(subject, site)),
  }));

function inputOf(subject: Subject, site: SiteModel): z.input<typeof input> {
  const value = valuesOf(subject, site);
  const { maintenance } = site;
  const locations = [
    ...site.noStore.filter((place) => place !== "/").map((place) => noStoreLocation(place, value)),
    ...rootLocation(site),
    ...site.immutable.map((place) => ({ match: value.match(place), directives: [IMMUTABLE, "try_files $uri =404;"] })),
    ...site.aliases.map((alias) => aliasLocation(alias, value)),
    ...site.routes.map((route) => routeLocation(site, route, value)),
  ];
  const flag = maintenance ? [`if (-f ${value.tree(maintenance.flagPath)}) { return 503; }`] : [];
  return {
    mark: markOf(subject.paths.deployTo, NGINX_COMMAND),
    upstreams: upstreamBlocks(site),
    listens: site.listens.map(showListen),
    serverNames: site.serverNames.join(" "),
    root: site.rootPath === undefined ? "" : value.under(site.rootPath, "root"),
    hasUpgrade: site.routes.length > 0,
    hasMaintenance: maintenance !== undefined,
    locations: [
      ...locations.map(({ match, directives }) => ({ match, directives: [...flag, ...directives] })),
      ...pageLocation(subject, site, value),
    ],
  };
}

const showListen = ({ host, port }: Listen) => (host === undefined ? String(port) : `${host}:${port}`);

/** Paths that nothing else claims. */
function rootLocation(site: SiteModel): Location[] {
  if ([...site.immutable, ...[...site.aliases, ...site.routes].map(({ place }) => place)].includes("/")) return [];
  // Without a root of its own, nginx would serve the folder that it was built with.
  if (site.rootPath === undefined) return [{ match: "/", directives: ["return 404;"] }];
  const header = site.noStore.includes("/") ? [NO_STORE] : [];
  const files = site.isSpa ? ["try_files $uri /index.html;"] : ["absolute_redirect off;", "try_files $uri $uri/ =404;"];
  return [{ match: "/", directives: [...header, ...files] }];
}

const noStoreLocation = (place: string, value: Value): Location => ({
  match: value.match(place),
  directives: place.endsWith("/") ? [NO_STORE, "try_files $uri =404;"] : [NO_STORE],
});

const aliasLocation = ({ place, path, maxAgeSeconds }: Alias, value: Value): Location => ({
  match: value.prefix(place),
  directives: [
    `alias ${value.under(`${path}/`, "alias", place, "path")};`,
    ...(maxAgeSeconds === undefined ? [] : [`add_header Cache-Control "public, max-age=${maxAgeSeconds}";`]),
  ],
});

function routeLocation(site: SiteModel, route: Route, value: Value): Location {
  const { place, target, maxBody, readTimeoutSeconds } = route;
  return {
    match: value.prefix(place),
    directives: [
      `proxy_pass http://${authorityOf(site, route)}${target ?? ""};`,
      "proxy_http_version 1.1;",
      "proxy_set_header Host $host;",
      "proxy_set_header X-Forwarded-For $remote_addr;",
      "proxy_set_header X-Forwarded-Proto $scheme;",
      "proxy_set_header Upgrade $switchback_upgrade;",
      "proxy_set_header Connection $switchback_connection;",
      ...(route.upstreams.length > 1 ? ["proxy_next_upstream error;"] : []),
      ...(maxBody === undefined ? [] : [`client_max_body_size ${maxBody.toLowerCase()};`]),
      ...(readTimeoutSeconds === undefined ? [] : [`proxy_read_timeout ${readTimeoutSeconds}s;`]),
    ],
  };
}

/** One TCP address stands for itself; a socket, or several instances, need an upstream block. */
const hasBlock = ({ upstreams }: Route) => upstreams.length > 1 || upstreams.some((one) => "unix" in one);

// Two environments of one application have a file of their own each, and so a name of their own here.
const blockName = (site: SiteModel, { service }: Route) =>
  `${/([A-Za-z0-9_-]+)(?:\.[a-z]+)?$/.exec(site.filePath ?? "")?.[1] ?? site.name}-${service}`;

const authorityOf = (site: SiteModel, route: Route) =>
  hasBlock(route) ? blockName(site, route) : route.upstreams.map(showUpstream).join();

function upstreamBlocks(site: SiteModel) {
  const blocks = site.routes
    .filter(hasBlock)
    .map((route) => [blockName(site, route), route.upstreams.map(showUpstream)] as const);
  return [...new Map(blocks)].map(([name, servers]) => ({ name, servers }));
}

function pageLocation({ paths }: Subject, { maintenance }: SiteModel, value: Value): Location[] {
  if (!maintenance) return [];
  const directives = [
    "internal;",
    `root ${value.tree(paths.current)};`,
    `add_header Retry-After ${maintenance.retryAfterSeconds} always;`,
    `add_header Cache-Control "no-store" always;`,
    `try_files ${value.under(`/${maintenance.page}`, "maintenance", "page")} =503;`,
  ];
  return [{ match: `= ${PAGE}`, directives }];
}
