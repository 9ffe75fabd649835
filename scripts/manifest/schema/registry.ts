import * as z from "zod";
import { parseAddress } from "../../registry/postgres/address.ts";
import { anyPath, line, listOf, port } from "./values.ts";

const URL_WANTED = "a URL such as postgres://registry@db.example.org/releases";

/** A PostgreSQL server's database (libpq's URI form). */
export const postgresUrl = line(URL_WANTED)
  .regex(/^postgres(?:ql)?:\/\/\S+$/, { error: URL_WANTED })
  .superRefine((url, ctx) => {
    try {
      parseAddress(url);
    } catch (error) {
      // What is wrong, and never the URL: a password may be in it.
      ctx.addIssue({ code: "custom", message: (error as Error).message });
    }
  });

/** `registry.serve`: the release API as a service of its host. */
export const registryServer = z.strictObject({
  host: line("an address")
    .default("127.0.0.1")
    .describe("The address that it listens on; another than loopback needs a token."),
  port: port.default(8787).describe("The port that it listens on."),
  token_file: anyPath.optional().describe("A file of mode 0600 with the token that callers show, relative to shared/."),
  all_hosts: z
    .boolean()
    .default(false)
    .describe("Tell what every host told the server of registry.url, in place of this host's tree alone."),
  allowed_hosts: listOf(line("a host's name"), "a host's name, or a list of them")
    .prefault([])
    .describe("Names under which it may be asked for, besides its own address and loopback."),
});
