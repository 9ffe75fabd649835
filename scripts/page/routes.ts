import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { Reader } from "../api/reader.ts";
import { SwitchbackError } from "../core/errors.ts";
import { assetOf, tagOf } from "./assets.ts";
import { observeHome } from "./home.ts";
import { renderHome } from "./home-page.ts";
import { explain, type Page, type Place, renderDocument } from "./layout.ts";
import { plainLog, wholeLog } from "./log.ts";
import { observeOperation, renderOperationPage } from "./operation-page.ts";
import { observeOperations, renderOperations } from "./operations-page.ts";
import { observeRelease, renderReleasePage } from "./release-page.ts";

export interface PageOptions {
  /** The application's name while no host says it. */
  app?: string | undefined;
  /** The clock; default: the machine's. */
  now?: (() => Date) | undefined;
}

/** Nothing from elsewhere, nothing written in place, nothing sent away, and no frame around it. */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

// Of these routes only: what is mounted beside them says its own.
const heads: MiddlewareHandler = async (c, next) => {
  await next();
  c.header("content-security-policy", POLICY);
  c.header("x-content-type-options", "nosniff");
  c.header("referrer-policy", "same-origin");
  c.header("cache-control", "no-cache");
};

/** The page of what runs and what ran: `/`, `/releases/<id>`, `/operations`, `/operations/<id>`, its log, and its two files. It only reads. */
export function pageRoutes(reader: Reader, { app = "switchback", now = () => new Date() }: PageOptions = {}): Hono {
  const routes = new Hono();
  // After an update of the suite, or of the clock's host, nothing that a browser keeps may count as fresh.
  const begun = String(performance.timeOrigin);

  const nameOf = async () => (await reader.hosts())[0]?.app ?? app;

  /** Answers with a page, or with 304 where what the browser has is the same by now. */
  async function answer(c: Context, place: Place, make: (name: string, at: Date) => Promise<Page>): Promise<Response> {
    const at = now();
    const version = `${begun} ${await reader.version()}`;
    // A calm page tells ages to the minute, one at work to the second.
    const calm = tagOf(`${version} m${Math.floor(at.getTime() / 60_000)}`);
    const busy = tagOf(`${version} s${Math.floor(at.getTime() / 1000)}`);
    const asked = c.req.header("if-none-match") ?? "";
    for (const tag of [calm, busy]) if (asked.includes(tag)) return c.body(null, 304, { etag: tag });
    const name = await nameOf();
    const page = await make(name, at);
    if (!page.status) c.header("etag", page.isAtWork ? busy : calm);
    return c.html(renderDocument(page, name, place), page.status ?? 200);
  }

  routes.get("/", heads, (c) =>
    answer(c, "now", async (name, at) => renderHome(await observeHome(reader, rowOf(c.req.query("before"))), name, at)),
  );

  routes.get("/releases/:id", heads, (c) =>
    answer(c, "none", async (name, at) => {
      const facts = await observeRelease(reader, c.req.param("id"));
      return facts ? renderReleasePage(facts, name, at) : missing("release", c.req.param("id"));
    }),
  );

  routes.get("/operations", heads, (c) =>
    answer(c, "operations", async (name, at) =>
      renderOperations(await observeOperations(reader, c.req.query("before") || undefined), name, at),
    ),
  );

  routes.get("/operations/:id", heads, (c) =>
    answer(c, "none", async (name, at) => {
      const facts = await observeOperation(reader, c.req.param("id"));
      return facts ? renderOperationPage(facts, name, at) : missing("operation", c.req.param("id"));
    }),
  );

  routes.get("/operations/:id/log", heads, async (c) => {
    const id = c.req.param("id");
    const from = Number(/^\d{1,15}$/.exec(c.req.query("from") ?? "0")?.[0] ?? Number.NaN);
    if (Number.isNaN(from)) return c.text("from: wants a whole number\n", 422);
    const part = (await reader.operation(id)) && (await reader.log(id, from));
    if (!part) {
      const place = await reader.logPlace?.(id);
      return c.text(place ? `This log lies on ${place.host}: ${place.file}\n` : "There is no such log.\n", 404);
    }
    if (c.req.query("from") === undefined)
      return c.body(wholeLog(reader, id, part), 200, { "content-type": "text/plain; charset=utf-8" });
    return c.text(plainLog(part.text), 200, { "x-next": String(part.next), "x-whole": part.isWhole ? "yes" : "no" });
  });

  routes.get("/page/:name", heads, (c) => {
    const asset = assetOf(c.req.param("name"));
    if (!asset) return c.text("There is no such file.\n", 404);
    if (c.req.header("if-none-match")?.includes(asset.etag)) return c.body(null, 304, { etag: asset.etag });
    return c.body(asset.body, 200, { "content-type": asset.type, etag: asset.etag });
  });

  routes.onError((error, c) => {
    if (!(error instanceof SwitchbackError)) throw error;
    const page = explain(
      "The registry cannot be read now",
      error.message,
      error.next.length > 0 ? error.next : ["ops/host/doctor.ts"],
      503,
    );
    return c.html(renderDocument(page, app, "none"), 503);
  });

  return routes;
}

const missing = (kind: string, id: string): Page =>
  explain(`There is no such ${kind}`, `The registry knows no ${kind} ${id}.`, ["ops/release/list.ts --all"], 404);

const rowOf = (text: string | undefined) => (text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined);
