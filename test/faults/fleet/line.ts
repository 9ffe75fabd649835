import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What a line is like: it can be changed while it is in use. */
export interface Quality {
  /** Milliseconds that each piece takes one way. */
  delay: number;
  /** Chance of a piece to be lost: it comes when TCP has sent it again, 200 to 800 ms later. */
  loss: number;
  bytesPerSecond: number;
}

/** A bad line to a host's sshd: a port of this machine behind which everything is slow, is held up, or breaks. */
export class Line {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  quality: Quality = { delay: 0, loss: 0, bytesPerSecond: Infinity };
  /** Nothing arrives any more, and nothing is refused either. */
  isFrozen = false;

  constructor(address: string) {
    this.server = createServer((near) => {
      const far = connect({ host: address, port: 22 });
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on("error", () => socket.destroy());
        socket.on("close", () => this.sockets.delete(socket));
      }
      void this.carry(near, far);
      void this.carry(far, near);
    });
  }

  /** Answers with the port. */
  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return (this.server.address() as { port: number }).port;
  }

  /** Every connection ends at once, without a word that ssh could understand. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  private async carry(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        const { delay, loss, bytesPerSecond } = this.quality;
        const again = Math.random() < loss ? 200 + Math.random() * 600 : 0;
        await sleep(delay + again + (chunk.length / bytesPerSecond) * 1000);
        while (this.isFrozen && !to.destroyed) await sleep(20);
        if (!to.write(chunk)) await new Promise<void>((resolve) => to.once("drain", resolve).once("close", resolve));
      }
      to.end();
    } catch {
      to.destroy();
    }
  }
}
