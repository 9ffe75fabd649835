import type { LastingServer } from "../registry/postgres/lasting.ts";
import { postgresReader } from "../registry/postgres/reader.ts";
import type { ListedOperation, Reader } from "./reader.ts";
import type { TreeReader } from "./tree-reader.ts";

/**
 * Reads what all hosts of an application told a server. Of the own tree, what is at work is looked at here, and its logs are read;
 * those of others lie on their hosts. @throws FailedError from every question while the server cannot be reached.
 */
export function allHostsReader(server: LastingServer, app: string, own: TreeReader): Reader {
  const told = <T>(question: (reader: Reader) => Promise<T>) => server.ask((sql) => question(postgresReader(sql, app)));
  // A tree that cannot be read is one of several here.
  const mine = (id: string) => own.operation(id).catch(() => undefined);
  const judged = async (row: ListedOperation) =>
    row.finished_at === null ? ((await mine(row.id))?.operation ?? row) : row;
  return {
    hosts: () => told((reader) => reader.hosts()),
    releases: (choice) => told((reader) => reader.releases(choice)),
    release: (id) => told((reader) => reader.release(id)),
    operations: async (choice) => Promise.all((await told((reader) => reader.operations(choice))).map(judged)),
    operation: async (id) => {
      const found = await told((reader) => reader.operation(id));
      return found && ((await mine(id)) ?? found);
    },
    log: async (id, from) => ((await told((reader) => reader.operation(id))) ? own.log(id, from) : undefined),
    logPlace: (id) => told(async (reader) => reader.logPlace?.(id)),
    version: async () => `${await told((reader) => reader.version())}.${await own.version().catch(() => "unreadable")}`,
  };
}
