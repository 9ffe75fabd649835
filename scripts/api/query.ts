import type { Context } from "hono";
import * as z from "zod";
import { problemResponse } from "./problem.ts";

/** Answers a request whose parameters are as they have to be. */
export type Answer<T> = (c: Context, query: T) => Promise<Response>;

/** Reads the parameters that a shape names; others are nobody's business. What is wrong is answered with 422, all of it at once. */
export function withQuery<S extends z.ZodObject>(shape: S, answer: Answer<z.output<S>>) {
  const names = Object.entries(shape.shape).map(([name, field]) => [name, isNumber(field as z.ZodType)] as const);
  return async (c: Context): Promise<Response> => {
    const given = names.map(([name, isInteger]) => [name, valueOf(c.req.queries(name)?.at(-1), isInteger)] as const);
    const read = shape.safeParse(Object.fromEntries(given.filter(([, value]) => value !== undefined)));
    return read.success ? answer(c, read.data) : refused(read.error);
  };
}

const isNumber = (field: z.ZodType) => z.toJSONSchema(field).type === "integer";

// A script passes on what it was not given as nothing at all.
function valueOf(text: string | undefined, isInteger: boolean): string | number | undefined {
  if (!isInteger) return text || undefined;
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

function refused({ issues }: z.ZodError): Response {
  const errors = issues.map(({ path, message }) => ({ parameter: path.join("."), message }));
  const detail = errors.map(({ parameter, message }) => `${parameter}: ${message}`).join("; ");
  return problemResponse(422, detail, { errors });
}
