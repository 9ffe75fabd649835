/** Texts that a unit file could get wrong, as the processes of a real systemd are given them: read from /proc, byte by byte. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostileTree } from "../systemd/hostile.ts";
import { bootHost, type Host, SUITE } from "./host.ts";
import { allow } from "./scenario.ts";

const OF_DEPLOY = { user: "deploy" };
const MANIFEST = "/home/deploy/deploy.yaml";

/** Writes each file of standard input's JSON; those that begin as a script does may be run. */
const LAY = `
import json, os, sys
for file, text in json.load(sys.stdin).items():
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "w", encoding="utf-8", newline="") as out:
        out.write(text)
    os.chmod(file, 0o755 if text.startswith("#!") else 0o644)
`;

/** Prints what each unit's process was started with, and what it wrote. */
const READ = `
import json, os, subprocess, sys, time
def strings(pid, name):
    with open(f"/proc/{pid}/{name}", encoding="utf-8", newline="") as file:
        return file.read().split("\\0")[:-1]
def until(file):
    for _ in range(100):
        if os.path.exists(file): return
        time.sleep(0.05)
told = {}
for one in json.load(sys.stdin):
    until(one["out"])
    show = subprocess.run(["systemctl", "show", "-P", "MainPID", one["unit"]], capture_output=True, text=True)
    pid = show.stdout.strip()
    with open(one["out"]) as out, open(one["stdout"]) as log:
        told[one["unit"]] = {
            "argv": strings(pid, "cmdline"),
            "env": dict(entry.split("=", 1) for entry in strings(pid, "environ")),
            "cwd": os.readlink(f"/proc/{pid}/cwd"),
            "written": json.load(out)["written"],
            "log": log.read(),
        }
print(json.dumps(told))
`;

interface Told {
  argv: string[];
  env: Record<string, string>;
  cwd: string;
  /** Whether it could write into its own folder, or why not. */
  written: true | string;
  log: string;
}

/** What systemd itself gives to every service. */
const OF_SYSTEMD = new Set([
  "HOME",
  "INVOCATION_ID",
  "JOURNAL_STREAM",
  "LANG",
  "LOGNAME",
  "PATH",
  "SHELL",
  "SYSTEMD_EXEC_PID",
  "USER",
]);

let host: Host;
beforeAll(async () => {
  host = await bootHost("hostile");
  await allow(host);
});
afterAll(() => host.down());

// None of them listens on its port.
const UNPROVEN = { DEPLOY_SKIP_HEALTHCHECK: "1" };
const op = (name: string) =>
  host.must([`${SUITE}/ops/${name}.ts`, "--manifest", MANIFEST], { ...OF_DEPLOY, env: UNPROVEN });

/** A `%i` in the run of a service without instances is refused: another specifier stands in its place. */
const treeOf = (deployTo: string) =>
  JSON.parse(JSON.stringify(hostileTree(deployTo)).replaceAll("%i", "%I")) as ReturnType<typeof hostileTree>;

const unitOf = (name: string) => `hostile-${name}.service`;

describe.each(["/srv/hostile", "/home/deploy/hostile", '/home/o:t "h%n/$x/hostile'])("below %s", (deployTo) => {
  const { manifest, release, services } = treeOf(deployTo);
  let told: Record<string, Told>;

  beforeAll(async () => {
    const releasePath = `${deployTo}/releases/r1`;
    const own = { id: "r1", sha: "0".repeat(40), built_at: "2026-01-01T00:00:00Z" };
    const files = {
      [MANIFEST]: manifest,
      [`${releasePath}/RELEASE.json`]: JSON.stringify(own),
      ...Object.fromEntries(Object.entries(release).map(([file, text]) => [`${releasePath}/${file}`, text])),
    };
    await host.must(["sh", "-c", 'mkdir -p -- "$0" && chown deploy: -- "$0"', deployTo]);
    await host.must(["python3", "-c", LAY], { ...OF_DEPLOY, input: JSON.stringify(files) });
    await host.must(
      ["sh", "-c", 'cd -- "$0" && mkdir -p shared/out logs && ln -s releases/r1 current', deployTo],
      OF_DEPLOY,
    );
    await op("systemd/install_systemd");
    await op("service/start");
    const asked = services.map(({ name, out, stdout }) => ({ unit: unitOf(name), out, stdout }));
    told = JSON.parse(await host.must(["python3", "-c", READ], { input: JSON.stringify(asked) })) as typeof told;
  });
  afterAll(async () => {
    await op("service/stop");
    await host.sh("rm /etc/systemd/system/hostile-* /etc/systemd/system/*/hostile-*; systemctl daemon-reload");
  });

  test.each(services)("$name is given what the manifest says", ({ name, out, words, env, dirPath }) => {
    const { argv, env: given, cwd, log } = told[unitOf(name)] as Told;
    const real = (file: string) => file.replace(`${deployTo}/current`, `${deployTo}/releases/r1`);
    expect(argv).toEqual(["node", `${dirPath}/probe`, out, ...words]);
    expect(cwd).toBe(real(dirPath));
    const own = Object.entries(given).filter(([key]) => !OF_SYSTEMD.has(key));
    // In run the port is the manifest's; of the variable systemd lets a file say otherwise.
    const more = name === "values" ? { PORT: "1", MIXED: "${x}$$value %I" } : {};
    expect(Object.fromEntries(own)).toEqual({ ...env, ...more });
    expect(log).toContain("out\n");
  });

  test("each may write where the manifest says, and nowhere else", () => {
    const written = services.map(({ name }) => [name, told[unitOf(name)]?.written]);
    expect(written).toEqual(services.map(({ name }) => [name, name === "values" ? "EROFS" : true]));
  });

  test("each is as safe as systemd says of the best", async () => {
    const table = await host.must(["systemd-analyze", "security", "--no-pager"]);
    const scores = table.split("\n").flatMap((line) => {
      const [, unit = "", score = ""] = /^(hostile-\S+)\s+(\S+)/.exec(line) ?? [];
      return unit === "" ? [] : [[unit, Number(score)] as const];
    });
    expect(scores.map(([unit]) => unit).toSorted()).toEqual(services.map(({ name }) => unitOf(name)).toSorted());
    expect(scores.filter(([, score]) => score > 1.5)).toEqual([]);
  });
});
