import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { quote } from "../core/step.ts";
import { checkNginx } from "./nginx-check.ts";
import { NGINX_COMMAND, renderNginx } from "./nginx.ts";
import { hasSystemd, isActiveUnit, orderLine, programOf, type Proxy, type ProxyHost } from "./proxy.ts";

/** What decides how an nginx is told of its sites; paths are absolute. */
export interface NginxFacts {
  program: string;
  configPath: string;
  pidPath: string;
  errorLogPath?: string | undefined;
  /** Another configuration than the one that the program was built for. */
  isOther: boolean;
  /** What keeps it running; undefined: it does not run. */
  manager?: "systemd" | "itself" | undefined;
  hasSystemd: boolean;
}

/** Pure. */
export function nginxHost(facts: NginxFacts): ProxyHost {
  const { program, configPath, pidPath, errorLogPath, isOther, manager } = facts;
  const needsRoot = !isOther;
  const nginx = (...words: string[]) => [program, ...(isOther ? ["-c", configPath] : []), ...words];
  const isBySystemd = manager === "systemd" || (manager === undefined && facts.hasSystemd && !isOther);
  const orders = {
    test: nginx("-t"),
    show: nginx("-T"),
    reload: isBySystemd ? ["systemctl", "reload", "nginx"] : nginx("-s", "reload"),
  };
  const line = (order: string[]) => orderLine(needsRoot, order);
  return {
    folder: path.join(path.dirname(configPath), "conf.d"),
    ending: ".conf",
    testLines: (filePath) => [
      line(orders.test),
      `${line(orders.show)} 2>/dev/null | grep -F ${quote(`/${path.basename(filePath)}:`)} >/dev/null || ` +
        `{ echo ${quote(`no include in ${configPath} takes in ${filePath}`)} >&2; exit 1; }`,
    ],
    reloadLines: manager === undefined ? [] : reloadLines(line(orders.reload), pidPath, errorLogPath),
    rootOrders: needsRoot ? Object.values(orders) : [],
    start: manager === undefined ? (isBySystemd ? "sudo systemctl start nginx" : line(nginx())) : undefined,
  };
}

/**
 * A reload answers before the master has tried: where a port is taken, it keeps its workers and says so only in its log. New
 * workers are the proof that the configuration was taken. It tries to listen for 2.5 s.
 */
const reloadLines = (reload: string, pidPath: string, errorLogPath: string | undefined) => [
  `master=$(cat ${quote(pidPath)})`,
  `before=" $(pgrep -P "$master" | tr '\\n' ' ')"`,
  reload,
  `for try in $(seq 80); do for pid in $(pgrep -P "$master"); do case "$before" in *" $pid "*) ;; *) exit 0 ;; esac; done; sleep 0.1; done`,
  ...(errorLogPath === undefined ? [] : [`tail -n 3 ${quote(errorLogPath)} >&2 || true`]),
  "echo 'nginx kept its former configuration' >&2; exit 1",
];

/** Reads the host's nginx; `SWITCHBACK_NGINX_CONF` is another main configuration than its own. */
function observeNginx(env: NodeJS.ProcessEnv): ProxyHost {
  const program = programOf("nginx", env);
  const built = spawnSync(program, ["-V"], { encoding: "utf8" }).stderr;
  const builtWith = (name: string) => new RegExp(`--${name}=(\\S+)`).exec(built)?.[1];
  const other = env["SWITCHBACK_NGINX_CONF"];
  const configPath = other ? path.resolve(other) : (builtWith("conf-path") ?? "/etc/nginx/nginx.conf");
  const text = fs.existsSync(configPath) ? fs.readFileSync(configPath, "utf8") : "";
  const said = (directive: string) => new RegExp(`^[^#\\n]*?\\b${directive}\\s+([^;\\s]+)`, "m").exec(text)?.[1];
  const absolute = (file: string | undefined) =>
    file?.startsWith("/") || file === undefined ? file : path.join(builtWith("prefix") ?? "/", file);
  const pidPath = absolute(said("pid") ?? builtWith("pid-path")) ?? "/run/nginx.pid";
  const log = absolute(said("error_log") ?? builtWith("error-log-path"));
  return nginxHost({
    program,
    configPath,
    pidPath,
    errorLogPath: log?.endsWith("/stderr") ? undefined : log,
    isOther: Boolean(other),
    hasSystemd: hasSystemd(),
    manager: !other && isActiveUnit("nginx") ? "systemd" : isAlive(pidPath) ? "itself" : undefined,
  });
}

function isAlive(pidPath: string): boolean {
  try {
    const pid = Number(fs.readFileSync(pidPath, "utf8"));
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** nginx, for those who install its sites. */
export const nginxProxy: Proxy = {
  kind: "nginx",
  title: "nginx",
  command: NGINX_COMMAND,
  render: renderNginx,
  check: checkNginx,
  observe: observeNginx,
};
