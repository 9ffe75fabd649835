import fs from "node:fs";
import path from "node:path";
import { type Command, type Place } from "../place.ts";
import type { Server } from "./sshd.ts";

/** A Capistrano application: its Capfile, and the tree that it deploys to. */
export interface Capistrano {
  tree: string;
  /** `cap production TASK`. */
  command: (task: string, env?: Record<string, string>) => Command;
}

/** Makes one that builds by `script`, with the local backend, or through a server. */
export function makeCapistrano(place: Place, name: string, script: string, server?: Server): Capistrano {
  const directory = path.join(place.path, name);
  const tree = path.join(directory, "tree");
  const write = (file: string, text: string) => {
    fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
    fs.writeFileSync(path.join(directory, file), text);
  };
  fs.mkdirSync(tree, { recursive: true });
  write("build.sh", `set -euo pipefail\n${script}\n`);
  write("Capfile", CAPFILE);
  write("config/deploy.rb", settings(place, { directory, tree, isBuilt: script !== "" }));
  write("config/deploy/production.rb", server ? remote(server) : local);
  const command = (task: string, env: Record<string, string> = {}): Command => ({
    program: "cap",
    words: ["production", task],
    cwd: directory,
    env,
  });
  return { tree, command };
}

const CAPFILE = `require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/git"
install_plugin Capistrano::SCM::Git
`;

const text = (value: string) => JSON.stringify(value);

// Its own cleanup keeps what a measurement needs; `keep_releases` is set where cleaning up is what is measured.
const settings = (
  place: Place,
  { directory, tree, isBuilt }: { directory: string; tree: string; isBuilt: boolean },
) => `set :application, "bench"
set :repo_url, ${text(`file://${place.repo}`)}
set :branch, ENV.fetch("BRANCH", "main")
set :deploy_to, ${text(tree)}
set :tmp_dir, ${text(path.join(place.path, "tmp"))}
set :keep_releases, ENV.fetch("KEEP", "100000").to_i
set :default_env, { ${Object.entries(place.env)
  .filter(([name]) => /^(PATH|HOME|LC_ALL|CI|npm_config_.*|GIT_CONFIG_.*)$/.test(name))
  .map(([name, value]) => `${text(name)} => ${text(value ?? "")}`)
  .join(", ")} }
${isBuilt ? `after "deploy:updated", :build do\n  on(roles(:app)) { execute :bash, ${text(`${directory}/build.sh`)}, release_path }\nend\n` : ""}`;

const local = `require "sshkit/backends/local"
set :sshkit_backend, SSHKit::Backend::Local
server "localhost", roles: %w[app web db]
`;

const remote = ({
  port,
  keyPath,
  knownHosts,
  user,
}: Server) => `server "127.0.0.1", user: ${text(user)}, roles: %w[app web db], ssh_options: {
  port: ${port}, keys: [${text(keyPath)}], keys_only: true, config: false, auth_methods: %w[publickey],
  user_known_hosts_file: [${text(knownHosts)}], verify_host_key: :always, forward_agent: false, use_agent: false
}
`;

/** Releases as its deploys leave them, and \`current\` at the newest: what a rollback begins with. */
export function layReleases({ tree }: Capistrano, ids: string[], fill: (directory: string) => void): void {
  for (const id of ids) {
    const directory = path.join(tree, "releases", id);
    if (fs.existsSync(directory)) continue;
    fs.mkdirSync(directory, { recursive: true });
    fill(directory);
  }
  const link = path.join(tree, "current");
  fs.rmSync(link, { force: true });
  fs.symlinkSync(path.join(tree, "releases", ids.at(-1) ?? ""), link);
}
