import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../../hosts/host.ts";
import { type Begun, type BeginOptions, type Desk, MADE, SENT, TREE } from "./desk.ts";
import type { Chance } from "./chance.ts";

/** What a fault has to work with. */
export interface Round {
  desk: Desk;
  /** Somebody else's desk, for the same hosts. */
  other: Desk;
  chance: Chance;
  /** The host that is hit. */
  host: Host;
  at: number;
  /** The release that is deployed, and one that somebody else deploys. */
  id: string;
  otherId: string;
}

/** Undoes a fault, once the command has ended. */
type Heal = () => unknown;

export interface Fault {
  options?: (round: Round) => BeginOptions;
  /** Before the command is typed. */
  before?: (round: Round) => Promise<Heal | undefined | void>;
  /** At a random moment of the command. */
  strike?: (round: Round, begun: Begun) => Promise<Heal | undefined | void>;
  /** Waits until this has been said before it strikes at once. */
  when?: RegExp;
  /** The only exit code that it may end with; absent: any that is true. */
  exit?: number;
  /** What is told when it does not end well. */
  says?: RegExp;
}

/** The machine's end of a host's cable. */
const cable = ({ address }: Host, state: "up" | "down") =>
  void spawnSync("ip", ["link", "set", `sbhost${address.split(".").at(-1)}`, state]);

async function pull(host: Host, milliseconds: number): Promise<void> {
  cable(host, "down");
  await sleep(milliseconds);
  cable(host, "up");
}

const impatient = () => ({ env: { SWITCHBACK_RECONNECT_SEC: "3" } });

/** Leaves so many bytes on a host's disk: its /home, and all the rest that it writes. */
async function fill(host: Host, left: number): Promise<Heal> {
  const used = Number((await host.sh("df --output=used -k /home | tail -n 1")).trim());
  await host.must(["mount", "-o", `remount,size=${Math.max(used + Math.floor(left / 1024), 8)}k`, "/home"]);
  return () => host.must(["mount", "-o", "remount,size=2g", "/home"]);
}

const killSessions = (host: Host) => host.sh("for pid in $(pgrep -u deploy -x sshd); do kill -9 $pid || true; done");

const CLOCK = "/etc/ssh/sshd_config.d/clock.conf";
/** Everything that comes over the network has another time from here on; what systemd starts has the machine's. */
async function turnClock(host: Host, hours: number): Promise<Heal> {
  const library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
  await host.write(
    CLOCK,
    `SetEnv LD_PRELOAD=${library} FAKETIME=${hours > 0 ? "+" : ""}${hours}h DONT_FAKE_MONOTONIC=1\n`,
  );
  await host.sh("systemctl reload ssh");
  await killSessions(host);
  return () =>
    host.sh(`rm ${CLOCK}; systemctl reload ssh; for pid in $(pgrep -u deploy -x sshd); do kill -9 $pid || true; done`);
}

const bad = (round: Round, delay: number, loss: number, bytesPerSecond: number) => {
  for (const line of round.desk.lines) line.quality = { delay, loss, bytesPerSecond };
  return () => {
    for (const line of round.desk.lines) line.quality = { delay: 0, loss: 0, bytesPerSecond: Infinity };
  };
};

async function freeze(round: Round, milliseconds: number): Promise<void> {
  const line = round.desk.lines[round.at];
  if (!line) return;
  line.isFrozen = true;
  await sleep(milliseconds);
  line.isFrozen = false;
}

const killing = (signal: NodeJS.Signals): Fault => ({
  strike: async (_, begun) => begun.kill(signal),
});

const ROOM = /no room[^]*What to type:[^]*df -/;
const filling = (left: number): Fault => ({ says: ROOM, before: ({ host }) => fill(host, left) });

/** Somebody else's command, seen to its end before anything is looked at. */
async function alongside({ other, otherId, chance }: Round, on = ""): Promise<Heal> {
  other.commit();
  const begun = other.begin(`release prod --id ${otherId}${on}`);
  await sleep(chance.upTo(4000));
  return () => begun.ended;
}

export const FAULTS: Record<string, Fault> = {
  "cable-out": { strike: ({ host, chance }) => pull(host, 2000 + chance.upTo(chance.upTo(18_000))) },
  "cable-out-for-good": {
    options: impatient,
    strike: async ({ host }) => (cable(host, "down"), () => cable(host, "up")),
  },
  "session-killed": { strike: async ({ host }) => void (await killSessions(host)) },
  "ssh-killed": {
    strike: async ({ desk }) => {
      for (const pid of desk.sshPids()) spawnSync("kill", ["-9", String(pid)]);
    },
  },
  "controller-KILL": killing("SIGKILL"),
  // A terminal that is closed between two hosts stops nothing.
  "controller-HUP": { ...killing("SIGHUP"), when: /Batch 1 of/, exit: 0 },
  "controller-TERM": killing("SIGTERM"),
  "controller-INT": killing("SIGINT"),
  "down-before": { exit: 1, before: async ({ host }) => (cable(host, "down"), () => cable(host, "up")) },
  power: { strike: ({ host }) => host.reboot({ hard: true }) },
  "full-upload": filling(SENT / 2),
  "full-build": filling(SENT + MADE / 2),
  "full-switch": { says: ROOM, when: /web\d \| .* is built/, strike: ({ host }) => fill(host, 0) },
  "full-secrets": {
    says: ROOM,
    before: async ({ host }) => {
      await host.sh(`rm ${TREE}/shared/.env`);
      return fill(host, 0);
    },
  },
  "bad-line": {
    options: () => ({ isBad: true }),
    before: async (round) => bad(round, 40, 0.02, 1_500_000),
    strike: async ({ desk, at, chance }) => {
      if (chance.upTo(1) < 0.5) desk.lines[at]?.cut();
    },
  },
  "frozen-line": {
    options: () => ({ isBad: true }),
    strike: (round) => freeze(round, 3000 + round.chance.upTo(22_000)),
  },
  // Shorter than what ssh takes for a dead line, and longer than what a host takes to greet.
  "frozen-at-switch": {
    options: () => ({ isBad: true }),
    when: /Batch 1 of/,
    exit: 0,
    strike: (round) => freeze(round, 7000 + round.chance.upTo(5000)),
  },
  "clock-ahead": { exit: 0, before: ({ host }) => turnClock(host, 5) },
  "clock-behind": { exit: 0, before: ({ host }) => turnClock(host, -7) },
  "two-at-once": { before: (round) => alongside(round) },
  "one-is-busy": { before: (round) => alongside(round, ` --on web${round.at + 1}`) },
  "moved-by-hand": {
    exit: 0,
    before: async ({ host }) => {
      await host.sh(
        `cd ${TREE}; for id in $(ls releases); do [ releases/$id -ef current ] || [ ! -e releases/$id/RELEASE.json ] || { ln -sfn releases/$id current; break; }; done`,
        { user: "deploy" },
      );
    },
  },
  nothing: { exit: 0 },
};
