import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { accountOf } from "../core/account.ts";
import { EXIT, type ExitCode, SwitchbackError, UsageError } from "../core/errors.ts";
import { writeOut } from "../terminal/output.ts";
import { isSameProcess, observeProcess, observeProcessFacts } from "../processes/processes.ts";
import { launchctlLine, launchctlWords, refuseWithoutLaunchd } from "./launchctl.ts";
import { GREETING, makeSelfTestApp, reload, type SelfTestApp, type Told } from "./self-test-app.ts";

/** One thing that is proven. */
interface Proof {
  claim: string;
  /** What is done for it, to read. */
  how: string;
  /** @returns what is worth telling. @throws when the claim does not hold */
  prove(app: SelfTestApp): Promise<string> | string;
}

const WITHIN = 20_000;

/** In this order: each builds on those before. */
const PROOFS: Proof[] = [
  {
    claim: "property lists are installed, and the system's own parser accepts them",
    how: "ops/release/prepare_shared.ts, ops/launchd/install_launchd.ts, plutil -lint",
    prove(app) {
      app.op("release/prepare_shared");
      app.op("launchd/install_launchd");
      for (const { path: file } of [app.web, app.nightly]) holds(fs.existsSync(file), `${file} is missing`);
      const lint = spawnSync("plutil", ["-lint", app.web.path, app.nightly.path], { encoding: "utf8" });
      holds(lint.error !== undefined || lint.status === 0, lint.stdout);
      return lint.error ? "there is no plutil here" : "";
    },
  },
  {
    claim: "a first deploy starts the service under launchd, from its release",
    how: "ops/release/deploy.ts HEAD --id one, launchctl print",
    prove: (app) => deploy(app, "one"),
  },
  {
    claim: "env_file reaches the service by systemd's rules, and no listing shows it",
    how: "the service's own answer, launchctl print, ps",
    async prove(app) {
      const { greeting } = await app.ask();
      holds(greeting === GREETING, `GREETING is ${JSON.stringify(greeting)}`);
      const shown = spawnSync("launchctl", launchctlWords.print(app.web).slice(1), { encoding: "utf8" }).stdout;
      const listed = spawnSync("ps", ["-axww", "-o", "args="], { encoding: "utf8" }).stdout;
      holds(!`${shown}${listed}`.includes("'launchd' #"), "its value is shown");
      return "";
    },
  },
  {
    claim: "what the service prints is in its log",
    how: "logs/web.log in the tree",
    prove: (app) => inLog(app, "one listens"),
  },
  {
    claim: "a second release takes over, and its process is another one",
    how: "ops/release/deploy.ts HEAD --id two",
    prove: (app) => deploy(app, "two"),
  },
  {
    claim: "a rollback brings the first one back",
    how: "ops/release/rollback.ts",
    async prove(app) {
      app.op("release/rollback");
      return serves(app, "one");
    },
  },
  {
    claim: "a restart lets the process end by SIGTERM",
    how: "ops/service/restart.ts",
    async prove(app) {
      const before = await app.ask();
      app.op("service/restart");
      await isTrue("another process answers", async () => (await app.ask()).pid !== before.pid);
      return inLog(app, "one ends by SIGTERM");
    },
  },
  {
    claim: "KeepAlive brings a killed process back",
    how: "kill -KILL",
    async prove(app) {
      const { pid } = await app.ask();
      const { startTime = "" } = observeProcessFacts(pid) ?? {};
      const since = performance.now();
      process.kill(pid, "SIGKILL");
      await isTrue("it is gone", () => !isSameProcess(pid, startTime));
      await isTrue("another process answers", async () => (await app.ask()).pid !== pid);
      return `${await serves(app, "one")}, after ${seconds(since)}`;
    },
  },
  {
    claim: "a schedule is read as StartCalendarInterval, and its job ends well when it is kicked",
    how: "launchctl print, launchctl kickstart",
    async prove(app) {
      const shown = spawnSync("launchctl", launchctlWords.print(app.nightly).slice(1), { encoding: "utf8" }).stdout;
      holds((shown.match(/"Minute" => 17/g) ?? []).length === 5, "launchctl print does not show five times minute 17");
      spawnSync("bash", ["-c", launchctlLine(launchctlWords.kickstart(app.nightly), app.nightly)]);
      await isTrue("it ended with 0", () => app.printed(app.nightly)?.lastExitCode === 0);
      return "";
    },
  },
  {
    claim: "ten times unloaded and loaded, whatever launchd answers meanwhile",
    how: "launchctl bootout, launchctl bootstrap until it no longer answers with error 5",
    async prove(app) {
      const since = performance.now();
      let errors = 0;
      for (let round = 0; round < 10; round++) errors += reload(app.web);
      return `${await serves(app, "one")}; error 5 came ${errors} times, in ${seconds(since)}`;
    },
  },
  {
    claim: "jobs that the manifest no longer has are unloaded and removed, with their process",
    how: "services taken out of deploy.yaml, ops/launchd/install_launchd.ts",
    async prove(app) {
      const { pid } = await app.ask();
      const { startTime = "" } = observeProcessFacts(pid) ?? {};
      app.withoutServices();
      app.op("launchd/install_launchd");
      for (const one of [app.web, app.nightly]) {
        holds(!fs.existsSync(one.path), `${one.path} is still there`);
        holds(app.printed(one) === undefined, `${one.label} is still loaded`);
      }
      holds(!isSameProcess(pid, startTime), `pid ${pid} still runs`);
      return "";
    },
  },
];

/** `ops/launchd/self_test.ts`: proves on a Mac what cannot be run elsewhere; one line a proof. @throws UsageError elsewhere */
export async function selfTest({ dryRun = false }: { dryRun?: boolean }): Promise<ExitCode> {
  if (dryRun) return show();
  refuseWithoutLaunchd("on a Mac: ops/launchd/self_test.ts");
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) throw new UsageError("this is for the user who is logged in at the screen, not for root");
  const home = process.env["HOME"] ?? accountOf(uid)?.home ?? "/";
  const app = makeSelfTestApp(await freePort(), { uid, home });
  try {
    for (const proof of PROOFS) {
      const said = await proof.prove(app);
      writeOut(1, `ok    ${proof.claim}${said ? ` (${said})` : ""}\n`);
    }
    writeOut(1, `${PROOFS.length} proofs.\n`);
    return EXIT.done;
  } catch (error) {
    const output = error instanceof SwitchbackError ? error.output.map((line) => `        ${line}\n`).join("") : "";
    writeOut(1, `FAIL  ${(error as Error).message}\n${output}`);
    return EXIT.failed;
  } finally {
    app.clear();
  }
}

function show(): ExitCode {
  const lines = PROOFS.map(({ claim, how }, index) => `${String(index + 1).padStart(2)}. ${claim}\n    by: ${how}\n`);
  writeOut(
    1,
    `In a temporary directory, with the labels switchback.self-test.*, which are removed at the end:\n${lines.join("")}`,
  );
  return EXIT.done;
}

async function deploy(app: SelfTestApp, id: string): Promise<string> {
  const before = app.printed(app.web)?.pid;
  app.op("release/deploy", "HEAD", "--id", id);
  const { pid } = await app.ask();
  holds(pid !== before, `pid ${pid} is still the one before`);
  return serves(app, id);
}

/** What answers is launchd's own process of the job, and works in the release. */
async function serves(app: SelfTestApp, id: string): Promise<string> {
  let told: Told | undefined;
  await isTrue(`release ${id} answers`, async () => (told = await app.ask()).release === id);
  const { pid, cwd } = told as Told;
  holds(
    app.printed(app.web)?.pid === pid,
    `launchctl print tells pid ${app.printed(app.web)?.pid}, and ${pid} answers`,
  );
  holds(cwd === app.at("tree/releases", id), `it works in ${cwd}`);
  holds(observeProcess(pid)?.cwd === cwd, "ps and lsof tell another directory than the process");
  return `pid ${pid}`;
}

async function inLog(app: SelfTestApp, line: string): Promise<string> {
  await isTrue(`the log says "${line}"`, () => fs.readFileSync(app.at("tree/logs/web.log"), "utf8").includes(line));
  return "";
}

function holds(claim: boolean, otherwise: string): void {
  if (!claim) throw new Error(otherwise);
}

async function isTrue(claim: string, look: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + WITHIN; performance.now() < end; await sleep(100))
    if (
      await Promise.resolve()
        .then(look)
        .catch(() => false)
    )
      return;
  throw new Error(`not within ${WITHIN / 1000} s: ${claim}`);
}

const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
