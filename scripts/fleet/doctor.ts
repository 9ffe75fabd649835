import { which } from "../build/tools.ts";
import { EXIT, SwitchbackError } from "../core/errors.ts";
import { checkTools } from "../doctor/host.ts";
import { type Finding, note, ok, wrong } from "../doctor/finding.ts";
import { probe } from "../doctor/probe.ts";
import { diagnoseHere, renderFindings } from "../host/doctor.ts";
import { isSetUp } from "../host/setup.ts";
import type { Host } from "../manifest/loaded.ts";
import { type Connection, SKEW } from "../remote/connection.ts";
import { isKeyChecked, runThere } from "../remote/ssh.ts";
import { suiteVersion } from "../suite/install.ts";
import { writeOut } from "../terminal/output.ts";
import { stagingContext } from "../upload/staging.ts";
import type { Giving } from "./give.ts";
import { headingOf } from "./look.ts";
import { suiteLine, type } from "./typed.ts";

/**
 * What is needed here, then each host as it is reached from here, then what its own doctor says. `--json` gives {ok, findings,
 * hosts: {<host>: {ok, findings}}}.
 */
export async function doctorOfHosts(giving: Giving): Promise<number> {
  const { hosts, flags, loaded } = giving;
  const there = hosts.hosts.map(async (host) => ({ host, findings: await checkHost(giving, host) }));
  const here = [...(await diagnoseHere(loaded)), ...(await checkPrograms()), ...checkTools(stagingContext(loaded))];
  const found = await Promise.all(there);
  const isWell = [here, ...found.map(({ findings }) => findings)].every(isOk);
  if (flags.json) {
    const of = Object.fromEntries(found.map(({ host, findings }) => [host.name, { ok: isOk(findings), findings }]));
    writeOut(1, `${JSON.stringify({ ok: isWell, findings: here, hosts: of }, null, 2)}\n`);
  } else {
    writeOut(1, `${headingOf("here", true)}${renderFindings(here)}\n`);
    for (const { host, findings } of found)
      writeOut(1, `${headingOf(hosts.titleOf(host), false)}${renderFindings(findings)}\n`);
  }
  return isWell ? EXIT.done : EXIT.failed;
}

const isOk = (findings: Finding[]) => findings.every(({ level }) => level !== "wrong");

/** What this machine reaches its hosts with. */
async function checkPrograms(): Promise<Finding[]> {
  const lacking = ["ssh", "rsync"].filter((name) => !which(name));
  if (lacking.length > 0) return lacking.map((name) => wrong(name, `${name} is not in PATH`, `install ${name}`));
  const [ssh, rsync] = await Promise.all([probe("ssh", ["-V"]), probe("rsync", ["--version"])]);
  return [
    ok("ssh", (ssh.stderr || ssh.stdout).trim().split("\n")[0] ?? ""),
    ok("rsync", rsync.stdout.split("\n")[0]?.trim() ?? ""),
  ];
}

async function checkHost(giving: Giving, host: Host): Promise<Finding[]> {
  const { hosts, loaded } = giving;
  try {
    const connection = await hosts.connect(host);
    const reached = [
      ...checkConnection(connection, type(loaded, "host/setup", [], host), isKeyChecked(host)),
      await checkClock(host),
    ];
    return isSetUp(connection) ? [...reached, ...(await checkThere(giving, host))] : reached;
  } catch (error) {
    if (!(error instanceof SwitchbackError)) throw error;
    return [wrong("ssh", [error.message, ...error.output].join("\n"), ...error.next)];
  }
}

/** What a look at a host tells. */
export function checkConnection(connection: Connection, setup: string, isChecked: boolean): Finding[] {
  const { host, hostname, platform, deployTo, hasRsync, suites } = connection;
  const version = suiteVersion();
  return [
    isChecked
      ? ok("ssh", `${host.destination} is ${hostname}, ${platform}; its key is known here`)
      : wrong(
          "ssh",
          `${host.destination} says that it is ${hostname}, ${platform}; its key is not checked, and anybody between may be it`,
          "take StrictHostKeyChecking no out of your ssh configuration",
        ),
    hasRsync ? ok("rsync", "it is there") : wrong("rsync", `rsync is not on ${host.name}`, "install rsync there"),
    suites.includes(version)
      ? ok("suite", `${version} in ${deployTo}`)
      : note(
          "suite",
          `${version} is not in ${deployTo} yet: a deploy begins with that, and only then can ports, accounts and rights there be looked at`,
          setup,
        ),
  ];
}

async function checkClock(host: Host): Promise<Finding> {
  const before = Date.now();
  const { stdout } = await runThere(host, "date +%s");
  const there = Number(stdout.trim()) * 1000;
  // The answer is from some moment of the call, and in whole seconds.
  const skew = there + 1000 < before ? there + 1000 - before : Math.max(0, there - Date.now());
  const seconds = Math.round(skew / 1000);
  if (Number.isNaN(seconds)) return note("clock", `${host.name} does not tell the time`);
  if (Math.abs(seconds) <= SKEW) return ok("clock", "the same as here");
  return wrong(
    "clock",
    `it is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead of" : "behind"} this one`,
    "timedatectl status",
  );
}

/** What a host says of the manifest it was sent is what is said of the manifest here. */
const TOLD_HERE = new Set(["manifest", "environments", "generated"]);

async function checkThere({ hosts, loaded }: Giving, host: Host): Promise<Finding[]> {
  const { ending, value, err } = await hosts.ask(
    { host, command: "host/doctor", words: [] },
    { isReading: true, isShown: false },
  );
  const found = (value as { findings?: Finding[] } | undefined)?.findings;
  if (found)
    return found
      .filter(({ check, level }) => !TOLD_HERE.has(check) || (check === "manifest" && level === "wrong"))
      .map((one) => ({ ...one, next: one.next.map((line) => suiteLine(loaded, host, line) ?? line) }));
  const why = ending.end === "unreachable" ? ending.message : err.trim() || "it did not answer";
  return [wrong("doctor", why)];
}
