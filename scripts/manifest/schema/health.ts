import * as z from "zod";
import { count, duration, line, lines, listOf, port } from "./values.ts";

const statusCode = z
  .int({ error: "an HTTP status such as 200" })
  .min(100, { error: "an HTTP status such as 200" })
  .max(599, { error: "an HTTP status such as 200" });
const statuses = listOf(statusCode, "an HTTP status such as 200, or a list of them");

/** An http(s) URL; `${services.<name>.port}` may stand in it. */
export const url = z
  .string({ error: "a URL" })
  .regex(/^https?:\/\/[^\s\u0000-\u001f\u007f]+$/, { error: "a URL that starts with http:// or https://" });

const healthPath = z
  .string({ error: "a path" })
  .regex(/^\/[^\s\u0000-\u001f\u007f]*$/, { error: "a path that starts with /, such as /health" });

const address = z
  .union([line("host:port"), port], { error: "host:port, or a port" })
  .transform((value) => (typeof value === "number" ? `127.0.0.1:${value}` : value));

const expect = z
  .strictObject({
    status: statuses.optional().describe("Statuses that are good; default: any 2xx."),
    body: z.string({ error: "text" }).optional().describe("Text that the answer's body contains."),
  })
  .prefault({});

const PROBES = ["path", "url", "tcp", "run"] as const;

/** One health probe: exactly one of `path`, `url`, `tcp`, `run` is present; durations in ms. */
export const health = z
  .strictObject({
    path: healthPath.optional().describe("GET this path on the service's own port."),
    url: url.optional().describe("GET this URL."),
    tcp: address.optional().describe("A TCP connection to host:port succeeds."),
    run: lines.optional().describe("A command that exits 0 when healthy."),
    expect: expect.describe("What the answer must be."),
    every: duration.prefault("100ms").describe("Pause between two tries."),
    timeout: duration.prefault("30s").describe("How long to try in all."),
    healthy: count.default(2).describe("Good answers in a row that count as healthy."),
    soak: duration.prefault("500ms").describe("How long the process must then stay up."),
  })
  .superRefine((value, ctx) => {
    const given = PROBES.filter((probe) => value[probe] !== undefined);
    if (given.length === 1) return;
    ctx.addIssue({
      code: "custom",
      message:
        given.length === 0
          ? "says nothing to try: give one of path, url, tcp or run"
          : `has ${given.join(" and ")}: give only one of them`,
    });
  });

/** A service's `health`: a path on its own port, or the whole map. */
export const serviceHealth = z.union(
  [healthPath.transform((path): z.input<typeof health> => ({ path })).pipe(health), health],
  {
    error: "a path such as /health, or a map with path, url, tcp or run",
  },
);

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const smokeMap = z.strictObject({
  method: z.enum(METHODS).default("GET").describe("HTTP method."),
  url: url.describe("Where to send it; ${services.<name>.port} may stand in it."),
  headers: z.record(line("a header's name"), line("text")).default({}).describe("Request headers."),
  body: z
    .union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())], {
      error: "text, or a map or list that is sent as JSON",
    })
    .optional()
    .describe("Request body: text, or a map or list that is sent as JSON."),
  expect: z
    .strictObject({
      status: statuses.optional().describe("Statuses that are good; default: any 2xx."),
      json: z.unknown().optional().describe("JSON that the answer contains: the keys given here, with these values."),
      text: z.string({ error: "text" }).optional().describe("Text that the answer's body contains."),
    })
    .prefault({})
    .describe("What the answer must be."),
});

const withJsonBody = ({ body, ...rest }: z.output<typeof smokeMap>) => {
  if (body === undefined) return rest;
  if (typeof body === "string") return { ...rest, body };
  const hasType = Object.keys(rest.headers).some((header) => header.toLowerCase() === "content-type");
  const headers = hasType ? rest.headers : { ...rest.headers, "content-type": "application/json" };
  return { ...rest, headers, body: JSON.stringify(body) };
};

/** Requests tried after the gate; a map or list as `body` becomes its JSON text. */
export const smoke = z.array(smokeMap.transform(withJsonBody), { error: "a list of requests" }).default([]);

/** Waiting for long jobs before a switch; `JOBS_ONLY` of scripts/health/drain.ts holds without it. */
export const drain = z.strictObject({
  run: lines.describe(
    'A command that exits 0 when nothing is running; its output is shown. Jobs (services with a `schedule`) are waited for besides: "true" where there is nothing else.',
  ),
  every: duration
    .prefault("1s")
    .refine((ms) => ms >= 10, { error: "at least 10ms" })
    .describe("Pause between two tries."),
  timeout: duration.prefault("5m").describe("How long to wait in all."),
  // The manifest's word; its value is text.
  // oxlint-disable-next-line unicorn/no-thenable
  then: z
    .enum(["abort", "proceed"])
    .default("abort")
    .describe(
      "What to do when the time is over: abort, and all serves as before; proceed, and jobs that run go on, in the release that they were started from.",
    ),
});
