/**
 * Power cuts at random moments of a switch, a backup, or a deploy that makes packages, shares files and migrates, on ext4 and XFS:
 * `ops/_bun test/faults/power.ts [rounds]`. Needs root, xfs_io and mkfs. The file system is shut down without a flush, all that ran is
 * killed, and it is mounted again: `current` then names a complete release whose every file is as it was built, each backup and each set
 * that says it is complete is, the data is that of what serves, and the same command succeeds.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import {
  answerOf,
  type Application,
  currentId,
  currentProblem,
  makeApplication,
  must,
  ops,
  remove,
  root,
  run,
  shell,
} from "./host.ts";
import { commitPackages, DEPENDENCIES, packagesProblem } from "./scenarios/building.ts";
import { dataProblem, integrityProblem, migrationTo, MIGRATIONS } from "./scenarios/data.ts";
import { verifyProblem } from "./scenarios/scenario.ts";

const SHUTDOWN_AFTER = 1400;

function system(...words: string[]): string {
  const { status, stderr, stdout } = spawnSync(words[0] as string, words.slice(1), { encoding: "utf8" });
  if (status !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  return stdout;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Everything that works in the tree, or was started for it, ends as it does when the power goes. */
function killAll(app: Application): void {
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (isOf(app, pid)) process.kill(Number(pid), "SIGKILL");
  }
}

function isOf(app: Application, pid: string): boolean {
  try {
    const environment = fs.readFileSync(`/proc/${pid}/environ`, "utf8");
    return environment.includes(`POWER_TEST=${app.tree}`) || environment.includes(`SWITCHBACK_SERVICE=${app.tree}#`);
  } catch {
    return false;
  }
}

function mount(image: string, app: Application): void {
  system("mount", "-o", "loop", image, app.tree);
}

async function unmount(app: Application): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { status, stderr } = spawnSync("umount", [app.tree], { encoding: "utf8" });
    if (status === 0) return;
    if (tries > 100) throw new Error(`umount: ${stderr}`);
    killAll(app);
    await pause(20);
  }
}

async function cut(app: Application, image: string, command: string, words: string[], after: number): Promise<void> {
  const child = spawn(ops(command), words, {
    cwd: app.path,
    stdio: "ignore",
    env: { ...process.env, POWER_TEST: app.tree },
  });
  await pause(after);
  system("xfs_io", "-x", "-c", "shutdown", app.tree);
  killAll(app);
  child.kill("SIGKILL");
  await unmount(app);
  mount(image, app);
}

/** Each backup that has its facts is the file that they tell of, and a whole database. */
function backupsProblem(app: Application): string | undefined {
  const folder = `${app.tree}/backups`;
  for (const id of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    if (!fs.existsSync(`${folder}/${id}/BACKUP.json`)) continue;
    const fact = JSON.parse(fs.readFileSync(`${folder}/${id}/BACKUP.json`, "utf8")) as {
      sha256: string;
      is_absent?: true;
    };
    if (fact.is_absent) continue;
    const data = fs.readFileSync(`${folder}/${id}/data`);
    if (createHash("sha256").update(data).digest("hex") !== fact.sha256)
      return `the backup ${id} is not what its sha256 says`;
    fs.writeFileSync(`${app.path}/../look.db`, data);
    const wrong = integrityProblem(`${app.path}/../look.db`);
    if (wrong) return `the backup ${id}: ${wrong}`;
  }
  return undefined;
}

/** What a power cut may come into: a switch, a backup, or a deploy with a new lockfile and a migration. */
function workOf(app: Application, number: number): { command: string; words: string[]; id: string } {
  const kind = (["switch", "deploy", "backup", "deploy"] as const)[number % 4];
  if (kind === "backup") return { command: "data/backup", words: [], id: currentId(app) };
  if (kind === "switch") {
    const id = currentId(app) === "one" ? "two" : "one";
    return { command: "release/switch_current", words: [id, "--keep-data"], id };
  }
  fs.writeFileSync(`${app.path}/migrate.ts`, migrationTo(...Array.from({ length: number + 1 }, (_, index) => index)));
  commitPackages(app, number);
  return { command: "release/deploy", words: ["--id", `deployed-${number}`], id: `deployed-${number}` };
}

/** What must hold with nothing mended yet, and then once the interrupted operation is recovered from. */
function problemAfterCut(app: Application, number: number, id: string): string | undefined {
  const torn = currentProblem(app) ?? verifyProblem(app, currentId(app)) ?? backupsProblem(app);
  if (torn) return torn;
  const packed = fs.readdirSync(`${app.tree}/releases`).filter((name) => isPacked(app, name));
  const half = packed.map((name) => packagesProblem(app, name)).find(Boolean);
  if (half) return half;
  const { status, stdout, stderr } = run(app, "release/recover");
  if (status !== 0) return `recover: ${stdout}${stderr}`;
  return dataProblem(app, id.startsWith("deployed-") && currentId(app) !== id ? number : undefined);
}

const isPacked = (app: Application, id: string) =>
  fs.existsSync(`${app.tree}/releases/${id}/RELEASE.json`) && !fs.existsSync(`${app.tree}/releases/${id}/.building`);

async function round(app: Application, image: string, number: number): Promise<void> {
  const { command, words, id } = workOf(app, number);
  const after = Math.random() * SHUTDOWN_AFTER;
  const where = `${command} ${id}, power cut after ${after.toFixed(0)} ms`;
  await cut(app, image, command, words, after);
  const torn = problemAfterCut(app, number, id);
  if (torn) throw new Error(`${where}: ${torn}`);
  const again = run(app, command, words);
  if (again.status !== 0)
    throw new Error(`${where}: the same command then ended with ${again.status}\n${again.stdout}${again.stderr}`);
  // A boot starts what a backup leaves alone.
  if (command === "data/backup") must(app, "service/start");
  if (currentId(app) !== id || (await answerOf(app)) !== id)
    throw new Error(`${where}: ${id} does not serve after the same command`);
  const wrong = dataProblem(app) ?? backupsProblem(app);
  if (wrong) throw new Error(`${where}: after the same command: ${wrong}`);
}

async function campaign(kind: "ext4" | "xfs", rounds: number): Promise<void> {
  const app = await makeApplication(`keep_releases: 4\n${DEPENDENCIES}${MIGRATIONS}`);
  fs.writeFileSync(`${app.path}/migrate.ts`, migrationTo(0));
  shell(app, "mkdir many && for i in $(seq 60); do echo file $i >many/$i; done; echo dist/ >>.gitignore");
  commitPackages(app, 0);
  const image = path.join(path.dirname(app.path), "disk.img");
  fs.mkdirSync(app.tree);
  fs.writeFileSync(image, "");
  fs.truncateSync(image, 1024 * 1024 * 1024);
  system(`mkfs.${kind}`, "-q", image);
  mount(image, app);
  try {
    fs.mkdirSync(`${app.tree}/shared/data`, { recursive: true });
    fs.writeFileSync(`${app.tree}/shared/.env`, "TOKEN=canary\n");
    must(app, "release/deploy", ["--id", "one"]);
    must(app, "release/deploy", ["--id", "two"]);
    for (const id of ["one", "two"]) must(app, "release/pin", [id]);
    for (let number = 1; number <= rounds; number++) await round(app, image, number);
  } finally {
    killAll(app);
    await unmount(app);
    remove(app);
  }
}

/** In mounts of its own: whoever copies the machine's mounts meanwhile would keep the file system that was shut down alive. */
function inOwnMounts(): number {
  const words = ["--mount", `${root}/ops/_bun`, import.meta.filename, ...process.argv.slice(2)];
  return spawnSync("unshare", words, { stdio: "inherit", env: { ...process.env, [PRIVATE]: "1" } }).status ?? 1;
}

const PRIVATE = "POWER_TEST_HAS_OWN_MOUNTS";
const rounds = Number(process.argv[2] ?? 60);
if (!process.env[PRIVATE]) process.exit(inOwnMounts());
for (const kind of ["ext4", "xfs"] as const) {
  if (spawnSync(`mkfs.${kind}`, ["-V"]).error || spawnSync("xfs_io", ["-V"]).error) {
    process.stdout.write(`${kind}: skipped, because mkfs.${kind} or xfs_io is not installed\n`);
    continue;
  }
  await campaign(kind, rounds);
  process.stdout.write(
    `${kind}: ${rounds} power cuts, each time current was complete and intact, backups and data were whole, and the same command succeeded\n`,
  );
}
