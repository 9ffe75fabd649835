import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { releasePath } from "../core/paths.ts";
import { definitionsOf, placeOf } from "../service/definitions.ts";
import { envRequired, serviceEnvironment } from "../service/environment.ts";
import { realPath } from "../service/real-path.ts";

/** What `env_required` of each service misses when it runs from a release; names only, never a value. */
export function missingEnvironment(context: Context, manifest: Manifest, id: string): string[] {
  const release = { id, path: realPath(releasePath(context.paths, id)) };
  return definitionsOf(manifest).flatMap((definition) => {
    const required = manifest.services[definition.name]?.env_required ?? [];
    if (required.length === 0) return [];
    const environment = serviceEnvironment(definition, placeOf(context), release);
    return envRequired(required, environment).map(({ name, problem }) => `services.${definition.name}: ${name} is ${said(problem)}`);
  });
}

const said = (problem: "missing" | "empty" | "placeholder") =>
  problem === "missing" ? "not set" : problem === "empty" ? "empty" : "still a placeholder";
