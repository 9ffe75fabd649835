import * as z from "zod";
import { anyPath, count, duration, insidePath, line, listOf, name, port, size } from "./values.ts";

const place = z
  .string()
  .regex(/^\/[^\s{};$"'\\\u0000-\u001f\u007f]*$/, { error: "a URL path that starts with /, without spaces and {};$" });
const places = listOf(place, "a URL path, or a list of them");
const absolutePath = z
  .string({ error: "an absolute path" })
  .regex(/^\/(?!(?:.*\/)?\.\.(?:\/|$))[^\u0000-\u001f\u007f]+$/, { error: "an absolute path" });
const yes = z.boolean({ error: "true or false" });

/** One proxy site; durations in ms, sizes as written. */
export const site = z.strictObject({
  kind: z.enum(["nginx", "caddy", "traefik"]).describe("The proxy that serves it."),
  server_name: listOf(line("a host name"), "a host name, or a list of them").prefault([]).describe("Host names."),
  listen: listOf(
    z.union([port, line("an address")], { error: "a port, or address:port" }).transform(String),
    "a port, or a list of them",
  )
    .prefault([80])
    .describe("Ports or addresses to listen on."),
  root: insidePath.optional().describe("Static files, relative to current."),
  spa: yes.default(false).describe("Unknown paths get /index.html."),
  no_store: places.prefault([]).describe("Paths that no cache may keep."),
  immutable: places.prefault([]).describe("Hashed files: cached for a year; a miss is 404."),
  alias: z
    .record(
      place,
      z.strictObject({
        path: anyPath.describe("The folder that is served there; relative: under current."),
        max_age: duration.optional().describe("How long a cache may keep it."),
      }),
    )
    .default({})
    .describe("URL path → a folder elsewhere."),
  proxy: z
    .record(
      place,
      z.strictObject({
        service: name.describe("The service that answers."),
        path: place.optional().describe("The path asked of it; default: the same."),
        max_body: size.optional().describe("Largest request body, such as 64m."),
        read_timeout: duration.optional().describe("How long an answer may take."),
      }),
    )
    .default({})
    .describe("URL path → a service."),
  file: absolutePath
    .optional()
    .describe("Where it is installed; default: /etc/nginx/conf.d, /etc/caddy/conf.d or /etc/traefik/dynamic."),
  entry_points: listOf(name, "a name, or a list of them").optional().describe("Traefik's entry points; default: web."),
  retry: z
    .strictObject({
      attempts: count.default(4).describe("Tries in all."),
      interval: duration.prefault("100ms").describe("Pause before the second try."),
    })
    .optional()
    .describe("Ask the service again while it does not answer (Traefik, Caddy)."),
  maintenance: z
    .strictObject({
      page: insidePath.describe("The page that says so, under current."),
      retry_after: duration.prefault("5s").describe("Retry-After of the 503."),
      service: name.optional().describe("Traefik serves no files: the service that it asks for the page."),
      during_switch: yes.default(false).describe("Show it while a switch stops services that hold no socket."),
    })
    .optional()
    .describe("The 503 page; also answers when the service does not."),
});
