import type net from "node:net";
import type { Options, Sql } from "postgres";
import { FailedError } from "../../core/errors.ts";
import { type Address, isSocket, type Server, showAddress } from "./address.ts";
import { dial } from "./dial.ts";
import { findPasswordOf, type Password, type PasswordPlaces } from "./password.ts";
import { Patience } from "./patience.ts";
import { explain } from "./problem.ts";

/** A server that answers, for as long as the work with it lasts. */
export interface Connection {
  sql: Sql;
  address: Address;
  /** Something came back: the patience begins again. */
  isAlive: () => void;
}

export interface ConnectOptions extends PasswordPlaces {
  /** Milliseconds for all of it; absent: no limit. */
  totalMs?: number;
  /** Milliseconds without any progress after which the server counts as gone. */
  patienceMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * Connects, does the work, and lets the connection go, in bounded time whatever the server does.
 * @throws FailedError whose message says what is wrong, and never a password.
 */
export async function withServer<T>(
  address: Address,
  options: ConnectOptions,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const patience = new Patience(options);
  const sockets: net.Socket[] = [];
  try {
    const sql = await patience.during(open(address, options, patience, sockets));
    try {
      return await patience.during(work({ sql, address, isAlive: () => patience.begin() }));
    } finally {
      await sql.end({ timeout: 0 });
    }
  } catch (error) {
    throw explain(error, address);
  } finally {
    patience.end();
    for (const socket of sockets) socket.destroy();
  }
}

/** A connection that stays open. */
export interface OpenServer {
  sql: Sql;
  close(): void;
}

/** Connects, for work that has no end. @throws FailedError as `withServer` does. */
export async function openServer(address: Address, options: ConnectOptions): Promise<OpenServer> {
  const patience = new Patience(options);
  const sockets: net.Socket[] = [];
  const destroy = () => {
    for (const socket of sockets) socket.destroy();
  };
  try {
    const sql = await patience.during(open(address, options, patience, sockets));
    const close = () => void sql.end({ timeout: 0 }).finally(destroy);
    return { sql, close };
  } catch (error) {
    destroy();
    throw explain(error, address);
  } finally {
    patience.end();
  }
}

/** The first of the servers that answers and takes writes. */
async function open(
  address: Address,
  options: ConnectOptions,
  patience: Patience,
  sockets: net.Socket[],
): Promise<Sql> {
  let failed: unknown;
  for (const server of address.servers) {
    const password = findPasswordOf(address, server, options);
    const sql = await client(address, server, password, async () => {
      const socket = await dial(address, server, Math.min(patience.left(), (address.connectTimeout ?? 10) * 1000));
      sockets.push(socket);
      return socket;
    });
    try {
      const [row] = await sql`SELECT pg_is_in_recovery() AS "isStandby"`;
      if (!row?.["isStandby"]) return sql;
      failed = new FailedError(`${server.host} is a standby, which takes no writes`);
    } catch (error) {
      failed = withoutPassword(error, password);
    }
    void sql.end({ timeout: 0 });
    patience.begin();
  }
  throw failed ?? new FailedError(`there is no server for ${showAddress(address)}`);
}

const withoutPassword = (error: unknown, { source }: Password) =>
  source === "nowhere" && (error as { code?: string }).code === "28P01"
    ? new FailedError(`${(error as Error).message}: no password was found for it`, {
        next: "$EDITOR deploy.yaml   # registry.password_file",
      })
    : error;

async function client(
  address: Address,
  server: Server,
  password: Password,
  socket: () => Promise<net.Socket>,
): Promise<Sql> {
  // What `postgres` reads of these is not what libpq means by them; they are read in the address.
  delete process.env["PGTARGETSESSIONATTRS"];
  const { default: postgres } = await import("postgres");
  const options: Options<Record<string, never>> & { socket: () => Promise<net.Socket> } = {
    host: isSocket(server.host) ? "localhost" : server.host,
    port: server.port,
    database: address.database,
    username: address.user,
    password: password.value,
    max: 1,
    ssl: false,
    // The default of libpq's own programs; a pooler such as pgbouncer keeps no statement between transactions.
    prepare: false,
    fetch_types: false,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: address.connectTimeout ?? 10,
    keep_alive: 30,
    debug: false,
    onnotice: () => {},
    connection: {
      application_name: address.applicationName,
      ...(address.options === undefined ? {} : { options: address.options }),
    },
    socket,
  };
  return postgres(options);
}
