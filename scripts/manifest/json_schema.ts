import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { manifestSchema } from "../../manifest.schema.ts";

type Json = Record<string, unknown>;

/** Absolute path of the generated file. */
export const SCHEMA_PATH = fileURLToPath(new URL("../../templates/deploy.schema.json", import.meta.url));

/** Text of the JSON Schema by which an editor completes and checks `deploy.yaml`. */
export function renderJsonSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(manifestSchema, { io: "input", unrepresentable: "any" }) as Json;
  const properties = schema["properties"] as Record<string, Json>;
  const environment = (properties["environments"] as Json)["additionalProperties"] as Json;
  const { environments: _, ...overridable } = properties;
  const { inPart, $defs } = overrides(overridable);
  const refs = Object.fromEntries(Object.keys($defs).map((key) => [key, inPart[key]]));
  environment["properties"] = { ...inPart, ...(environment["properties"] as Json) };
  environment["additionalProperties"] = false;
  const whole = {
    $schema,
    title: "deploy.yaml of switchback",
    ...schema,
    properties: { ...properties, ...refs },
    $defs,
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

/** The top-level keys as an environment may give them: in part, so that nothing in them is required; alike ones once. */
function overrides(properties: Record<string, Json>): { inPart: Json; $defs: Json } {
  const inPart: Json = {};
  const $defs: Json = {};
  for (const [key, property] of Object.entries(properties)) {
    const partial = withoutRequired(property);
    const isAlike = JSON.stringify(partial) === JSON.stringify(property);
    if (isAlike) $defs[key] = property;
    inPart[key] = isAlike ? { $ref: `#/$defs/${key}` } : partial;
  }
  return { inPart, $defs };
}

function withoutRequired(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutRequired);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key, inner]) => !(key === "required" && Array.isArray(inner)));
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutRequired(inner)]));
}

function main(args: string[]): void {
  const isCurrent = renderJsonSchema() === readCurrent();
  if (!args.includes("--check")) writeFileSync(SCHEMA_PATH, renderJsonSchema());
  else if (!isCurrent) {
    console.error("templates/deploy.schema.json is stale. Type: ops/_bun scripts/manifest/json_schema.ts");
    process.exitCode = 1;
  }
}

function readCurrent(): string {
  try {
    return readFileSync(SCHEMA_PATH, "utf8");
  } catch {
    return "";
  }
}

if (import.meta.main) main(process.argv.slice(2));
