import type { Sql } from "postgres";
import { type OpenServer, openServer } from "./connection.ts";
import { explain, isCut } from "./problem.ts";
import { Patience } from "./patience.ts";
import type { Target } from "./target.ts";

/** How long an answer waits for the server, and for how long after it was not there nobody looks again, in ms. */
const PATIENCE_MS = 3_000;
const PAUSE_MS = 1_000;

/** A connection for who asks again and again: it is made at the first question, and anew after the server was away. */
export class LastingServer {
  private readonly target: Target;
  private opened: Promise<OpenServer> | undefined;

  constructor(target: Target) {
    this.target = target;
  }

  /** @throws FailedError after three seconds at the latest, saying what is wrong and never a password. */
  async ask<T>(question: (sql: Sql) => Promise<T>): Promise<T> {
    const opened = this.open();
    const server = await opened;
    const patience = new Patience({ patienceMs: PATIENCE_MS });
    try {
      return await patience.during(question(server.sql));
    } catch (error) {
      if (isCut(error)) this.drop(opened, server);
      throw explain(error, this.target.address);
    } finally {
      patience.end();
    }
  }

  close(): void {
    const { opened } = this;
    this.opened = undefined;
    void opened?.then((server) => server.close()).catch(() => {});
  }

  private open(): Promise<OpenServer> {
    if (this.opened) return this.opened;
    const { address, file } = this.target;
    const options = { file, env: process.env, totalMs: PATIENCE_MS, patienceMs: PATIENCE_MS };
    const opened = openServer(address, options);
    this.opened = opened;
    // Who asks within the pause is told the same at once.
    opened.catch(() => setTimeout(() => this.forget(opened), PAUSE_MS).unref());
    return opened;
  }

  private drop(opened: Promise<OpenServer>, server: OpenServer): void {
    this.forget(opened);
    server.close();
  }

  private forget(opened: Promise<OpenServer>): void {
    if (this.opened === opened) this.opened = undefined;
  }
}
