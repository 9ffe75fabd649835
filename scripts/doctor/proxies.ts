import fs from "node:fs";
import path from "node:path";
import type { Manifest, Site } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import { readerOf } from "./access.ts";
import { distinct, type Finding, note, wrong } from "./finding.ts";
import { directives, matches } from "./nginx-config.ts";
import { checkNginxItself, disagreements, nginxConfig, readNginx } from "./nginx.ts";
import { denied } from "./permissions.ts";
import { whichOfRoot } from "./probe.ts";
import { sudoLine } from "./sudoers.ts";

type Named = [name: string, site: Site];

/** The proxies that the manifest's sites want: there, sound, of one mind with the services, and able to read what they serve. */
export async function checkProxies(context: Context, tree: TreeFacts): Promise<Finding[]> {
  const { manifest } = context;
  const of = (kind: Site["kind"]): Named[] => Object.entries(manifest.sites).filter(([, site]) => site.kind === kind);
  const [nginx, caddy, traefik] = [of("nginx"), of("caddy"), of("traefik")];
  const found = [
    ...(nginx.length > 0 ? await checkNginx(context, tree, nginx) : []),
    ...(caddy.length > 0 ? checkCaddy(context, tree, caddy) : []),
    ...(traefik.length > 0 ? checkTraefik(manifest, traefik) : []),
  ];
  return found;
}

const absent = (kind: string, sites: Named[]): Finding =>
  wrong(
    kind,
    `${kind} is not installed, and sites.${sites.map(([name]) => name).join(", sites.")} need it`,
    install(kind),
  );

const install = (name: string) =>
  process.platform === "darwin"
    ? `brew install ${name}`
    : whichOfRoot("apt-get")
      ? sudoLine("apt-get", "install", name)
      : `install ${name}`;

/** Where a site's file is installed. */
const placeOf = (manifest: Manifest, [name, { file }]: Named, folder: string, ending: string) =>
  file ?? path.join(folder, `${manifest.app}-${name}.${ending}`);

async function checkNginx(context: Context, tree: TreeFacts, sites: Named[]): Promise<Finding[]> {
  if (!whichOfRoot("nginx")) return [absent("nginx", sites)];
  const config = nginxConfig();
  if (config === undefined) return [wrong("nginx", "its nginx.conf is not found", "nginx -V")];
  const read = readNginx(config);
  const users = [...directives(read, "user").map(({ words }) => words[1] ?? ""), "www-data", "nginx", "nobody"];
  const user = users.find((name) => readerOf(name)) ?? "nobody";
  const included = directives(read, "include").map(({ words }) => path.resolve(path.dirname(config), words[1] ?? ""));
  const folder = path.join(path.dirname(config), "conf.d");
  return [
    ...(await checkNginxItself(context, config)),
    ...sites.flatMap((site) => {
      const place = placeOf(context.manifest, site, folder, "conf");
      return included.some((pattern) => matches(pattern, place))
        ? []
        : [
            wrong(
              "nginx",
              `${config} does not include ${place}`,
              `write "include ${path.dirname(place)}/*.conf;" into the http block of ${config}`,
            ),
          ];
    }),
    ...sites.flatMap((site) => disagreements(context, site, read, placeOf(context.manifest, site, folder, "conf"))),
    ...sites.flatMap((site) => readable(context, tree, site, user)),
  ];
}

const CADDYFILE = "/etc/caddy/Caddyfile";

function checkCaddy(context: Context, tree: TreeFacts, sites: Named[]): Finding[] {
  if (!whichOfRoot("caddy")) return [absent("caddy", sites)];
  const config = process.env["SWITCHBACK_CADDY_CONF"] || CADDYFILE;
  const text = fs.existsSync(config) ? fs.readFileSync(config, "utf8") : "";
  const imported = [...text.matchAll(/^\s*import\s+"?([^\s"]+)/gm)].map(([, pattern = ""]) =>
    path.resolve(path.dirname(config), pattern),
  );
  const folder = path.join(path.dirname(config), "conf.d");
  return [
    ...sites.flatMap((site) => {
      const place = placeOf(context.manifest, site, folder, "caddy");
      if (imported.some((pattern) => matches(pattern, place))) return [];
      const line = `import ${path.dirname(place)}/*.caddy`;
      return [
        wrong("caddy", `${config} does not import ${place}`, `echo '${line}' | ${sudoLine("tee", "-a", config)}`),
      ];
    }),
    ...sites.flatMap((site) => readable(context, tree, site, "caddy")),
  ];
}

function checkTraefik(manifest: Manifest, sites: Named[]): Finding[] {
  const folders = new Set(
    sites.map((site) =>
      path.dirname(placeOf(manifest, site, process.env["SWITCHBACK_TRAEFIK_DYNAMIC"] || "/etc/traefik/dynamic", "yml")),
    ),
  );
  const missing = [...folders].filter((folder) => !fs.existsSync(folder));
  return [
    ...(whichOfRoot("traefik") ? [] : [note("traefik", "traefik is not in PATH: it may run in a container")]),
    ...missing.map((folder) =>
      wrong(
        "traefik",
        `${folder} is not there: traefik's file provider has to watch it`,
        sudoLine("mkdir", "-p", folder),
      ),
    ),
  ];
}

/** What a proxy serves by itself, its account has to be able to read: files below current, aliases, the maintenance page. */
function readable({ paths }: Context, { current, isTree }: TreeFacts, [name, site]: Named, user: string): Finding[] {
  const reader = readerOf(user);
  if (!reader || !isTree) return [];
  const isDeployed = current.releaseId !== undefined;
  const own = isDeployed ? [site.root, site.maintenance?.page].filter((place) => place !== undefined) : [];
  const aliases = Object.entries(site.alias).map(([place, alias]) => ({
    key: `sites.${name}.alias ${place}`,
    at: alias.path,
  }));
  const all = [
    ...own.map((place) => ({ key: `sites.${name}`, at: place })),
    ...aliases.filter(({ at }) => isDeployed || path.isAbsolute(at)),
  ];
  const before =
    isDeployed || site.root === undefined
      ? []
      : denied(reader, paths.deployTo, "x", `sites.${name}: ${user} cannot reach the tree`, site.kind);
  const found = all.flatMap(({ key, at }) => {
    const place = path.resolve(paths.current, at);
    if (!fs.existsSync(place))
      return [
        wrong(
          site.kind,
          `${key}: ${place} is not there`,
          path.isAbsolute(at) ? sudoLine("mkdir", "-p", place) : `ls ${paths.current}`,
        ),
      ];
    const isDirectory = fs.statSync(place).isDirectory();
    return denied(reader, place, isDirectory ? "rx" : "r", `${key}: ${place} cannot be served`, site.kind);
  });
  // One directory that nobody may enter stands in the way of all of them.
  return distinct([...before, ...found], ({ next }) => next.join("\n"));
}
