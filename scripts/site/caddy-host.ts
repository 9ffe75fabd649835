import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { command } from "../core/step.ts";
import { CADDY_COMMAND, renderCaddy } from "./caddy.ts";
import { checkCaddy } from "./caddy-check.ts";
import { hasSystemd, isActiveUnit, orderLine, programOf, type Proxy, type ProxyHost } from "./proxy.ts";

/** What decides how a Caddy is told of its sites; paths are absolute. */
export interface CaddyFacts {
  program: string;
  configPath: string;
  /** Patterns of the files that its configuration imports. */
  imports: string[];
  /** What keeps it running; undefined: it does not run. */
  manager?: "systemd" | "itself" | undefined;
  hasSystemd: boolean;
}

/**
 * Pure. The whole configuration is only adapted: to validate it as root would make files that the running Caddy may not open. What
 * else is wrong Caddy tells at the reload, and keeps what it had.
 */
export function caddyHost(facts: CaddyFacts): ProxyHost {
  const { program, configPath, imports, manager } = facts;
  const config = ["--config", configPath, "--adapter", "caddyfile"];
  const folder = path.join(path.dirname(configPath), "conf.d");
  const start = facts.hasSystemd ? "sudo systemctl start caddy" : command(program, "start", ...config);
  const isBySystemd = manager === "systemd" || (manager === undefined && facts.hasSystemd);
  const order = ["systemctl", "reload", "caddy"];
  const reload = isBySystemd ? orderLine(true, order) : command(program, "reload", ...config, "--force");
  return {
    folder,
    ending: ".caddy",
    problemOf: (filePath) =>
      imports.some((pattern) => patternOf(pattern).test(filePath))
        ? undefined
        : `${configPath} does not import ${filePath}: add the line  import ${path.dirname(filePath)}/*${path.extname(filePath)}`,
    testLines: () => [`${command(program, "adapt", ...config)} >/dev/null`],
    reloadLines: manager === undefined ? [] : [reload],
    rootOrders: isBySystemd ? [order] : [],
    start: manager === undefined ? start : undefined,
  };
}

/** A pattern of `import`, in which `*` and `?` match within one folder. */
const patternOf = (pattern: string) =>
  new RegExp(
    `^${pattern
      .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", "[^/]*")
      .replaceAll("?", "[^/]")}$`,
  );

/** Patterns of `import` in a Caddyfile and in those that it imports, absolute. */
function importsOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file) || !fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return [];
  seen.add(file);
  const lines = fs.readFileSync(file, "utf8").matchAll(/^\s*import\s+"?([^\s"]+)/gm);
  const patterns = [...lines].map(([, pattern = ""]) => path.resolve(path.dirname(file), pattern));
  const files = patterns.flatMap((pattern) => {
    const folder = path.dirname(pattern);
    const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    return names.map((name) => path.join(folder, name)).filter((one) => patternOf(pattern).test(one));
  });
  return [...patterns, ...files.flatMap((one) => importsOf(one, seen))];
}

/** Reads the host's Caddy; `SWITCHBACK_CADDY_CONF` is another Caddyfile than its own. */
function observeCaddy(env: NodeJS.ProcessEnv): ProxyHost {
  const other = env["SWITCHBACK_CADDY_CONF"];
  const configPath = path.resolve(other || "/etc/caddy/Caddyfile");
  return caddyHost({
    program: programOf("caddy", env),
    configPath,
    imports: importsOf(configPath),
    hasSystemd: hasSystemd() && !other,
    manager: !other && isActiveUnit("caddy") ? "systemd" : isRunning(other ? configPath : "") ? "itself" : undefined,
  });
}

/** Whether a Caddy runs that was started with a configuration; empty: any. */
const isRunning = (configPath: string) =>
  spawnSync("pgrep", ["-f", `^[^ ]*caddy (run|start).*${configPath.replaceAll(/[^A-Za-z0-9/]/g, ".")}`]).status === 0;

/** Caddy, for those who install its sites. */
export const caddyProxy: Proxy = {
  kind: "caddy",
  title: "Caddy",
  command: CADDY_COMMAND,
  render: renderCaddy,
  check: checkCaddy,
  observe: observeCaddy,
};
