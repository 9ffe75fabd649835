import { Hono } from "hono";
import type { ReleaseRow } from "../registry/releases.ts";
import { rowJson } from "../release/release-registry.ts";
import { byVersion } from "./conditional.ts";
import { nextPage } from "./next-page.ts";
import { problemResponse } from "./problem.ts";
import { withQuery } from "./query.ts";
import type { Reader } from "./reader.ts";
import { releasesQuery } from "./shapes.ts";

/** `GET /api/releases` and `GET /api/releases/{release_id}` (SPEC section 4). */
export function releaseRoutes(reader: Reader): Hono {
  return new Hono()
    .use(byVersion(reader))
    .get(
      "/",
      withQuery(releasesQuery, async (c, query) => {
        const rows = await reader.releases(query);
        nextPage(c, rows.length === query.limit ? rows.at(-1)?.id : undefined);
        return c.json(rows.map(shown));
      }),
    )
    .get("/:id", async (c) => {
      const row = await reader.release(c.req.param("id"));
      return row ? c.json(shown(row)) : problemResponse(404, "Release not found");
    });
}

const shown = (row: ReleaseRow) => rowJson(row);
