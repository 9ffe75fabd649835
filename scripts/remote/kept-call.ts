import fs from "node:fs";
import path from "node:path";
import { standing } from "../core/durable.ts";
import { giveToOwner } from "../core/owner.ts";
import type { Paths } from "../core/paths.ts";

/** What a call's folder says of it. */
export interface CallRecord {
  command: string;
  words: string[];
  environment: string;
  from: string;
  /** ISO 8601. */
  begunAt: string;
  reconnectSec: number;
}

export const callsPath = (paths: Paths) => path.join(paths.run, "calls");

/**
 * A call on a host: `<deploy_to>/run/calls/<token>/` with `call.json`, `out`, `err`, two pipes that show by a reader who is there
 * (`alive`: its keeper; `followed`: somebody's connection), and one file whose name tells how far it is, changed by renames alone, as they need no room on a full disk: `slot` (not begun),
 * `begun`, `pid-<pid of the command>`, `exit-<code>`.
 */
export class KeptCall {
  readonly paths: Paths;
  readonly token: string;
  readonly folder: string;

  constructor(paths: Paths, token: string) {
    this.paths = paths;
    this.token = token;
    this.folder = path.join(callsPath(paths), token);
  }

  at(name: string): string {
    return path.join(this.folder, name);
  }

  get isThere(): boolean {
    return standing(this.folder) !== undefined;
  }

  /** It was there, and its controller has all of it. */
  get isDone(): boolean {
    return standing(this.donePath) !== undefined;
  }

  /** An empty folder: one who asks late for a call that is over must not begin it again. */
  private get donePath(): string {
    return path.join(callsPath(this.paths), `.done-${this.token}`);
  }

  /** Makes its folder by one rename, unless it is there. */
  make(record: CallRecord): void {
    const calls = callsPath(this.paths);
    const draft = path.join(calls, `.new-${this.token}-${process.pid}`);
    fs.mkdirSync(this.paths.run, { recursive: true });
    fs.mkdirSync(draft, { recursive: true, mode: 0o700 });
    try {
      for (const name of ["out", "err", "slot"]) fs.writeFileSync(path.join(draft, name), "", { mode: 0o600 });
      fs.writeFileSync(path.join(draft, "call.json"), `${JSON.stringify(record)}\n`, { mode: 0o600 });
      const files = ["out", "err", "slot", "call.json"].map((name) => path.join(draft, name));
      giveToOwner(this.paths.deployTo, [this.paths.run, calls, draft, ...files]);
      fs.renameSync(draft, this.folder);
    } catch (error) {
      fs.rmSync(draft, { recursive: true, force: true });
      if (!this.isThere) throw error;
    }
  }

  get record(): CallRecord | undefined {
    try {
      return JSON.parse(fs.readFileSync(this.at("call.json"), "utf8")) as CallRecord;
    } catch {
      return undefined;
    }
  }

  /** How far it is; a folder that was taken away answers with nothing. */
  get state(): { isSlot?: true; pid?: number; exit?: number } {
    const names = this.isThere ? fs.readdirSync(this.folder) : [];
    const numberOf = (stem: string) => {
      const found = names.find((name) => name.startsWith(stem))?.slice(stem.length);
      return found !== undefined && /^\d{1,9}$/.test(found) ? Number(found) : undefined;
    };
    const [pid, exit] = [numberOf("pid-"), numberOf("exit-")];
    return {
      ...(names.includes("slot") ? { isSlot: true } : {}),
      ...(pid === undefined ? {} : { pid }),
      ...(exit === undefined ? {} : { exit }),
    };
  }

  /** Its keeper lives: only then has the pipe a reader. No pid can be mistaken for it, and no restart of the host. */
  get isAlive(): boolean {
    return this.hasReader("alive");
  }

  /** Somebody's connection follows it. */
  get isFollowed(): boolean {
    return this.hasReader("followed");
  }

  private hasReader(pipe: string): boolean {
    try {
      fs.closeSync(fs.openSync(this.at(pipe), fs.constants.O_WRONLY | fs.constants.O_NONBLOCK));
      return true;
    } catch {
      return false;
    }
  }

  /** Follows it, until the descriptor is closed; undefined: not yet. */
  hold(): number | undefined {
    try {
      return fs.openSync(this.at("followed"), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
  }

  /** A sign of life of who follows it. */
  touch(): void {
    try {
      fs.utimesSync(this.at("call.json"), new Date(), new Date());
    } catch {
      // It was taken away.
    }
  }

  /** Milliseconds since the last one. */
  get unseenMs(): number {
    return Date.now() - (standing(this.at("call.json"))?.mtimeMs ?? 0);
  }

  /** Does something once for it, whoever asks. */
  once(mark: string): boolean {
    try {
      fs.closeSync(fs.openSync(this.at(mark), "wx", 0o600));
      return true;
    } catch {
      return false;
    }
  }

  /** Forgets it: by one rename, so that nobody sees the half of it. */
  remove(): void {
    if (!this.isThere) return;
    fs.renameSync(this.folder, this.donePath);
    for (const name of fs.readdirSync(this.donePath))
      fs.rmSync(path.join(this.donePath, name), { recursive: true, force: true });
  }
}
