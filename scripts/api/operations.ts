import { Hono } from "hono";
import { byContent, byVersion } from "./conditional.ts";
import { nextPage } from "./next-page.ts";
import { problemResponse } from "./problem.ts";
import { withQuery } from "./query.ts";
import type { ListedOperation, LogPlace, Reader, StepRow } from "./reader.ts";
import { logQuery, operationsQuery } from "./shapes.ts";

/** `GET /api/operations`, one of them with its steps, and what it printed. */
export function operationRoutes(reader: Reader): Hono {
  return new Hono()
    .get(
      "/:id/log",
      byContent,
      withQuery(logQuery, (c, { from }) => logAnswer(reader, c.req.param("id") ?? "", from)),
    )
    .use(byVersion(reader))
    .get(
      "/",
      withQuery(operationsQuery, async (c, { limit, release_id, before }) => {
        const rows = await reader.operations({ limit, releaseId: release_id, before });
        nextPage(c, rows.length === limit ? rows.at(-1)?.id : undefined);
        return c.json(rows.map(operationJson));
      }),
    )
    .get("/:id", async (c) => {
      const found = await reader.operation(c.req.param("id"));
      if (!found) return problemResponse(404, "Operation not found");
      const { operation, steps } = found;
      return c.json({ ...operationJson(operation), steps: steps.map((step) => stepJson(step, operation)) });
    });
}

/** An operation as the API gives it: the keys of `list --timeline --json`. */
export function operationJson(row: ListedOperation) {
  const { id, kind, release_id, previous_release_id, exit_code, message, started_at, finished_at, user, host, pid } =
    row;
  return {
    id,
    kind,
    release_id,
    previous_release_id,
    outcome: row.outcome ?? "at work",
    exit_code,
    message,
    started_at,
    finished_at,
    duration_ms: finished_at === null ? null : Math.max(0, Date.parse(finished_at) - Date.parse(started_at)),
    user,
    host,
    pid,
  };
}

/** A step that takes its time has no outcome until its end: where its operation is over, something cut it off. */
const stepJson = (step: StepRow, { outcome }: ListedOperation) => ({
  ...step,
  outcome: step.outcome ?? (outcome === null ? "at work" : "interrupted"),
});

/** A part of a log as it is; `Link` says where the next part will be, until the operation has ended and all was read. */
async function logAnswer(reader: Reader, id: string, from: number): Promise<Response> {
  const part = await reader.log(id, from);
  if (!part) return problemResponse(404, whyNoLog(await reader.logPlace?.(id)));
  const next = `</api/operations/${encodeURIComponent(id)}/log?from=${part.next}>; rel="next"`;
  return new Response(part.text, {
    headers: { "content-type": "text/plain; charset=utf-8", ...(part.isWhole ? {} : { link: next }) },
  });
}

const whyNoLog = (place: LogPlace | undefined): string =>
  place ? `Log not found here: it lies on ${place.host}, ${place.file}` : "Log not found";
