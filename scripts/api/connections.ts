import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Limits } from "./limits.ts";

/**
 * The open connections of a server. A client that takes nothing of its answer is cut off; when there are too many, the one that has waited
 * longest with nothing asked makes room, so that slow clients never keep others out.
 */
export class Connections {
  /** In the order in which they were last at work; true: a request is being answered. */
  private readonly open = new Map<Socket, boolean>();
  private readonly server: Server;
  private readonly limits: Limits;

  constructor(server: Server, limits: Limits) {
    this.server = server;
    this.limits = limits;
    server.on("connection", (socket: Socket) => this.add(socket));
    const begin = (request: IncomingMessage, response: ServerResponse) => {
      this.mark(request.socket, true);
      response.once("close", () => this.mark(request.socket, false));
    };
    server.prependListener("request", begin);
  }

  /** Resolves when all connections are closed. */
  async end(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.server.close(() => resolve()));
    for (const [socket, isAnswering] of this.open) if (!isAnswering) socket.destroy();
    const late = setTimeout(() => {
      for (const socket of this.open.keys()) socket.destroy();
      this.server.closeAllConnections();
    }, this.limits.ending);
    await closed;
    clearTimeout(late);
  }

  private add(socket: Socket): void {
    if (this.open.size >= this.limits.connections) this.makeRoom(socket);
    if (socket.destroyed) return;
    this.open.set(socket, false);
    socket.once("close", () => this.open.delete(socket));
    socket.on("error", () => socket.destroy()).on("timeout", () => socket.destroy());
  }

  private makeRoom(asking: Socket): void {
    const idle = [...this.open].find(([, isAnswering]) => !isAnswering)?.[0];
    (idle ?? asking).destroy();
    if (idle) this.open.delete(idle);
  }

  private mark(socket: Socket, isAnswering: boolean): void {
    if (!this.open.delete(socket)) return;
    this.open.set(socket, isAnswering);
    socket.setTimeout(isAnswering ? this.limits.stalled : this.limits.idle);
  }
}
