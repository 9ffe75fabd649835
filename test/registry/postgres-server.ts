/** A PostgreSQL server of a test's own, in a temporary directory, as an account that is not root. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { parseAddress } from "../../scripts/registry/postgres/address.ts";
import { type Connection, withServer } from "../../scripts/registry/postgres/connection.ts";
import { prepareToPush, push, type Pushed } from "../../scripts/registry/postgres/push.ts";
import { TABLES } from "../../scripts/registry/postgres/tables.ts";
import { asUser, bin } from "../postgresql-programs.ts";

export { hasServer } from "../postgresql-programs.ts";

export const PASSWORD = "canary-7c1e";

export class PostgresServer {
  readonly folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-pg-")));
  port: number;
  private readonly data = path.join(this.folder, "data");
  private databases = 0;

  constructor(port: number) {
    this.port = port;
    fs.mkdirSync(this.data, { mode: 0o700 });
    fs.writeFileSync(path.join(this.folder, "password"), PASSWORD);
    fs.chmodSync(this.folder, 0o777);
    if (asUser.length > 0) this.must(["chown", "nobody", this.data, path.join(this.folder, "password")]);
    const how = ["-A", "scram-sha-256", `--pwfile=${this.folder}/password`, "-N", "-E", "UTF8", "--locale=C"];
    this.must([...asUser, bin("initdb"), "-D", this.data, "-U", "owner", ...how]);
    this.startOnOneOf(port, port + 30, port + 60);
  }

  /** A connection of somebody else's may have been given any port above 32768. */
  private startOnOneOf(port: number, ...others: number[]): void {
    this.port = port;
    try {
      this.start();
    } catch (error) {
      const [next, ...rest] = others;
      if (next === undefined) throw error;
      this.startOnOneOf(next, ...rest);
    }
  }

  start(): void {
    const how = `-F -k ${this.folder} -p ${this.port} -c listen_addresses=127.0.0.1 -c max_connections=30`;
    this.must([...asUser, bin("pg_ctl"), "-D", this.data, "-w", "-l", path.join(this.data, "log"), "-o", how, "start"]);
  }

  stop(): void {
    this.must([...asUser, bin("pg_ctl"), "-D", this.data, "-m", "immediate", "-w", "stop"]);
  }

  end(): void {
    spawnSync(
      [...asUser, bin("pg_ctl")][0] as string,
      [...asUser, bin("pg_ctl"), "-D", this.data, "-m", "immediate", "-w", "stop"].slice(1),
    );
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** From its next start on it encrypts, with a certificate of its own for `localhost`; answers with the certificate's file. */
  encrypt(): string {
    const [certificate, key] = [path.join(this.data, "server.crt"), path.join(this.data, "server.key")];
    const made = ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=localhost"];
    this.must(["openssl", ...made, "-addext", "subjectAltName=DNS:localhost", "-out", certificate, "-keyout", key]);
    if (asUser.length > 0) this.must(["chown", "nobody", certificate, key]);
    fs.chmodSync(key, 0o600);
    fs.appendFileSync(path.join(this.data, "postgresql.conf"), "\nssl = on\n");
    fs.copyFileSync(certificate, path.join(this.folder, "root.crt"));
    return path.join(this.folder, "root.crt");
  }

  /** Makes an empty database, and answers with its name. */
  createDatabase(...how: string[]): string {
    const name = `releases${++this.databases}`;
    this.must([bin("createdb"), "-h", this.folder, "-p", String(this.port), "-U", "owner", ...how, name]);
    return name;
  }

  url(database: string, user = "owner"): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs SQL as a user, and answers with lines of fields that `|` separates. */
  sql(database: string, text: string, user = "owner"): string {
    const words = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", this.folder, "-p", String(this.port), "-U", user];
    return this.must([bin("psql"), ...words, "-d", database, "-c", text]);
  }

  /** How a table is made, as pg_dump tells it. */
  schemaOf(database: string, table: string): string {
    const words = ["--schema-only", "-t", table, "-h", this.folder, "-p", String(this.port), "-U", "owner", database];
    // Newer ones bracket what they tell with a random word.
    return this.must([bin("pg_dump"), ...words]).replaceAll(/^\\(un)?restrict .*$/gm, "");
  }

  private must(words: string[]): string {
    const [program = "", ...rest] = words;
    const ran = spawnSync(program, rest, {
      encoding: "utf8",
      cwd: this.folder,
      env: { ...process.env, PGPASSWORD: PASSWORD, LC_ALL: "C" },
      timeout: 60_000,
    });
    if (ran.status !== 0) throw new Error(`${words.join(" ")}: ${ran.stderr}${ran.stdout}`);
    return ran.stdout.trim();
  }
}

/** Connects as a command does. */
export const connected = <T>(url: string, work: (connection: Connection) => Promise<T>): Promise<T> =>
  withServer(parseAddress(url), { env: { PGPASSWORD: PASSWORD }, patienceMs: 10_000 }, work);

/** Pushes what waits in a registry. */
export function pushTo(url: string, database: DatabaseSync, deployTo: string): Promise<Pushed> {
  prepareToPush(database);
  return connected(url, (connection) => push(database, { app: "shop", deployTo }, connection));
}

/** What the host has of the pushed tables, and what the server has of them: one text each, to be equal. */
export async function bothSides(url: string, database: DatabaseSync): Promise<[here: string, there: string]> {
  const kinds = Object.entries(TABLES);
  const here = kinds.map(([kind, { columns, key }]) => {
    const names = columns.map(([name]) => `"${name}"`).join(", ");
    return database.prepare(`SELECT ${names} FROM ${kind} ORDER BY ${key.join(", ")}`).all();
  });
  const id = (database.prepare("SELECT value FROM facts WHERE name = 'tree_id'").get() as { value: string }).value;
  const there = await connected(url, async ({ sql }) => {
    const found = [];
    for (const [, { name, columns, key }] of kinds) {
      const names = columns.map(([column, type]) => (type === "bigint" ? `"${column}"::float8` : `"${column}"`));
      found.push([
        ...(await sql.unsafe(
          `SELECT ${names.join(", ")} FROM ${name} WHERE tree = $1 ORDER BY ${key.map((one) => `${one}${one === "seq" ? "" : ' COLLATE "C"'}`).join(", ")}`,
          [id],
        )),
      ]);
    }
    return found;
  });
  return [JSON.stringify(here), JSON.stringify(there)];
}
