/**
 * Faults across hosts: `ops/_bun test/faults/hosts.ts [fault…] [--rounds N] [--hosts N] [--seed N]`: a deployment to real hosts over a real
 * sshd, and at a random moment of it a cable, a session, a power supply, a disk, a clock or the controller itself fails.
 * After each, on every host `current` names a complete release, the old or the new one, which serves; what was said is true; the
 * release before is there; the same line typed again is done everywhere; no secret is where it should not be.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { whyNoHosts } from "../hosts/able.ts";
import { bootHost, type Ran } from "../hosts/host.ts";
import { Chance } from "./fleet/chance.ts";
import {
  type Allowed,
  hostsProblem,
  registriesProblem,
  secretsProblem,
  type Standing,
  standings,
  untilIdle,
  Words,
  wordsProblem,
} from "./fleet/check.ts";
import { type Begun, Desk } from "./fleet/desk.ts";
import { FAULTS, type Round } from "./fleet/faults.ts";
import { chosenIn, numberOf } from "./scenarios/words.ts";

const say = (line: string) => void process.stdout.write(`${line}\n`);
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const lastLine = (text: string) => text.trimEnd().split("\n").at(-1)?.slice(0, 90) ?? "";

/** What a round was. */
interface Result {
  fault: string;
  exit: number | "PROBLEM" | null;
}

class Campaign {
  readonly desk: Desk;
  readonly other: Desk;
  readonly chance: Chance;
  readonly words = new Words();
  private before: Standing[] = [];
  /** How long a deployment takes where nothing comes in between, in milliseconds. */
  private longest = 0;

  constructor(desk: Desk, other: Desk, chance: Chance) {
    this.desk = desk;
    this.other = other;
    this.chance = chance;
  }

  /** Two releases without a fault; the second one tells how long that takes. */
  async begin(): Promise<void> {
    for (const id of ["base0", "base1"]) {
      this.desk.commit();
      const began = performance.now();
      await this.must(`release prod --id ${id}`, id);
      this.longest = performance.now() - began;
    }
    this.before = await standings(this.desk.hosts);
    say(`a deployment to ${this.desk.hosts.length} hosts takes ${seconds(this.longest)}`);
  }

  private async must(line: string, what: string): Promise<Ran> {
    const ran = await this.desk.begin(line).ended;
    if (ran.status !== 0) throw new Error(`${what}: ${line}: exit ${ran.status}\n${ran.stdout}${ran.stderr}`);
    return ran;
  }

  /** A round; one that shows a problem is told, and the campaign goes on if the hosts can be made whole. */
  async tried(name: string, number: number): Promise<Result> {
    try {
      return await this.round(name, number);
    } catch (error) {
      say(`PROBLEM in round ${number}: ${(error as Error).message}`);
      process.exitCode = 1;
      this.desk.commit();
      await this.must(`release prod --id mended${number}`, "after a problem");
      this.before = await standings(this.desk.hosts);
      return { fault: name, exit: "PROBLEM" };
    }
  }

  async round(name: string, number: number): Promise<Result> {
    const { desk, chance } = this;
    const at = Math.floor(chance.upTo(desk.hosts.length));
    const host = desk.hosts[at] as Round["host"];
    const id = `r${number}`;
    const round = { desk, other: this.other, chance, host, at, id, otherId: `other${number}` };
    desk.commit();
    const line = `release prod --id ${id}`;
    const { told, moment } = await this.strike(name, round, line);
    const allowed: Allowed = { before: this.before, id, others: othersOf(name, round.otherId) };
    say(`${number}. ${name} at web${at + 1}, ${moment}: exit ${told.status}: ${lastLine(told.stderr || told.stdout)}`);
    const now = await standings(desk.hosts);
    refuse(hostsProblem(now, allowed, told) ?? wordsProblem(now, allowed, told), name, told, now);
    const { exit, says } = FAULTS[name] ?? {};
    refuse(exit === undefined || told.status === exit ? undefined : `exit ${told.status}`, name, told, now);
    const isSaid = told.status === 0 || says === undefined || says.test(told.stderr);
    refuse(isSaid ? undefined : `it does not say ${says.source}`, name, told, now);
    await this.again(line, { ...allowed, name, told });
    return { fault: name, exit: told.status };
  }

  /** Types the line, lets the fault happen, and undoes it when both the command and what it began on the hosts have ended. */
  private async strike(name: string, round: Round, line: string): Promise<{ told: Ran; moment: string }> {
    const { before, strike, options, when } = FAULTS[name] as (typeof FAULTS)[string];
    const heals = [await before?.(round)];
    const begun = round.desk.begin(line, options?.(round));
    const after = this.chance.upTo(this.longest);
    let moment = "before it";
    if (strike) {
      await (when ? untilSaid(begun, when) : Promise.race([sleep(after), begun.ended]));
      moment = `after ${seconds(after)} (${lastLine(begun.said())})`;
      heals.push(await strike(round, begun));
    }
    const told = await begun.ended;
    for (const heal of heals) await heal?.();
    await untilIdle(round.desk.hosts);
    return { told, moment };
  }

  /** I4: the same line once more, by hand, with nothing cleaned up before. */
  private async again(line: string, { name, told, ...allowed }: Allowed & { name: string; told: Ran }): Promise<void> {
    const again = await this.desk.begin(line).ended;
    const now = await standings(this.desk.hosts);
    const output = { ...again, stderr: `${told.stdout}${told.stderr}\n== again\n${again.stdout}${again.stderr}` };
    const wrong =
      (again.status === 0 ? undefined : `typed again, it ended with ${again.status}`) ??
      hostsProblem(now, allowed, again) ??
      wordsProblem(now, { ...allowed, others: [] }, again) ??
      (await registriesProblem(this.desk.hosts, allowed.id)) ??
      (await secretsProblem([this.desk, this.other], this.words));
    refuse(wrong, `${name}, typed again`, output, now);
    this.before = now;
  }
}

const othersOf = (name: string, id: string) => (["two-at-once", "one-is-busy"].includes(name) ? [id] : []);

function refuse(problem: string | undefined, name: string, { status, stdout, stderr }: Ran, now: Standing[]): void {
  if (problem === undefined) return;
  const state = now.map(({ title, current, served }) => `${title}: ${current}, ${served} answers`).join("; ");
  throw new Error(`${name}: ${problem}\nexit ${status}; ${state}\n${stdout}${stderr}`);
}

async function untilSaid(begun: Begun, what: RegExp): Promise<void> {
  const end = { isThere: false };
  void begun.ended.then(() => (end.isThere = true));
  while (!end.isThere && !what.test(begun.said())) await sleep(10);
}

function summary(results: Result[], looks: number): string {
  const by = new Map<string, number>();
  for (const { fault, exit } of results) {
    const key = `${fault} ${exit ?? "killed"}`;
    by.set(key, (by.get(key) ?? 0) + 1);
  }
  const counts = [...by]
    .toSorted(([one], [another]) => one.localeCompare(another))
    .map(([key, count]) => `  ${key}: ${count}`);
  const isWell = results.every(({ exit }) => exit !== "PROBLEM");
  return [
    `${results.length} rounds; exit codes by fault:`,
    ...counts,
    `${isWell ? "each time" : "where there was no problem,"} every host had a complete release that served, what was said was true, the same line succeeded, and no secret was found (${looks} looks at all processes)`,
  ].join("\n");
}

const why = whyNoHosts();
if (why !== undefined) throw new Error(why);
const seed = numberOf("--seed") ?? Math.floor(Math.random() * 2 ** 31);
const names = chosenIn(FAULTS);
const rounds = numberOf("--rounds") ?? names.length;
say(`seed ${seed}`);
const stems = Array.from({ length: numberOf("--hosts") ?? 2 }, (_, at) => `faults${at + 1}`);
const hosts = await Promise.all(stems.map((stem) => bootHost(stem)));
const [desk, other] = [await new Desk(hosts).open(), await new Desk(hosts).open()];
const campaign = new Campaign(desk, other, new Chance(seed));
const results: Result[] = [];
const began = performance.now();
try {
  await campaign.begin();
  while (results.length < rounds)
    for (const name of campaign.chance.shuffled(names).slice(0, rounds - results.length))
      results.push(await campaign.tried(name, results.length + 1));
  say(`${hosts.length} hosts, ${seconds(performance.now() - began)}: ${summary(results, campaign.words.looks)}`);
} finally {
  campaign.words.end();
  await Promise.all(hosts.map((host) => host.down()));
  for (const one of [desk, other]) one.close();
}
