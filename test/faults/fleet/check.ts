import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host, Ran } from "../../hosts/host.ts";
import { type Desk, LATE, TRACES, PORT, TREE } from "./desk.ts";

/** What a host has, and what answers there. */
export interface Standing {
  title: string;
  current: string;
  isComplete: boolean;
  served: string;
  /** Complete releases. */
  releases: string[];
}

const LOOK = `cd ${TREE} 2>/dev/null || exit 0
link=$(readlink current || true)
echo "\${link##*/}"
[ -e current/RELEASE.json ] && [ ! -e current/.building ] && echo complete || echo "not complete"
told=$(curl -s -m 5 http://127.0.0.1:${PORT}/ || echo nothing); echo "\${told% *}"
for id in $(ls releases); do [ ! -e releases/$id/RELEASE.json ] || [ -e releases/$id/.building ] || echo "$id"; done`;

async function standingOf(host: Host, at: number): Promise<Standing> {
  const [current = "", complete, served = "", ...releases] = (await host.sh(LOOK)).trim().split("\n");
  return { title: `web${at + 1}`, current, isComplete: complete === "complete", served, releases };
}

/** What the hosts have; each is waited for until what is current there answers, for it may be booting. */
export const standings = (hosts: Host[], milliseconds = 15_000): Promise<Standing[]> =>
  Promise.all(
    hosts.map(async (host, at) => {
      for (const end = performance.now() + milliseconds; ; await sleep(100)) {
        const found = await standingOf(host, at);
        if (found.served === found.current || performance.now() > end) return found;
      }
    }),
  );

/** Waits until nothing that was begun from afar goes on on any host. */
export async function untilIdle(hosts: Host[]): Promise<void> {
  for (const host of hosts)
    for (const end = performance.now() + 60_000; ; await sleep(100)) {
      const { status, stdout } = await host.run(["pgrep", "-a", "-f", "switchback-call|attend.ts|rsync --server"]);
      if (status === 1) break;
      if (performance.now() > end) throw new Error(`${host.name} is still at work after a minute:\n${stdout}`);
    }
}

/** What a host may have after a round. */
export interface Allowed {
  before: Standing[];
  id: string;
  /** Of somebody else, who deployed at the same time. */
  others: string[];
}

/** I1 and I3, and that each host serves what it has, unless `told` says by its name that it does not. */
export function hostsProblem(now: Standing[], { before, id, others }: Allowed, told: Ran): string | undefined {
  const problems = now.map(({ title, current, isComplete, served, releases }, at) => {
    const old = before[at]?.current ?? "";
    if (!isComplete) return `${title}: current names ${current}, which is not complete`;
    if (![old, id, ...others].includes(current)) return `${title} has ${current}, neither ${old} nor ${id}`;
    if (!releases.includes(old)) return `${title}: ${old}, which was good, is gone`;
    const isTold = told.status === 4 && told.stderr.includes(title);
    return served === current || isTold ? undefined : `${title} has ${current}, and ${served} answers`;
  });
  return problems.find((one) => one !== undefined);
}

/** Whether an exit code, and the line that was said of each host, are true. */
export function wordsProblem(now: Standing[], { before, id, others }: Allowed, told: Ran): string | undefined {
  const { status, stdout, stderr } = told;
  const has = (at: number, wanted: string | undefined) => [wanted, ...others].includes(now[at]?.current);
  const all = (wanted: (at: number) => string | undefined) => now.every((_, at) => has(at, wanted(at)));
  const old = (at: number) => before[at]?.current;
  if (stderr.endsWith(LATE)) return LATE;
  // Killed: it said nothing.
  if (status === null || status > 128) if (status !== 130) return undefined;
  if (status === 0 && !(all(() => id) && stdout.includes(`${id} is on`))) return "exit 0, and not all hosts have it";
  if ([1, 2, 3, 75, 130].includes(status ?? 0) && !all(old)) return `exit ${status}, and not all hosts are as before`;
  if (status === 4 && !now.some(({ title }) => stderr.includes(title))) return "exit 4, and no host is named";
  if (status === 4 && /nothing was (switched|begun)/.test(stderr)) return "exit 4, and nothing was switched";
  if (![0, 1, 2, 3, 4, 75, 130].includes(status ?? -1)) return `exit ${status}`;
  return now.map((_, at) => lineProblem(now[at] as Standing, old(at) ?? "", id, others, stderr)).find(Boolean);
}

function lineProblem({ title, current }: Standing, old: string, id: string, others: string[], stderr: string) {
  const line = new RegExp(`^  ${title} +(.*)$`, "m").exec(stderr)?.[1];
  if (line === undefined) return undefined;
  const claimed = [`${old} again`, `${old}, as before`, `${old}: stopped`].some((words) => line.startsWith(words))
    ? old
    : line.startsWith(`${id},`)
      ? id
      : undefined;
  return claimed === undefined || [claimed, ...others].includes(current)
    ? undefined
    : `${title} has ${current}, and it was said: ${line}`;
}

const REGISTRY = `import sqlite3, sys
db = sqlite3.connect("file:${TREE}/registry.db?mode=ro", uri=True)
print([row[0] for row in db.execute("SELECT release_id FROM releases WHERE status IN ('deployed', 'rolled_back')")])
print([row[0] for row in db.execute("SELECT id FROM operations WHERE finished_at IS NULL")])`;

/** I2: after a command that was done everywhere, the registry of each host says what is so. */
export async function registriesProblem(hosts: Host[], id: string): Promise<string | undefined> {
  const said = await Promise.all(hosts.map((host) => host.must(["python3", "-c", REGISTRY], { user: "deploy" })));
  const wrong = said.findIndex((text) => text !== `['${id}']\n[]\n`);
  return wrong < 0 ? undefined : `the registry of web${wrong + 1} says ${said[wrong]}`;
}

const OWN = new Set([".env", "key.pem", "file.env"].map((name) => `${TREE}/shared/${name}`));
const SEARCH = [
  `grep -rlF ${TRACES.map((value) => `-e ${value}`).join(" ")} /home /srv /tmp /var/tmp /var/log /etc /run/user 2>/dev/null`,
  `journalctl --no-pager -q -o json | grep -cF ${TRACES.map((value) => `-e ${value}`).join(" ")}`,
].join("; ");

/** I5: where a secret is that has no business there. */
export async function secretsProblem(desks: Desk[], words: Words): Promise<string | undefined> {
  const problems: string[] = [...words.found];
  for (const host of desks[0]?.hosts ?? []) {
    const lines = (await host.run(["sh", "-c", SEARCH])).stdout.trim().split("\n");
    const found = lines.filter((line) => line !== "0" && line !== "" && !OWN.has(line));
    problems.push(...found.map((file) => `${host.name}: ${file}`));
  }
  for (const desk of desks) {
    if (TRACES.some((value) => desk.told.includes(value))) problems.push("what was said");
    problems.push(...filesWith(desk.place).filter((file) => !["key", "file.env"].includes(file)));
  }
  return problems.length > 0 ? `a secret is in ${problems.join(", ")}` : undefined;
}

function filesWith(place: string): string[] {
  const all = fs.readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = all.map(({ parentPath, name }) => `${parentPath}/${name}`);
  const hits = paths.filter((file) => TRACES.some((value) => fs.readFileSync(file).includes(value)));
  return hits.map((file) => file.slice(place.length + 1));
}

/** The words of every process of this machine, and so of its hosts, looked at ten times a second. */
export class Words {
  readonly found = new Set<string>();
  looks = 0;
  private readonly timer = setInterval(() => this.look(), 100);

  private look(): void {
    this.looks++;
    for (const pid of fs.readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        const words = fs.readFileSync(`/proc/${pid}/cmdline`, "latin1");
        // Who searches for it has it in its own words.
        if (TRACES.some((value) => words.includes(value)) && !/grep -rlF|grep\0-/.test(words))
          this.found.add(`the words of a process: ${words.replaceAll("\0", " ").slice(0, 200)}`);
      } catch {
        // It has ended.
      }
    }
  }

  end(): void {
    clearInterval(this.timer);
  }
}
