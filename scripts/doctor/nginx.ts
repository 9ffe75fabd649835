import fs from "node:fs";
import path from "node:path";
import type { Manifest, Site } from "../../manifest.schema.ts";
import { isRoot } from "../core/as-root.ts";
import type { Context } from "../core/context.ts";
import { portOfAddress } from "../manifest/address.ts";
import { isMarked } from "../render/mark.ts";
import { definitionsOf } from "../service/definitions.ts";
import { serviceOf } from "../service/definition.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { type Directive, type Host, hostsOf, matches, parseNginx } from "./nginx-config.ts";
import { probe } from "./probe.ts";

const CONFIGS = ["/etc/nginx/nginx.conf", "/opt/homebrew/etc/nginx/nginx.conf", "/usr/local/etc/nginx/nginx.conf"];

/** The configuration that nginx runs with: $SWITCHBACK_NGINX_CONF, else the usual places. */
export const nginxConfig = (env: NodeJS.ProcessEnv = process.env): string | undefined =>
  [env["SWITCHBACK_NGINX_CONF"], ...CONFIGS].find((file) => file && fs.existsSync(file));

/** Everything that a configuration says, its includes in their places' order; what cannot be read is left out. */
export function readNginx(config: string): Directive[] {
  const seen = new Set<string>();
  const readFile = (file: string): Directive[] => {
    if (seen.has(file)) return [];
    seen.add(file);
    return withIncludes(parseNginx(readText(file), file));
  };
  const withIncludes = (list: Directive[]): Directive[] =>
    list.flatMap((one) => {
      const [name, pattern = ""] = one.words;
      if (name === "include")
        return [one, ...matchingFiles(path.resolve(path.dirname(config), pattern)).flatMap(readFile)];
      return [one.block ? { ...one, block: withIncludes(one.block) } : one];
    });
  return readFile(config);
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function matchingFiles(pattern: string): string[] {
  if (!/[*?[]/.test(pattern)) return [pattern];
  const folder = path.dirname(pattern);
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .map((name) => path.join(folder, name))
    .filter((file) => matches(pattern, file))
    .toSorted();
}

/** What `nginx -t` says of the whole configuration, and whose file it is: one bad site keeps all from being reloaded. */
export async function checkNginxItself({ paths }: Context, config: string): Promise<Finding[]> {
  const own = process.env["SWITCHBACK_NGINX_CONF"] ? ["-c", config] : [];
  const { status, stderr } = await tested(own);
  if (status === 0) return [ok("nginx", `${config} is sound`)];
  const [problem = ""] = stderr
    .split("\n")
    .filter((line) => /\[(emerg|crit|alert)\]|sudo:/.test(line))
    .toSorted((a, b) => Number(b.includes("[emerg]")) - Number(a.includes("[emerg]")));
  const said = problem.replace(/^.*?\[\w+\] (?:\d+#\d+: )?/, "").replace(/^sudo: .*$/, "");
  const type = `${isRoot() ? "" : "sudo "}nginx -t${own.map((word) => ` ${word}`).join("")}`;
  if (said === "" || /Permission denied/.test(said))
    return [note("nginx", "only root can test its configuration", type)];
  const file = / in (\/.*):\d+$/.exec(said)?.[1];
  const isOurs = file !== undefined && isMarked(readText(file), paths.deployTo);
  return [wrong("nginx", `nginx -t: ${said}`, ...(isOurs ? ["ops/nginx/install_nginx.ts"] : []), type)];
}

/** Its logs and its pid file are root's: somebody else asks by sudo, where that is allowed. */
async function tested(own: string[]) {
  const words = ["-t", "-q", ...own];
  const plain = await probe("nginx", isRoot() ? words : ["-e", "stderr", ...words]);
  if (isRoot() || plain.status === 0 || !/Permission denied/.test(plain.stderr)) return plain;
  const asked = await probe("sudo", ["-n", "nginx", "-t", ...own]);
  return /^sudo:/m.test(asked.stderr) ? plain : asked;
}

/** Ports at which a service of the manifest answers a proxy. */
function portsOf(manifest: Manifest, name: string): number[] {
  const socket = manifest.services[name]?.socket;
  const held = socket && portOfAddress(socket.listen);
  if (held !== undefined) return [held];
  return definitionsOf(manifest).flatMap((one) => (serviceOf(one.name) === name ? (one.port ?? []) : []));
}

/** Where a configuration, hand-written or left over, and the manifest say different things of one server name. */
export function disagreements(
  { manifest, paths }: Context,
  [name, site]: [string, Site],
  read: Directive[],
  place: string,
): Finding[] {
  const mend =
    fs.existsSync(place) && isMarked(readText(place), paths.deployTo) ? "ops/nginx/install_nginx.ts" : undefined;
  return hostsOf(read)
    .filter(({ names }) => names.some((one) => site.server_name.includes(one)))
    .flatMap((host) => {
      const next = host.file === place ? (mend ?? "ops/nginx/install_nginx.ts") : `"\${EDITOR:-vi}" ${host.file}`;
      const told = [...wrongPorts(manifest, site, host), ...wrongPaths(site, host, paths.current)];
      const twice =
        host.file === place || told.length > 0
          ? []
          : [
              note(
                "nginx",
                `${host.file} serves ${host.names.join(" ")} as well as sites.${name} would`,
                `sudo rm ${host.file}    # once ops/nginx/install_nginx.ts has been run`,
              ),
            ];
      return [...told.map((message) => wrong("nginx", `${host.file}: ${message}`, next)), ...twice];
    });
}

function wrongPorts(manifest: Manifest, site: Site, { locations, names }: Host): string[] {
  return locations.flatMap(({ place, ports }) => {
    const target = site.proxy[place];
    if (!target || ports.length === 0) return [];
    const own = portsOf(manifest, target.service);
    const other = ports.find((port) => !own.includes(port));
    return other === undefined || own.length === 0
      ? []
      : [
          `${place} of ${names.join(" ")} goes to port ${other}, and services.${target.service} is at ${own.join(", ")}`,
        ];
  });
}

const tidy = (place: string) => path.resolve(place);

function wrongPaths(site: Site, { locations, root }: Host, current: string): string[] {
  const aliases = locations.flatMap(({ place, alias }) => {
    const wanted = site.alias[place];
    if (alias === undefined || !wanted || tidy(alias) === path.resolve(current, wanted.path)) return [];
    return [`${place} leads to ${alias}, and the manifest says ${wanted.path}`];
  });
  const wanted = site.root === undefined ? undefined : path.resolve(current, site.root);
  return root === undefined || wanted === undefined || tidy(root) === wanted
    ? aliases
    : [...aliases, `the root is ${root}, and the manifest says ${wanted}`];
}
