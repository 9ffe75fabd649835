import { createInterface } from "node:readline";
import { BEAT, type Header, LINES } from "./header.ts";

/** What comes to a host on its standard input: the header, then lines. */
export class Controls {
  isStopping = false;
  isDone = false;
  private isClosed = false;
  private heardAt = performance.now();
  private onBeat = () => {};
  private readonly changed: (() => void)[] = [];
  readonly header: Promise<Header | undefined>;

  constructor(input: NodeJS.ReadableStream) {
    const lines = createInterface({ input, crlfDelay: Infinity });
    this.header = new Promise((resolve, reject) => {
      lines.once("line", (first) => {
        lines.on("line", (line) => this.take(line));
        try {
          resolve(JSON.parse(first));
        } catch (error) {
          // Thrown here, it would be nobody's, and the caller would wait for ever.
          reject(error);
        }
      });
      lines.once("close", () => {
        resolve(undefined);
        this.leave();
      });
    });
    // Who waits for it may not do so yet.
    this.header.catch(() => undefined);
  }

  /** Nobody is there any more: the connection was closed, or is silent. */
  get isGone(): boolean {
    return this.isClosed || performance.now() - this.heardAt > BEAT.missing;
  }

  /** Called at each sign of life. */
  beat(work: () => void): void {
    this.onBeat = work;
    work();
  }

  /** Until something comes, at most so many milliseconds. */
  async wait(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.changed.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.changed.length = 0;
  }

  private take(line: string): void {
    this.heardAt = performance.now();
    if (line === LINES.stop) this.isStopping = true;
    if (line === LINES.done) this.isDone = true;
    if (line === LINES.beat) this.onBeat();
    else this.wake();
  }

  /** Nobody reads any more. */
  leave(): void {
    this.isClosed = true;
    this.wake();
  }

  /** Ends a wait. */
  wake(): void {
    for (const one of this.changed) one();
  }
}

/** Writes to standard output, no faster than it is read; one that cannot be written is a reader that is gone. */
export const send = (data: Buffer): Promise<void> =>
  new Promise((resolve) => void process.stdout.write(data, () => resolve()));
