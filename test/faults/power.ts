/**
 * Power cuts at random moments of a switch or a deploy, on ext4 and XFS: `ops/_bun test/faults/power.ts [rounds]`. Needs root, xfs_io and mkfs.
 * The file system is shut down without a flush, all that ran is killed, and it is mounted again: `current` then names a
 * complete release whose every file is as it was built, and the same command succeeds.
 */
import { spawn, spawnSync } from "node:child_process";
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
  run,
  shell,
} from "./host.ts";

const SHUTDOWN_AFTER = 1000;

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

async function round(app: Application, image: string, number: number): Promise<void> {
  const isDeploy = number % 3 === 0;
  const id = isDeploy ? `deployed-${number}` : currentId(app) === "one" ? "two" : "one";
  if (isDeploy)
    shell(
      app,
      `echo ${number} > version && git add -A && git -c user.name=t -c user.email=t@localhost commit -qm ${number}`,
    );
  const command = isDeploy ? "release/deploy" : "release/switch_current";
  const words = isDeploy ? ["--id", id] : [id];
  const after = Math.random() * SHUTDOWN_AFTER;
  const where = `${command} ${id}, power cut after ${after.toFixed(0)} ms`;
  await cut(app, image, command, words, after);
  const torn = currentProblem(app);
  if (torn) throw new Error(`${where}: ${torn}`);
  const verified = run(app, "release/verify");
  if (verified.status !== 0)
    throw new Error(`${where}: the current release is not as it was built\n${verified.stdout}${verified.stderr}`);
  const again = run(app, command, words);
  if (again.status !== 0)
    throw new Error(`${where}: the same command then ended with ${again.status}\n${again.stdout}${again.stderr}`);
  if (currentId(app) !== id || (await answerOf(app)) !== id)
    throw new Error(`${where}: ${id} does not serve after the same command`);
}

async function campaign(kind: "ext4" | "xfs", rounds: number): Promise<void> {
  const app = await makeApplication("keep_releases: 3\n");
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

const rounds = Number(process.argv[2] ?? 60);
for (const kind of ["ext4", "xfs"] as const) {
  if (spawnSync(`mkfs.${kind}`, ["-V"]).error || spawnSync("xfs_io", ["-V"]).error) {
    process.stdout.write(`${kind}: skipped, because mkfs.${kind} or xfs_io is not installed\n`);
    continue;
  }
  await campaign(kind, rounds);
  process.stdout.write(
    `${kind}: ${rounds} power cuts, each time current was complete and intact, and the same command succeeded\n`,
  );
}
