import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { renderWithTrailer } from "../../scripts/manifest/trailer.ts";
import type { Connection } from "../../scripts/remote/connection.ts";
import { setReporter } from "../../scripts/terminal/reporter.ts";

const suite = path.resolve(import.meta.dirname, "../..");

/**
 * In place of ssh: runs the command here, as if it were there. Everything else is real: rsync, its protocol, the scripts. `$CUT`: a
 * file; where it is there, the line breaks after as many KiB as it says, or, while there is `$CUT.dead`, says nothing more from there on.
 */
const FAKE_LINE = `#!/bin/sh
[ "$1" != -G ] || exit 1
while :; do case $1 in -o | -p) shift 2 ;; -*) shift ;; *) break ;; esac; done
shift
case "$*" in
*--server*)
  if [ -e "$CUT" ]; then
    kib=$(cat "$CUT"); rm "$CUT"
    { dd bs=64k count="\${kib}K" iflag=count_bytes status=none; while [ -e "$CUT.dead" ]; do sleep 0.1; done; } | sh -c "$*"
    exit 255
  fi ;;
esac
exec sh -c "$*"
`;

/** A checkout with a manifest, a staging tree, and a "host" that is a folder of this machine. */
export function makePlace(manifest = "", within = os.tmpdir()) {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(within, "switchback-upload-")));
  const [repo, tree, line, cut] = ["app", "host tree", "line", "cut"].map((name) => path.join(root, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const folder of [repo, tree]) fs.mkdirSync(folder);
  fs.writeFileSync(line, FAKE_LINE, { mode: 0o755 });
  Object.assign(process.env, { SWITCHBACK_SSH: line, XDG_STATE_HOME: path.join(root, "state"), CUT: cut });
  setReporter({ quiet: true }, process.env);
  const file = path.join(repo, "deploy.yaml");
  const git = (...words: string[]) => {
    const all = ["-C", repo, "-c", "user.name=a", "-c", "user.email=a@localhost", ...words];
    const { status, stdout, stderr } = spawnSync("git", all, { encoding: "utf8" });
    if (status !== 0) throw new Error(`git ${words.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  git("init", "-q", "-b", "main");
  const sent = path.join(tree, "run/sent/1.yaml");
  const describe = (more: string) => {
    fs.writeFileSync(
      file,
      `app: shop\ndeploy_to: ${JSON.stringify(tree)}\n${more}\nenvironments: { prod: { hosts: web1 } }\n`,
    );
    fs.mkdirSync(path.dirname(sent), { recursive: true });
    const trailer = { originPath: tree, deployTo: tree, environment: "prod", host: "web1" };
    fs.writeFileSync(sent, renderWithTrailer(fs.readFileSync(file, "utf8"), trailer));
  };
  describe(manifest);
  const put = (files: Record<string, string | Buffer | null>) => {
    for (const [name, text] of Object.entries(files)) {
      const place = path.join(repo, name);
      fs.rmSync(place, { recursive: true, force: true });
      if (text === null) continue;
      fs.mkdirSync(path.dirname(place), { recursive: true });
      fs.writeFileSync(place, text);
    }
  };
  return {
    root,
    repo,
    tree,
    cut,
    git,
    describe,
    put,
    commit(files: Record<string, string | Buffer | null> = {}): string {
      put(files);
      git("add", "-A");
      git("commit", "-q", "--allow-empty", "-m", "x");
      return git("rev-parse", "HEAD");
    },
    loaded: () => loadManifest({ filePath: file, environment: "prod", env: process.env }),
    connection: (currentId?: string): Connection => ({
      host: { name: "web1", destination: "web1" },
      deployTo: tree,
      platform: "linux-x64",
      hostname: "web1",
      hasRsync: true,
      hasTree: true,
      suites: [],
      currentId,
    }),
    /** One of the suite's commands, as it is given on the host. */
    there(command: string, ...words: string[]) {
      const { status, stdout, stderr } = spawnSync(
        path.join(suite, `ops/${command}.ts`),
        ["--manifest", sent, ...words],
        {
          encoding: "utf8",
          cwd: "/",
        },
      );
      return { status, stdout, stderr, said: stdout + stderr };
    },
    at: (...names: string[]) => path.join(tree, ...names),
    text: (...names: string[]) => fs.readFileSync(path.join(tree, ...names), "utf8"),
    json: (id: string) =>
      JSON.parse(fs.readFileSync(path.join(tree, "releases", id, "RELEASE.json"), "utf8")) as Record<string, unknown>,
    inode: (...names: string[]) => fs.lstatSync(path.join(tree, ...names)).ino,
    clear: () => fs.rmSync(root, { recursive: true, force: true }),
  };
}
