import { createHash } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import type { Reader } from "./reader.ts";

const tagOf = (...parts: string[]) =>
  `W/"${createHash("sha256").update(parts.join("\n")).digest("base64url").slice(0, 22)}"`;

/** Whether what a client has is still the answer (RFC 9110, 13.1.2). */
const isKnown = (wanted: string | undefined, tag: string) =>
  wanted !== undefined && (wanted.match(/"[^"]*"/g) ?? []).some((one) => tag.endsWith(one));

const unchanged = (tag: string) => new Response(null, { status: 304, headers: validators(tag) });
const validators = (tag: string) => ({ etag: tag, "cache-control": "no-cache" });

function validated(c: Context, tag: string): void {
  for (const [name, value] of Object.entries(validators(tag))) c.header(name, value);
}

/**
 * ETag by the reader's version: who has the answer of this version is told so before anything is looked up. A tag is one address's, so that
 * it stands for an answer that was given there.
 */
export const byVersion =
  (reader: Reader): MiddlewareHandler =>
  async (c, next) => {
    const { pathname, search } = new URL(c.req.url);
    const tag = tagOf(await reader.version(), pathname, search);
    if (isKnown(c.req.header("if-none-match"), tag)) return unchanged(tag);
    await next();
    if (c.res.status === 200) validated(c, tag);
    return undefined;
  };

/** ETag by what the answer is. */
export const byContent: MiddlewareHandler = async (c, next) => {
  await next();
  if (c.res.status !== 200) return;
  const tag = tagOf(c.res.headers.get("content-type") ?? "", await c.res.clone().text());
  if (isKnown(c.req.header("if-none-match"), tag)) c.res = unchanged(tag);
  else validated(c, tag);
};
