import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { whyNoHosts } from "../../hosts/able.ts";
import { bootHost, type Host } from "../../hosts/host.ts";
import { sshConfig } from "../../hosts/ssh-config.ts";
import { measure, type Way } from "../measure.ts";
import { commit, ops, type Place } from "../place.ts";
import { measured, ratio, type Row } from "../table.ts";
import { append, backendFile, type Bench } from "./bench.ts";

const COUNTS = [1, 2, 4];
/** The address of this machine that hosts see, and a port of it for what Capistrano fetches. */
const HERE = "198.18.88.1";
const PORT = 21_890;

/** A deployment with one changed file to hosts that are set up and have a release: over the same sshd, without services and gate. */
export async function hostsRow(bench: Bench): Promise<Row[] | undefined> {
  if (whyNoHosts() !== undefined) return undefined;
  const { place } = bench;
  const counts = place.isHurried ? [1] : COUNTS;
  const names = Array.from({ length: Math.max(...counts) }, (_, at) => `bench${at + 1}`);
  const hosts = await Promise.all(names.map((name) => bootHost(name)));
  const daemon = spawn(
    "git",
    ["daemon", "--export-all", `--base-path=${place.path}`, `--listen=${HERE}`, `--port=${PORT}`],
    {
      stdio: "ignore",
    },
  );
  try {
    const rows: Row[] = [];
    for (const count of counts) rows.push(await rowFor(bench, hosts.slice(0, count)));
    return rows;
  } finally {
    daemon.kill();
    await Promise.all(hosts.map((host) => host.down()));
  }
}

async function rowFor(bench: Bench, hosts: Host[]): Promise<Row> {
  const { place, runs } = bench;
  const shas = new Map<number, string>();
  const sha = (turn: number) => {
    if (!shas.has(turn)) {
      append(place, backendFile(bench), "\n");
      shas.set(turn, commit(place, `Hosts ${hosts.length}, ${turn}`));
    }
    return shas.get(turn) as string;
  };
  const ways = [ours(place, hosts, sha), ...(bench.hasCapistrano ? [capistrano(place, hosts, sha)] : [])];
  // The first turn sets hosts up, and sends all of it.
  const cells = await measure(place, ways, runs, 1);
  const value = ratio(cells, "switchback", "capistrano, ssh");
  const title = `Deploy to ${hosts.length} ${hosts.length === 1 ? "host" : "hosts"}, one file changed`;
  const aims = measured([{ text: "of Capistrano's time", value, limit: 1.5, unit: "×" }]);
  return { name: "hosts", title, cells, aims };
}

function ours(place: Place, hosts: Host[], sha: (turn: number) => string): Way {
  const at = path.join(place.path, `hosts-${hosts.length}`);
  fs.mkdirSync(path.join(at, "runtime"), { recursive: true, mode: 0o700 });
  const config = hosts.map((host) => sshConfig(host.address, host));
  fs.writeFileSync(path.join(at, "ssh_config"), config.join(""));
  const names = hosts.map(({ address }) => address).join(", ");
  fs.writeFileSync(
    path.join(at, "deploy.yaml"),
    `app: bench\ndeploy_to: /srv/ours-${hosts.length}\nsource: { repo: ${place.repo} }\nenvironments: { prod: { hosts: [${names}], serial: "100%" } }\n`,
  );
  const env = {
    SWITCHBACK_SSH: `ssh -F ${at}/ssh_config`,
    XDG_RUNTIME_DIR: path.join(at, "runtime"),
    XDG_STATE_HOME: path.join(at, "state"),
  };
  return {
    column: "switchback",
    name: `deploy release prod (${hosts.length})`,
    command: (turn) => ({
      program: ops("deploy"),
      words: ["release", sha(turn), "prod", "--id", `h${turn}`, "--manifest", path.join(at, "deploy.yaml")],
      env,
    }),
  };
}

/** Capistrano fetches on the hosts: from this machine, as from a team's server. */
function capistrano(place: Place, hosts: Host[], sha: (turn: number) => string): Way {
  const at = path.join(place.path, `hosts-cap-${hosts.length}`);
  fs.mkdirSync(path.join(at, "config/deploy"), { recursive: true });
  fs.writeFileSync(
    path.join(at, "Capfile"),
    'require "capistrano/setup"\nrequire "capistrano/deploy"\nrequire "capistrano/scm/git"\ninstall_plugin Capistrano::SCM::Git\n',
  );
  fs.writeFileSync(
    path.join(at, "config/deploy.rb"),
    `set :application, "bench"\nset :repo_url, "git://${HERE}:${PORT}/repo"\nset :branch, ENV.fetch("BRANCH", "main")\nset :deploy_to, "/srv/cap-${hosts.length}"\n`,
  );
  const servers = hosts.map(({ address, place: own }) => {
    const options = `keys: ["${own}/key"], keys_only: true, config: false, auth_methods: %w[publickey], user_known_hosts_file: ["${own}/known_hosts"], verify_host_key: :always, use_agent: false`;
    return `server "${address}", user: "deploy", roles: %w[app web db], ssh_options: { ${options} }\n`;
  });
  fs.writeFileSync(path.join(at, "config/deploy/production.rb"), servers.join(""));
  return {
    column: "capistrano, ssh",
    name: `cap production deploy (${hosts.length})`,
    command: (turn) => ({ program: "cap", words: ["production", "deploy"], cwd: at, env: { BRANCH: sha(turn) } }),
  };
}
