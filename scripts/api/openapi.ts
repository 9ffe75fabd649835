import * as z from "zod";
import {
  healthShape,
  logQuery,
  operationShape,
  operationsQuery,
  operationWithStepsShape,
  problemShape,
  releaseShape,
  releasesQuery,
} from "./shapes.ts";

const SHAPES = {
  Release: releaseShape,
  Operation: operationShape,
  OperationWithSteps: operationWithStepsShape,
  Health: healthShape,
  Problem: problemShape,
};

/** The API's description (OpenAPI 3.1), of the shapes that its answers are tested against. */
export const openApiDocument = (version: string) => ({
  openapi: "3.1.0",
  info: {
    title: "Releases",
    version,
    summary: "What is deployed, what ran, and how it ended. Nothing can be changed here.",
  },
  paths: {
    "/api/releases": get("The releases, the newest first", list("Release"), { query: releasesQuery }),
    "/api/releases/{release_id}": get("One release", json(ref("Release")), { inPath: "release_id" }),
    "/api/operations": get("The operations, the latest first", list("Operation"), { query: operationsQuery }),
    "/api/operations/{id}": get("An operation with its steps", json(ref("OperationWithSteps")), { inPath: "id" }),
    "/api/operations/{id}/log": get(
      "A part of what an operation printed; Link says where the next one will be",
      text("text/plain"),
      { inPath: "id", query: logQuery },
    ),
    "/healthz": get("Whether the registry can be read", json(ref("Health")), {}),
    "/metrics": get("Figures for Prometheus", text("text/plain"), {}),
    "/openapi.json": get("This document", json({ type: "object" }), {}),
  },
  components: {
    schemas: Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, schemaOf(shape)])),
    securitySchemes: { bearer: { type: "http", scheme: "bearer" }, basic: { type: "http", scheme: "basic" } },
  },
  // None of them on loopback, where no token was asked for.
  security: [{}, { bearer: [] }, { basic: [] }],
});

const ref = (name: keyof typeof SHAPES) => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: object) => ({ "application/json": { schema } });
const text = (type: string) => ({ [type]: { schema: { type: "string" } } });
const list = (name: keyof typeof SHAPES) => json({ type: "array", items: ref(name) });

function get(summary: string, content: object, { query, inPath }: { query?: z.ZodObject; inPath?: string }) {
  const parameters = [
    ...(inPath ? [{ name: inPath, in: "path", required: true, schema: { type: "string" } }] : []),
    ...Object.entries(query?.shape ?? {}).map(([name, shape]) => parameterOf(name, shape as z.ZodType)),
  ];
  const problems = [304, ...(inPath ? [404] : []), ...(query ? [422] : []), 503];
  return {
    get: {
      summary,
      parameters,
      responses: {
        200: { description: summary, content },
        ...Object.fromEntries(problems.map((status) => [status, problemOf(status)])),
        default: problemOf(500),
      },
    },
  };
}

function parameterOf(name: string, shape: z.ZodType) {
  const { description, ...schema } = schemaOf(shape);
  return { name, in: "query", required: false, description, schema };
}

const MEANINGS: Record<number, string> = {
  304: "What If-None-Match names is still the answer",
  404: "There is no such thing",
  422: "A parameter is wrong",
  503: "The registry cannot be read",
};

function problemOf(status: number) {
  const description = MEANINGS[status] ?? "Not answered";
  return status === 304
    ? { description }
    : { description, content: { "application/problem+json": { schema: ref("Problem") } } };
}

/** Without what belongs to a document of its own. */
function schemaOf(shape: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(shape);
  return schema;
}
