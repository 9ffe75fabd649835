/** How a server is reached: by name, by socket, with encryption and without. */
import { spawnSync } from "node:child_process";
import net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAddress, type Server } from "../../scripts/registry/postgres/address.ts";
import { dial } from "../../scripts/registry/postgres/dial.ts";
import { connected, hasServer, PostgresServer } from "./postgres-server.ts";

const isEncrypted = (url: string) =>
  connected(url, async ({ sql }) => (await sql`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`)[0]?.["ssl"]);

describe.skipIf(!hasServer || spawnSync("openssl", ["version"]).status !== 0)(
  "a server with encryption (skipped without PostgreSQL or openssl)",
  () => {
    let server: PostgresServer;
    let root = "";
    beforeAll(() => {
      server = new PostgresServer(42_720);
      root = server.encrypt();
      server.stop();
      server.start();
    });
    afterAll(() => server.end());
    const url = (host: string, query: string) =>
      `postgres://owner@${host}:${server.port}/postgres?${query.replace("ROOT", root)}`;

    test.each([
      ["localhost", "", true],
      ["localhost", "sslmode=disable", false],
      ["localhost", "sslmode=require", true],
      ["127.0.0.1", "sslmode=verify-ca&sslrootcert=ROOT", true],
      ["localhost", "sslmode=verify-full&sslrootcert=ROOT", true],
    ])("%s?%s", async (host, query, encrypted) => {
      expect(await isEncrypted(url(host, query))).toBe(encrypted);
    });

    test.each([
      ["127.0.0.1", "sslmode=verify-full&sslrootcert=ROOT", "does not match"],
      ["localhost", "sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt", "self.signed"],
      ["localhost", "sslmode=verify-ca&sslrootcert=/etc/ssl/certs/ca-certificates.crt", "self.signed"],
      ["localhost", "sslmode=verify-full&sslrootcert=ROOT.none", "is not there"],
    ])("%s?%s is refused", async (host, query, why) => {
      await expect(isEncrypted(url(host, query))).rejects.toThrow(new RegExp(why));
    });

    test("a Unix socket needs none, and a server that is not there is passed over", async () => {
      expect(await isEncrypted(`postgres:///postgres?host=${server.folder}&port=${server.port}&user=owner`)).toBe(
        false,
      );
      expect(await isEncrypted(`postgres://owner@127.0.0.1:1,localhost:${server.port}/postgres`)).toBe(true);
    });
  },
);

describe("what answers in place of a server", () => {
  /** A listener that answers the request for encryption so, or not at all. */
  async function against(answer: string | undefined, query: string): Promise<string> {
    const fake = net.createServer((socket) => {
      socket.on("error", () => {});
      socket.once(
        "data",
        () => void (answer === undefined || (answer === "" ? socket.destroy() : socket.write(answer))),
      );
    });
    await new Promise<void>((resolve) => void fake.listen(0, "127.0.0.1", resolve));
    const { port } = fake.address() as net.AddressInfo;
    const address = parseAddress(`postgres://u@127.0.0.1:${port}/x?${query}`);
    try {
      (await dial(address, address.servers[0] as Server, 400)).destroy();
      return "plain";
    } catch (error) {
      return (error as Error).message;
    } finally {
      await new Promise((resolve) => void fake.close(resolve));
    }
  }

  test.each<[answer: string | undefined, query: string, outcome: string]>([
    ["N", "sslmode=prefer", "plain"],
    ["N", "sslmode=require", "the server has no encryption"],
    ["N", "sslmode=verify-full&sslrootcert=system", "the server has no encryption"],
    // What is put behind the byte by somebody in between must not be taken for what came encrypted.
    ["Sinjected", "sslmode=require", "is no PostgreSQL server"],
    ["HTTP/1.1 400", "sslmode=prefer", "is no PostgreSQL server"],
    ["", "sslmode=prefer", "closed the connection"],
    [undefined, "sslmode=prefer", "did not answer within 0.4 s"],
  ])("%j with %s: %s", async (answer, query, outcome) => {
    expect(await against(answer, query)).toContain(outcome);
  });
});
