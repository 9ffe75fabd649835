import fs from "node:fs";
import path from "node:path";
import { command } from "../core/step.ts";
import type { Paths } from "../core/paths.ts";
import { ownerOf } from "../core/owner.ts";
import { standing } from "../core/durable.ts";
import { COMMANDS } from "../host/umbrella.ts";
import { BEAT, isToken } from "./header.ts";
import { type CallRecord, callsPath, KeptCall } from "./kept-call.ts";

const KEPT = 50;
const DAY = 24 * 60 * 60 * 1000;
const KEPT_DAYS = 30;
/** Milliseconds for a call to be begun and followed. */
const YOUNG = 1000;
/** Lines of a command's output that say how it ended. */
const LINES = 5;
const TAIL = 8 * 1024;

/** The command as a person types it where the manifest is: `deploy release v2.0.0 prod`. */
function typed({ command: name, words, environment }: CallRecord): string {
  const word = COMMANDS.find(({ ops }) => ops === name)?.word ?? name;
  return command("deploy", word, ...words.filter(isTyped), environment);
}

/** Several hosts are asked for JSON, whatever was typed. */
const isTyped = (word: string) => word !== "--json";

const moment = (iso: string) => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

/**
 * What became of calls whose connection was lost, in lines for whoever calls next; those that ended are told once. One that is
 * followed at this moment is nobody else's business.
 */
export function tellOthers(paths: Paths, own: string): string[] {
  // Somebody who only looks at another account's tree cannot read them.
  if (![0, ownerOf(paths.deployTo)].includes(process.geteuid?.() ?? 0)) return [];
  const calls = others(paths, own);
  const lines = calls.flatMap((call, index) => tell(call, index));
  dropDone(paths);
  return lines;
}

/** Newest first. */
function others(paths: Paths, own: string): KeptCall[] {
  const folder = callsPath(paths);
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const calls = names.filter((name) => isToken(name) && name !== own).map((name) => new KeptCall(paths, name));
  return calls.toSorted((one, other) => (other.record?.begunAt ?? "").localeCompare(one.record?.begunAt ?? ""));
}

function tell(call: KeptCall, index: number): string[] {
  const { record, unseenMs } = call;
  if (!record || call.isFollowed || Date.now() - Date.parse(record.begunAt) < YOUNG) return [];
  const ended = call.state.exit;
  if (ended === undefined && call.isAlive)
    return [`still at work since ${moment(record.begunAt)}, for ${record.from}: ${typed(record)}`];
  // Its controller may be looking for it, and takes it away itself.
  const isOver = unseenMs > record.reconnectSec * 1000 + BEAT.missing;
  const isOld = index >= KEPT || unseenMs > KEPT_DAYS * DAY;
  const said = !isOld && call.once("told") ? lineOf(call, record, ended) : [];
  if (isOver) call.remove();
  return said;
}

function lineOf(call: KeptCall, record: CallRecord, exit: number | undefined): string[] {
  const how = exit === undefined ? "was cut off by the end of its host's work" : `ended with exit code ${exit}`;
  const about = `${typed(record)}, of ${moment(record.begunAt)}, for ${record.from}, whose connection was lost, ${how}`;
  const last = lastLines(call.at(exit === 0 && record.words.every(isTyped) ? "out" : "err"));
  return last.length > 0 ? [`${about}:`, ...last.map((line) => `    ${line}`)] : [about];
}

function lastLines(file: string): string[] {
  const size = standing(file)?.size ?? 0;
  if (size === 0) return [];
  const fd = fs.openSync(file, "r");
  const buffer = Buffer.alloc(Math.min(TAIL, size));
  fs.readSync(fd, buffer, 0, buffer.length, size - buffer.length);
  fs.closeSync(fd);
  return buffer.toString().trimEnd().split("\n").slice(-LINES);
}

/** What is left of calls that are over, a day later. */
function dropDone(paths: Paths): void {
  const folder = callsPath(paths);
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  for (const name of names.filter((one) => /^\.(?:done|new)-/.test(one))) {
    const place = path.join(folder, name);
    if (Date.now() - (standing(place)?.mtimeMs ?? Date.now()) > DAY) fs.rmSync(place, { recursive: true, force: true });
  }
}
