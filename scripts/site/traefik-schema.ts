import fs from "node:fs";
import * as z from "zod";

const text = z.string().min(1);
const time = z.string().regex(/^\d+(?:ms|s|m|h)$/, { error: "no duration" });
const middleware = z
  .strictObject({
    buffering: z.strictObject({ maxRequestBodyBytes: z.int().min(1) }),
    errors: z.strictObject({ status: z.array(text).min(1), service: text, query: text }),
    headers: z.strictObject({ customResponseHeaders: z.record(text, z.string()) }),
    ipAllowList: z.strictObject({ sourceRange: z.array(text).min(1), rejectStatusCode: z.int() }),
    replacePathRegex: z.strictObject({ regex: text, replacement: text }),
    retry: z.strictObject({ attempts: z.int().min(1), initialInterval: time.optional() }),
  })
  .partial()
  .refine((value) => Object.keys(value).length === 1, { error: "a middleware is of one kind" });

// Traefik refuses a file with a section that has nothing in it.
const section = <T extends z.ZodType>(item: T) =>
  z.record(text, item).refine((value) => Object.keys(value).length > 0, { error: "an empty section" });

/** What a site's file may hold: the part of Traefik's dynamic configuration (version 3, doc.traefik.io) that sites use. */
export const traefikFile = z.strictObject({
  http: z.strictObject({
    routers: section(
      z.strictObject({
        rule: text,
        entryPoints: z.array(text).min(1),
        middlewares: z.array(text).min(1).optional(),
        service: text,
      }),
    ),
    services: section(
      z.strictObject({
        loadBalancer: z.strictObject({
          servers: z.array(z.strictObject({ url: z.url({ protocol: /^http$/ }) })).min(1),
          serversTransport: text.optional(),
        }),
      }),
    ),
    middlewares: section(middleware).optional(),
    serversTransports: section(
      z.strictObject({ forwardingTimeouts: z.strictObject({ responseHeaderTimeout: time }) }),
    ).optional(),
  }),
});

export type TraefikFile = z.infer<typeof traefikFile>;

type Json = { [key: string]: unknown };

/** A JSON Schema of a file, such as the one that is published for Traefik's file provider. @throws Error where it cannot be read */
export const schemaOfFile = (filePath: string): z.ZodType =>
  z.fromJSONSchema(withTypes(JSON.parse(fs.readFileSync(filePath, "utf8"))) as Json);

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Says `type: object` where zod looks at properties only with it: the published schema leaves it out of the branches of its `oneOf`. Beside a
 * `oneOf` it is taken away: zod would join the two, and what joins objects lets unknown keys pass.
 */
function withTypes(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withTypes);
  if (!isObject(schema)) return schema;
  const isOfObjects = isObject(schema["properties"]) || "additionalProperties" in schema;
  const { type, ...rest } = schema;
  const typed = isOfObjects ? { type: type ?? "object" } : type === undefined || "oneOf" in schema ? {} : { type };
  const inside = Object.entries(rest).map(([key, value]) => {
    if (key === "default" || key === "enum" || key === "const") return [key, value];
    // A map of names: one of them may be called like a keyword.
    const isMap = (key === "properties" || key === "definitions" || key === "patternProperties") && isObject(value);
    return [
      key,
      isMap ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withTypes(one)])) : withTypes(value),
    ];
  });
  return { ...typed, ...Object.fromEntries(inside) };
}
