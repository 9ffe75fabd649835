import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Host, type Ran, SUITE } from "./host.ts";
import { visit } from "./served.ts";

export interface SiteOptions {
  supervisor?: "systemd" | "systemd-user" | "pidfile";
  /** True: passed as fd 3; "proxy": systemd-socket-proxyd in front of a service that listens on its own port. */
  socket?: boolean | "proxy";
  /** A site of nginx before it, on port 80 of the host's address. */
  nginx?: boolean;
  /** YAML behind the rest of the manifest. */
  more?: string;
  /** How long the gate waits for a release that never answers well; default 5s. */
  timeout?: string;
  /** YAML among the keys of the service, each line indented by four. */
  service?: string;
}

/** How the application of a commit behaves: see test/hosts/app/server.py. */
export type Mode = "ok" | "sick" | "broken" | "crash";

/** An application on a host, as a team has it: a checkout, a tree, an account that deploys. */
export interface Site {
  app: string;
  tree: string;
  manifest: string;
  /** What a visitor asks: nginx, where there is a site, else there is none. */
  url: string;
  /** Runs one of the suite's commands as deploy: `op("release/deploy", "HEAD", "--id", "r1")`. */
  op(name: string, ...words: string[]): Promise<Ran>;
  /** Like op; gives what was printed, and throws unless it ends as wanted. */
  must(name: string, words?: string[], exit?: number): Promise<string>;
  /** A commit whose application behaves so; each is another one. */
  commit(mode: Mode): Promise<void>;
  /** Commits, deploys as this id, and throws unless the command ends so: 0, or 3 for one that was rolled back. */
  deploy(id: string, mode?: Mode, exit?: number): Promise<string>;
  /** The release that `current` names. */
  current(): Promise<string>;
  /** What a visitor gets: `200 r1 4711`. */
  answer(): Promise<string>;
  /** Writes the manifest again with other options. */
  describe(options: SiteOptions): Promise<void>;
}

/** The port of the held socket, or of the service itself, and the one behind systemd-socket-proxyd. */
const PORT = 22400;
const OWN_PORT = 22401;
const HOME = "/srv/shop";

const socketLines = (socket: SiteOptions["socket"]) =>
  socket === "proxy"
    ? [
        `    socket: { listen: "127.0.0.1:${PORT}", proxy: true }`,
        `    port: ${OWN_PORT}`,
        '    env: { PYTHONUNBUFFERED: "1", OWN_PORT: "1" }',
      ]
    : [
        `    port: ${PORT}`,
        ...(socket === true ? [`    socket: "127.0.0.1:${PORT}"`] : []),
        '    env: { PYTHONUNBUFFERED: "1" }',
      ];

const siteLines = (address: string) => [
  "sites:",
  "  main:",
  "    kind: nginx",
  `    server_name: ${address}`,
  "    proxy: { /: { service: web } }",
];

function manifestOf(
  address: string,
  { supervisor = "systemd", socket = true, nginx = true, more = "", service = "", timeout = "5s" }: SiteOptions,
): string {
  return [
    "app: shop",
    `deploy_to: ${HOME}/tree`,
    `supervisor: ${supervisor}`,
    "linked_dirs: [data]",
    "services:",
    "  web:",
    "    run: /usr/bin/python3 server.py",
    ...socketLines(socket),
    // A probe waits behind all requests that came during the restart.
    `    health: { path: /health, every: 50ms, timeout: ${timeout}, soak: 200ms }`,
    "    stop_timeout: 5s",
    ...(service === "" ? [] : [service]),
    ...(nginx ? siteLines(address) : []),
    more,
    "",
  ].join("\n");
}

/** Lays an application with its first commit and its manifest on a host; nothing is installed or deployed yet. */
export async function layApplication(host: Host, options: SiteOptions = {}): Promise<Site> {
  const deploy = { user: "deploy" };
  const [app, tree] = [`${HOME}/app`, `${HOME}/tree`];
  const manifest = `${app}/deploy.yaml`;
  const server = fs.readFileSync(path.join(import.meta.dirname, "app/server.py"), "utf8");
  const git = `git -C ${app} -c user.name=deploy -c user.email=deploy@localhost`;
  const op: Site["op"] = (name, ...words) =>
    host.run([`${SUITE}/ops/${name}.ts`, "--manifest", manifest, ...words], deploy);
  const url = `http://${host.address}/`;
  let commits = 0;
  const site: Site = {
    app,
    tree,
    manifest,
    url,
    op,
    async must(name, words = [], exit = 0) {
      const { status, stdout, stderr } = await op(name, ...words);
      if (status === exit) return stdout + stderr;
      throw new Error(`${host.name}: ${name} ${words.join(" ")}: exit ${status}, not ${exit}\n${stdout}${stderr}`);
    },
    async commit(mode) {
      await host.sh(
        `echo ${mode} >${app}/mode; echo ${++commits} >${app}/marker; ${git} add -A; ${git} commit -qm ${mode}`,
        deploy,
      );
    },
    async deploy(id, mode = "ok", exit = 0) {
      await site.commit(mode);
      return site.must("release/deploy", ["HEAD", "--id", id], exit);
    },
    current: async () => path.basename((await host.must(["readlink", `${tree}/current`])).trim()),
    answer: async () => (await visit(url)).trim(),
    describe: (changed) => host.write(manifest, manifestOf(host.address, changed), deploy),
  };
  await host.write(`${app}/server.py`, server, deploy);
  await host.sh(`git -C ${app} init -q -b main; mkdir ${app}/data; echo data/ >${app}/.gitignore`, deploy);
  await site.describe(options);
  await site.commit("ok");
  return site;
}

/** Lets deploy do as root what the lines of sudoers say; all, where nothing else is said. */
export async function allow(host: Host, lines = "deploy ALL=(root) NOPASSWD: ALL\n"): Promise<void> {
  await host.write("/etc/sudoers.d/deploy", lines, { mode: "440" });
  await host.must(["visudo", "-cq"]);
}

/** What nginx and systemd say of a load that had failures: the last errors, and how often nginx met each kind. */
export const troubles = (host: Host): Promise<string> =>
  host.sh(`
    log=/var/log/nginx/error.log
    tail -n 3 $log
    cut -d' ' -f6- $log | sed 's/, client:.*//; s/[0-9]*#[0-9]*//; s/[*][0-9]* //' | sort | uniq -c | sort -rn | head -n 5
    journalctl --no-pager -q -t systemd-socket-proxyd -n 3
    journalctl --no-pager -q -p warning -n 5`);

/** Waits until lines of bash come true on a host, which may be booting meanwhile. */
export async function untilTrue(host: Host, lines: string): Promise<void> {
  const look = async () => host.sh(lines);
  for (const end = performance.now() + 20_000; ; await sleep(50)) {
    const problem = await look().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (problem === undefined) return;
    if (performance.now() > end) throw problem;
  }
}
