import * as z from "zod";
import { STATUSES } from "../core/step.ts";

const time = z.string().describe("ISO 8601, UTC.");

/** A release as the API gives it: seed 004's six keys first, in the order of the registry's columns. */
export const releaseShape = z.object({
  id: z.int(),
  release_id: z.string(),
  commit_sha: z.string(),
  migration_marker: z.string().nullable(),
  status: z.enum(STATUSES),
  deployed_at: time.nullable().describe("The first time that it was deployed, or rolled back to."),
  previous_release_id: z.string().nullable().describe("The good release that served when this one took over."),
  activation: z.int().nullable().describe("Order in which releases became current; null: never."),
  is_pinned: z.boolean(),
  bytes: z.int().nullable().describe("Size when it was built."),
  updated_at: time,
  own_bytes: z.int().nullish().describe("Of that, what it did not share with another release when it was built."),
  host: z
    .string()
    .optional()
    .describe("Whose row it is, where several hosts are told of; `id` is the server's own then."),
  app: z.string().optional(),
  deploy_to: z.string().optional().describe("The tree on that host."),
});

/** An operation as a list of them gives it. */
export const operationShape = z.object({
  id: z.string(),
  kind: z.string().describe("deploy, rollback, prune, …"),
  release_id: z.string().nullable(),
  previous_release_id: z.string().nullable(),
  outcome: z
    .string()
    .describe("done, failed, refused, restored, stranded, interrupted or unrecovered; `at work`: it has no end yet."),
  exit_code: z.int().nullable(),
  message: z.string().nullable().describe("What was said at its end."),
  started_at: time,
  finished_at: time.nullable(),
  duration_ms: z.number().nullable().describe("Null for one that has no end."),
  user: z.string(),
  host: z.string(),
  pid: z.int(),
});

/** An operation with its steps. */
export const operationWithStepsShape = operationShape.extend({
  steps: z.array(
    z.object({
      seq: z.int(),
      key: z.string(),
      title: z.string(),
      started_at: time,
      duration_ms: z.number().nullable().describe("Null for one that has no end."),
      outcome: z.string().describe("done, already or failed; `at work`, or `interrupted` where it was cut off."),
    }),
  ),
});

export const healthShape = z.object({ status: z.literal("ok") });

export const problemShape = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.object({ parameter: z.string(), message: z.string() })).optional(),
});

const FROM_1_TO_500 = "wants a whole number from 1 to 500";
const limit = z
  .int(FROM_1_TO_500)
  .min(1, FROM_1_TO_500)
  .max(500, FROM_1_TO_500)
  .default(100)
  .describe("At most so many.");

export const releasesQuery = z.object({
  limit,
  status: z
    .enum(STATUSES, { error: `wants one of ${STATUSES.join(", ")}` })
    .optional()
    .describe("Only those of this status."),
  before: z
    .int("wants the id of a row")
    .min(1, "wants the id of a row")
    .optional()
    .describe("Only those older than the one of this `id`."),
});

export const operationsQuery = z.object({
  limit,
  release_id: z.string().optional().describe("Only those about this release."),
  before: z.string().optional().describe("Only those that began before this one."),
});

export const logQuery = z.object({
  from: z
    .int("wants a whole number of bytes")
    .default(0)
    .describe("The byte to begin at; negative: so many before the end."),
});
