/**
 * A full disk, and a file system that reports errors: `ops/_bun test/faults/disk.ts`. Needs root (it mounts a tmpfs) and strace.
 * A deploy without room ends with exit 1 and leaves nothing; a rollback needs no room; an error of fsync aborts before the link.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import {
  answerOf,
  type Application,
  currentId,
  currentProblem,
  makeApplication,
  must,
  remove,
  run,
  injecting,
} from "./host.ts";

function expect(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`expected: ${what}`);
}

async function onTmpfs(options: string, work: (app: Application) => Promise<void>): Promise<void> {
  const app = await makeApplication();
  fs.mkdirSync(app.tree);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", app.tree], { encoding: "utf8" });
  expect(mounted.status === 0, `a tmpfs can be mounted: ${mounted.stderr}`);
  try {
    fs.mkdirSync(`${app.tree}/shared/data`, { recursive: true });
    fs.writeFileSync(`${app.tree}/shared/.env`, "TOKEN=canary\n");
    must(app, "release/deploy", ["--id", "one"]);
    must(app, "release/deploy", ["--id", "two"]);
    await work(app);
  } finally {
    run(app, "service/stop");
    spawnSync("umount", ["-l", app.tree]);
    remove(app);
  }
}

function fill(app: Application, isFull: "bytes" | "inodes"): void {
  const place = (name: string) => `${app.tree}/shared/data/ballast-${name}`;
  try {
    if (isFull === "bytes") fs.writeFileSync(place("all"), Buffer.alloc(1 << 26, 1));
    else for (let i = 0; ; i++) fs.writeFileSync(place(String(i)), "");
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code === "ENOSPC", "the disk is full");
  }
}

const full = (options: string, kind: "bytes" | "inodes") =>
  onTmpfs(options, async (app) => {
    fill(app, kind);
    const deploy = run(app, "release/deploy", ["--id", "three"]);
    expect(
      deploy.status === 1,
      `a deploy without room (${kind}) ends with 1, not ${deploy.status}: ${deploy.stderr}${deploy.stdout}`,
    );
    expect(
      fs.readdirSync(`${app.tree}/releases`).toSorted().join(" ") === "one two",
      "nothing of the new release is left",
    );
    expect(currentId(app) === "two" && (await answerOf(app)) === "two", "the old release serves");
    const back = run(app, "release/rollback");
    expect(back.status === 0, `a rollback needs no room: ${back.stderr}`);
    expect(currentId(app) === "one" && (await answerOf(app)) === "one", "the earlier release serves");
  });

/** One fsync or rename fails: before the link that is exit 1 or 3, and what served still serves. */
async function errors(): Promise<number> {
  const app = await makeApplication();
  let fired = 0;
  try {
    must(app, "release/prepare_shared");
    must(app, "release/deploy", ["--id", "one"]);
    must(app, "release/build_release", ["--id", "two"]);
    for (const [call, error, most] of [
      ["fsync", "EIO", 24],
      ["rename", "EIO", 4],
      ["symlink", "ENOSPC", 2],
    ] as const)
      for (let when = 1; when <= most; when++) {
        must(app, "release/switch_current", ["one"]);
        const inject = injecting(call, `error=${error}`, when);
        const { status, stderr } = run(app, "release/switch_current", ["two"], inject);
        const where = `${call} ${when} answered ${error}`;
        expect(currentProblem(app) === undefined, `${where}: current names a complete release`);
        expect((await answerOf(app)) === currentId(app), `${where}: what is current serves`);
        // The last ones come too late to matter: SQLite tidies up after everything is durable.
        if (status === 0) continue;
        fired++;
        expect(status === 1 || status === 3, `${where}: exit 1 or 3, not ${status}: ${stderr}`);
        expect(currentId(app) === "one", `${where}: the old release is current`);
      }
  } finally {
    remove(app);
  }
  return fired;
}

await full("size=24m", "bytes");
await full("size=64m,nr_inodes=160", "inodes");
const fired = await errors();
process.stdout.write(
  `full disk, no inodes, ${fired} failed system calls: the old release served each time, a rollback needed no room\n`,
);
