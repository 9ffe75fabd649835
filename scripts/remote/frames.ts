/**
 * What travels from a host, each with its length: the command's two streams, what the host itself has to say, the exit code, and
 * the steps of the conversation.
 */
export const FRAMES = ["hello", "begun", "out", "err", "note", "end", "bye"] as const;

export type FrameKind = (typeof FRAMES)[number];

export interface Frame {
  kind: FrameKind;
  data: Buffer;
}

/** A frame as it travels: `out 5\nhello`. */
export const frame = (kind: FrameKind, data: Buffer | string = ""): Buffer =>
  Buffer.concat([Buffer.from(`${kind} ${Buffer.byteLength(data)}\n`), Buffer.from(data)]);

const HEAD = /^([a-z]+) (\d{1,9})$/;
const LONGEST_HEAD = 20;

/** Takes frames out of a stream, however it is cut. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);

  /** @throws Error for what is no frame. */
  push(chunk: Buffer): Frame[] {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const frames: Frame[] = [];
    for (let found = this.next(); found; found = this.next()) frames.push(found);
    return frames;
  }

  private next(): Frame | undefined {
    const end = this.rest.subarray(0, LONGEST_HEAD).indexOf("\n");
    if (end < 0) {
      if (this.rest.length >= LONGEST_HEAD) throw new Error("what came from the host is no frame");
      return undefined;
    }
    const [, kind, length] = HEAD.exec(this.rest.toString("latin1", 0, end)) ?? [];
    if (!FRAMES.includes(kind as FrameKind)) throw new Error("what came from the host is no frame");
    const whole = end + 1 + Number(length);
    if (this.rest.length < whole) return undefined;
    const data = this.rest.subarray(end + 1, whole);
    this.rest = this.rest.subarray(whole);
    return { kind: kind as FrameKind, data };
  }
}
