import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";

const opsPath = path.resolve(import.meta.dirname, "../../ops");

export interface Ran {
  code: number | null;
  out: string;
  err: string;
}

/** An application's repository with a manifest, and the place of its tree, in a temporary directory; the real commands run on it. */
export function makeHost(manifest = "") {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-look-")));
  const at = (...names: string[]) => path.join(root, ...names);
  fs.mkdirSync(at("app"));
  const write = (file: string, text: string) => fs.writeFileSync(at("app", file), text);
  const git = (...words: string[]) => {
    const who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    const { status, stdout, stderr } = spawnSync("git", ["-C", at("app"), ...who, ...words], { encoding: "utf8" });
    if (status !== 0) throw new Error(`git ${words.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  const run = (name: string, words: string[] = [], env: Record<string, string> = {}): Ran => {
    const clean = { PATH: "/usr/bin:/bin", HOME: root, ...env };
    const { status, stdout, stderr } = spawnSync(path.join(opsPath, `${name}.ts`), words, {
      cwd: at("app"),
      env: clean,
      encoding: "utf8",
    });
    return { code: status, out: stdout, err: stderr };
  };
  const must = (name: string, ...words: string[]): string => {
    const { code, out, err } = run(name, words);
    if (code !== 0) throw new Error(`${name} ${words.join(" ")}: exit ${code}\n${out}${err}`);
    return out;
  };
  git("init", "-q", "-b", "main");
  write("deploy.yaml", `app: demo\ndeploy_to: ${at("tree")}\n${manifest}`);
  write("a.txt", "one\n");
  git("add", "-A");
  git("commit", "-qm", "First");
  return {
    at,
    write,
    git,
    run,
    must,
    tree: (...names: string[]) => at("tree", ...names),
    release: (id: string, ...names: string[]) => at("tree/releases", id, ...names),
    json: (name: string, ...words: string[]): unknown => JSON.parse(run(name, [...words, "--json"]).out),
    commit(text: string): string {
      write("a.txt", `${text}\n`);
      git("commit", "-qam", text);
      return git("rev-parse", "HEAD");
    },
    clear() {
      if (fs.existsSync(at("tree/current"))) run("service/stop");
      fs.rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A port from 21000 to 21099 on which nobody listens. */
export async function freePort(): Promise<number> {
  const port = 21_000 + Math.floor(Math.random() * 100);
  const isFree = await new Promise<boolean>((resolve) => {
    const probe = createServer().once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
  return isFree ? port : freePort();
}
