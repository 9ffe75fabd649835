import { suiteVersion } from "../suite/install.ts";
import { quote } from "../core/step.ts";
import type { Connection } from "./connection.ts";
import { FrameReader, type Frame } from "./frames.ts";
import { BEAT, LINES } from "./header.ts";
import { newMark, spawnThere } from "./ssh.ts";

/** Milliseconds for a host to say that it attends; one that is busy takes long. */
const HELLO = 60_000;

/** How a connection ended: of ssh (255), or of what it ran; what came on standard error behind the mark, or else all of it. */
export interface LineEnd {
  status: number | null;
  said: string;
  isBegun: boolean;
}

/** One connection to `attend` on a host. */
export interface Line {
  send(text: string): void;
  close(): void;
  readonly ended: Promise<LineEnd>;
}

export const attendPath = ({ deployTo }: Connection): string =>
  `${deployTo}/suite/${suiteVersion()}/ops/host/attend.ts`;

/** Opens one; each frame is given on as it comes. */
export function openLine(connection: Connection, onFrame: (frame: Frame) => void): Line {
  const mark = newMark();
  const child = spawnThere(connection.host, `exec ${quote(attendPath(connection))}`, mark);
  let isAsked = false;
  // The header is the first line, however late the host's greeting comes.
  const beat = setInterval(() => isAsked && child.stdin.write(`${LINES.beat}\n`), BEAT.every);
  const kill = () => void child.kill("SIGKILL");
  const late = setTimeout(kill, HELLO);
  const errors: Buffer[] = [];
  const receive = framesBehind(mark, (frame) => {
    clearTimeout(late);
    onFrame(frame);
  });
  child.stdin.on("error", () => undefined);
  child.stderr.on("data", (chunk: Buffer) => void errors.push(chunk));
  let isBegun = false;
  child.stdout.on("data", (chunk: Buffer) => {
    try {
      isBegun = receive(chunk);
    } catch (error) {
      errors.push(Buffer.from(`${(error as Error).message}\n`));
      kill();
    }
  });
  const ended = new Promise<LineEnd>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      clearInterval(beat);
      clearTimeout(late);
      const said = Buffer.concat(errors).toString();
      const at = said.indexOf(`${mark}\n`);
      resolve({ status, said: at < 0 ? said : said.slice(at + mark.length + 1), isBegun });
    });
  });
  const send = (text: string) => {
    isAsked = true;
    child.stdin.write(`${text}\n`);
  };
  return { send, close: kill, ended };
}

/** Drops what a login file prints before the mark; answers with whether the mark has come. */
function framesBehind(mark: string, onFrame: (frame: Frame) => void): (chunk: Buffer) => boolean {
  const reader = new FrameReader();
  let noise: Buffer | undefined = Buffer.alloc(0);
  return (chunk) => {
    let data = chunk;
    if (noise) {
      noise = Buffer.concat([noise, chunk]);
      const at = noise.indexOf(`${mark}\n`);
      if (at < 0) return false;
      data = noise.subarray(at + mark.length + 1);
      noise = undefined;
    }
    for (const frame of reader.push(data)) onFrame(frame);
    return true;
  };
}
