import type * as z from "zod";
import { parse } from "yaml";
import type { RenderedFile } from "../render/file.ts";
import { schemaOfFile, traefikFile, type TraefikFile } from "./traefik-schema.ts";

/**
 * What is wrong with a site's file: its syntax, its keys and values, and names that nothing in it bears. Traefik itself has no such check; where
 * `schemaPath` (default `$SWITCHBACK_TRAEFIK_SCHEMA`) names its published JSON Schema, the file has to be valid by that too.
 * Undefined: nothing.
 */
export function checkTraefik(
  { content }: Pick<RenderedFile, "content">,
  schemaPath: string | undefined = process.env["SWITCHBACK_TRAEFIK_SCHEMA"],
): string | undefined {
  try {
    const value: unknown = parse(content);
    const published = schemaPath ? problemBy(schemaOfFile(schemaPath), value) : undefined;
    const own = traefikFile.safeParse(value);
    return own.success ? (published ?? unknownName(own.data)) : problemOf(own.error);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function problemBy(schema: z.ZodType, value: unknown): string | undefined {
  const { error } = schema.safeParse(value);
  return error && `by the published schema, ${problemOf(error)}`;
}

const problemOf = ({ issues }: z.ZodError) =>
  issues.map(({ path, message }) => `${path.join(".") || "the file"}: ${message}`).join("; ");

function unknownName({ http }: TraefikFile): string | undefined {
  const { routers, services, middlewares = {}, serversTransports = {} } = http;
  const used: [kind: string, names: (string | undefined)[], known: object][] = [
    ["service", Object.values(routers).map(({ service }) => service), services],
    ["service", Object.values(middlewares).map(({ errors }) => errors?.service), services],
    ["middleware", Object.values(routers).flatMap((router) => router.middlewares ?? []), middlewares],
    ["transport", Object.values(services).map(({ loadBalancer }) => loadBalancer.serversTransport), serversTransports],
  ];
  for (const [kind, names, known] of used)
    for (const name of names)
      if (name !== undefined && !Object.hasOwn(known, name)) return `there is no ${kind} ${name}`;
  return undefined;
}
