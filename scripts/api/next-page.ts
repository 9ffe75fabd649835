import type { Context } from "hono";

/** Says where older rows are (RFC 8288), when there may be some. */
export function nextPage(c: Context, before: string | number | undefined): void {
  if (before === undefined) return;
  const { pathname, searchParams } = new URL(c.req.url);
  searchParams.set("before", String(before));
  c.header("link", `<${pathname}?${searchParams.toString()}>; rel="next"`);
}
