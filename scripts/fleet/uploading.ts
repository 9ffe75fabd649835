import { SwitchbackError } from "../core/errors.ts";
import type { Connection } from "../remote/connection.ts";
import { clock } from "../terminal/durations.ts";
import { reporter } from "../terminal/reporter.ts";
import { showBytes } from "../text/amounts.ts";
import { send, type Sent, type Staged } from "../upload/send.ts";
import { together } from "./together.ts";
import type { Hosts } from "./real.ts";
import { suiteLine } from "./typed.ts";

/** To so many hosts at the same time. */
const AT_ONCE = 4;
/** How often a log or a pipe is told, in milliseconds. */
const TELL_EVERY = 10_000;

/** An upload to one host. */
export interface Upload {
  title: string;
  sent?: Sent;
  isDone: boolean;
}

/** Sends a staged release to hosts: one moving line on a terminal; in a log a line at the end, and every ten seconds before. */
export async function uploadTo(hosts: Hosts, connections: Connection[], staged: Staged): Promise<void> {
  const uploads = new Map<Connection, Upload>(
    connections.map((one) => [one, { title: hosts.titleOf(one.host), isDone: false }]),
  );
  const title = `Upload ${staged.id} to ${[...uploads.values()].map((one) => one.title).join(", ")}`;
  const since = performance.now();
  const show = () => renderUploads([...uploads.values()], performance.now() - since);
  reporter().begin(title);
  reporter().waitFor(show);
  const timer = setInterval(() => reporter().note(show()), TELL_EVERY);
  let isWhole = false;
  let bytes = 0;
  const one = async (connection: Connection) => {
    const upload = uploads.get(connection) as Upload;
    const told = (sent: Sent) => void (upload.sent = sent);
    const wire = await send(connection, staged, told).catch((error: unknown) => {
      throw typedFor(hosts, connection, error);
    });
    bytes += wire;
    upload.isDone = true;
  };
  try {
    await together(hosts, connections, "could not be sent to; nothing was switched", one, AT_ONCE);
    isWhole = true;
  } finally {
    clearInterval(timer);
    reporter().end(`${title}: ${showBytes(bytes)}`, performance.now() - since, isWhole ? "done" : "failed");
  }
}

/** What an upload says to type is for its host. */
function typedFor({ loaded }: Hosts, { host }: Connection, error: unknown): unknown {
  if (!(error instanceof SwitchbackError)) return error;
  const next = error.next.map((line) => suiteLine(loaded, host, line) ?? line);
  error.next.splice(0, next.length, ...next);
  return error;
}

/** `Upload: web1 34 % (1.2 MB), web2 done (12 s)` */
export function renderUploads(uploads: Upload[], elapsedMs: number): string {
  const parts = uploads.map(({ title, sent, isDone }) => {
    if (isDone) return `${title} done`;
    return sent ? `${title} ${Math.floor(sent.percent)} % (${showBytes(sent.bytes)})` : `${title} begins`;
  });
  return `Upload: ${parts.join(", ")} (${clock(elapsedMs)})`;
}
