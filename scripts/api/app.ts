import { type Context, Hono } from "hono";
import { matchedRoutes } from "hono/route";
import { SwitchbackError } from "../core/errors.ts";
import { byContent } from "./conditional.ts";
import { EXPOSITION_TYPE, renderFamilies } from "./exposition.ts";
import { familiesOf, type MetricsFacts } from "./metrics.ts";
import { openApiDocument } from "./openapi.ts";
import { operationRoutes } from "./operations.ts";
import { problemResponse, SAFE_HEADERS } from "./problem.ts";
import type { Reader } from "./reader.ts";
import { releaseRoutes } from "./releases.ts";
import type { Requests } from "./requests.ts";

export interface AppOptions {
  reader: Reader;
  /** The version of the suite. */
  version: string;
  /** What ran on this host. @throws where the registry cannot be read. Absent where several are told of. */
  summary?: () => MetricsFacts["summary"];
  /** What lies here. @throws where there is no tree. */
  tree?: () => MetricsFacts["tree"];
  /** Where what is asked is counted. */
  requests: Requests;
  /** What stands at `/`. */
  pages?: Hono | undefined;
  /** Told of errors that are nobody's doing but ours. */
  onFault: (error: Error) => void;
}

/** Everything that is answered. Who may ask was looked at before (guard.ts). */
export function createApp({ reader, version, summary, tree, requests, pages, onFault }: AppOptions): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(SAFE_HEADERS)) if (!c.res.headers.has(name)) c.header(name, value);
    requests.count(c.req.method, routeOf(c), c.res.status);
  });
  app.route("/api/releases", releaseRoutes(reader));
  app.route("/api/operations", operationRoutes(reader));
  app.get("/healthz", byContent, async (c) => {
    await reader.version();
    tree?.();
    return c.json({ status: "ok" });
  });
  app.get("/metrics", byContent, async (c) => {
    const hosts = await reader.hosts();
    const facts = { version, hosts, summary: summary?.(), tree: tree?.(), requests: requests.samples() };
    return c.body(renderFamilies(familiesOf(facts)), 200, { "content-type": EXPOSITION_TYPE });
  });
  app.get("/openapi.json", byContent, (c) => c.json(openApiDocument(version)));
  if (pages) app.route("/", pages);
  app.notFound(() => problemResponse(404, "there is nothing at this address"));
  app.onError((error) => {
    if (error instanceof SwitchbackError)
      return problemResponse(503, error.message, { headers: { "retry-after": "1" } });
    onFault(error);
    return problemResponse(500, "something went wrong here, and the log of this server says what");
  });
  return app;
}

/** The pattern of the route that answered. */
const routeOf = (c: Context): string => matchedRoutes(c).findLast(({ path }) => !path.endsWith("*"))?.path ?? "other";
