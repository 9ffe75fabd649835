import { type Manifest, manifestSchema } from "../../manifest.schema.ts";
import type { ManifestDocument } from "./document.ts";
import { type Finding, findingsOf, wantedPhrase } from "./issues.ts";
import { environmentNames, type Layer, layerOf } from "./layers.ts";
import { overrideOf } from "./merge.ts";
import { expandPorts } from "./ports.ts";
import { MAX_PROBLEMS, placeOf, type Problem } from "./problems.ts";
import { checkReferences } from "./references.ts";
import { checkPaths } from "./resolve.ts";

export interface Checked {
  /** Absent when there are problems. */
  manifest?: Manifest;
  problems: Problem[];
}

/** Where a path of a layer's value stands in the file, with a message; `part`: the part of the value that is meant. */
export function problemAt(
  { text, source }: ManifestDocument,
  layer: Layer,
  { path, at, message, part }: Finding,
): Problem {
  const [start, end] = source.rangeOf(layer.inFile(path), at);
  const inner = part === undefined ? -1 : text.slice(start, end).indexOf(part);
  const offset = Math.max(inner, 0) + start;
  return { ...placeOf(text, offset), length: inner < 0 ? end - start : (part?.length ?? 1), message };
}

/** Checks a layer, and the other environments for what is wrong in their own lines. */
export function checkLayer(document: ManifestDocument, layer: Layer): Checked {
  const { manifest, findings } = findAll(document, layer);
  const problems = findings.map((finding) => problemAt(document, layer, withChoice(finding, document, layer)));
  for (const name of environmentNames(document.root)) {
    if (name === layer.environment) continue;
    const other = withoutEnvironments(layerOf(document.root, name));
    const own = findAll(document, other).findings.filter(({ path }) => other.isOverridden(path));
    problems.push(...own.map((finding) => problemAt(document, other, finding)));
  }
  return manifest && problems.length === 0 ? { manifest, problems } : { problems };
}

function withoutEnvironments(layer: Layer): Layer {
  const { environments: _, ...root } = layer.root;
  return { ...layer, root };
}

function findAll({ source, basePath }: ManifestDocument, layer: Layer): { manifest?: Manifest; findings: Finding[] } {
  const findings: Finding[] = [];
  const report = (path: PropertyKey[], message: string, part?: string): void => {
    findings.push({ path, at: "value", message, ...(part === undefined ? {} : { part }) });
  };
  expandPorts(layer.root, report);
  checkReferences(layer.root, report);
  checkPaths(layer.root, basePath, report);
  // The check runs once: compiling it first costs more than it saves.
  const parsed = manifestSchema.safeParse(layer.root, { error: wantedPhrase, jitless: true });
  if (parsed.success) return { manifest: parsed.data, findings };
  const written = (path: PropertyKey[]): string | undefined => source.writtenAt(layer.inFile(path));
  return { findings: [...findings, ...findingsOf(parsed.error.issues, layer.root, written)].slice(0, MAX_PROBLEMS) };
}

/** What is missing at the top level may be there in the environments: then one has to be chosen. */
function withChoice(finding: Finding, { root }: ManifestDocument, layer: Layer): Finding {
  const [key, ...deeper] = finding.missing ?? [];
  if (layer.environment !== undefined || typeof key !== "string" || deeper.length > 0) return finding;
  const giving = environmentNames(root).filter((name) => Object.hasOwn(overrideOf(root, name), key));
  if (giving.length === 0) return finding;
  return {
    ...finding,
    message: `${finding.message}; choose an environment that gives it: --env ${giving.join(" or --env ")}`,
  };
}
