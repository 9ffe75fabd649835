import { spawn } from "node:child_process";
import path from "node:path";

/** What became of all requests of a load; durations in ms, from when a request was due until its answer was read. */
export interface LoadReport {
  requests: number;
  gets: number;
  posts: number;
  /** How many failed, by what happened: an error's code, `status 502`, `wrong answer`, `cut short`, `timeout`. */
  failed: Record<string, number>;
  /** The first failures: `12034 ms: GET: wrong answer "…"`, by when they were due. */
  examples: string[];
  /** Ids that were answered as counted, and are not, or are more than once; undefined: the count could not be read. */
  lost: string[] | undefined;
  repeated: string[] | undefined;
  /** How many answers to GET / each release gave. */
  releases: Record<string, number>;
  p50: number;
  p99: number;
  max: number;
  /** The latest that a request was begun after it was due: the generator's own fault when it is large. */
  late: number;
}

export interface LoadOptions {
  /** Requests per second, GET and POST in turn; each has a connection of its own. */
  rate?: number;
  /** Milliseconds after which an answer counts as failed. */
  timeout?: number;
}

/** Loads an application like test/hosts/app from a process of its own, until it is stopped. */
export function startLoad(url: string, { rate = 200, timeout = 20_000 }: LoadOptions = {}) {
  const root = path.resolve(import.meta.dirname, "../..");
  const words = [path.join(import.meta.dirname, "load.ts"), url, String(rate), String(timeout)];
  const child = spawn(path.join(root, "ops/_bun"), words, { stdio: ["pipe", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => void chunks.push(chunk));
  const ended = new Promise<LoadReport>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      if (status === 0) resolve(JSON.parse(Buffer.concat(chunks).toString()) as LoadReport);
      else reject(new Error(`the load ended with ${status}`));
    });
  });
  ended.catch(() => undefined);
  return {
    /** Ends the load when its last request is answered. */
    stop: (): Promise<LoadReport> => {
      child.stdin.end();
      return ended;
    },
  };
}

/** One line for people. */
export function showLoad({
  requests,
  gets,
  posts,
  failed,
  examples,
  lost,
  repeated,
  p50,
  p99,
  max,
}: LoadReport): string {
  const kinds = Object.entries(failed).map(([kind, count]) => `${count} ${kind}`);
  const posted = lost && repeated ? `${lost.length} POST lost, ${repeated.length} repeated` : "POST not counted";
  const times = [p50, p99, max].map((time) => time.toFixed(0));
  return `${requests} requests (${gets} GET, ${posts} POST): ${kinds.join(", ") || "none"} failed, ${posted}; p50 ${times[0]} ms, p99 ${times[1]} ms, max ${times[2]} ms${examples.map((line) => `\n  ${line}`).join("")}`;
}
