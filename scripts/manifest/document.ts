import { dirname, isAbsolute } from "node:path";
import { isPlainMap, type PlainMap } from "./merge.ts";
import { ManifestError, MAX_PROBLEMS, placeOf, type Problem } from "./problems.ts";
import { readManifest } from "./read.ts";
import { readTrailer } from "./trailer.ts";
import { parseYaml, type YamlSource } from "./yaml-source.ts";

/** A manifest file as it is written, before its keys are checked. */
export interface ManifestDocument {
  /** The file as a person would type it. */
  file: string;
  text: string;
  source: YamlSource;
  root: PlainMap;
  /** Absolute folder that relative paths are relative to. */
  basePath: string;
  /** The environment that a tree's copy was made for. */
  environment?: string;
  /** The tree that holds this copy. */
  deployTo?: string;
  /** The host that holds this copy. */
  host?: string;
}

/** Reads a manifest file; throws a ManifestError when it is no YAML map, or no file at all. */
export function openManifest(filePath: string, file: string): ManifestDocument {
  const text = readManifest(filePath, file);
  const problems: Problem[] = [];
  const report = (offset: number, message: string, length = 1): void => {
    if (problems.length < MAX_PROBLEMS) problems.push({ ...placeOf(text, offset), length, message });
  };
  const source = parseYaml(text, report);
  const root = source.value;
  if (problems.length === 0 && !isPlainMap(root))
    report(source.rangeOf([], "value")[0], `${showWhole(root)}, wanted keys such as app and deploy_to`);
  const trailer = readTrailer(text);
  if (trailer && !isAbsolute(trailer.originPath)) report(trailer.offset, "origin: wanted an absolute path", 80);
  if (trailer?.deployTo && !isAbsolute(trailer.deployTo))
    report(trailer.offset, "deploy_to: wanted an absolute path", 80);
  if (problems.length > 0) throw new ManifestError(file, text, problems);
  const basePath = trailer?.originPath ?? dirname(filePath);
  return {
    file,
    text,
    source,
    root: root as PlainMap,
    basePath,
    ...(trailer?.deployTo === undefined ? {} : { deployTo: trailer.deployTo }),
    ...(trailer?.environment === undefined ? {} : { environment: trailer.environment }),
    ...(trailer?.host === undefined ? {} : { host: trailer.host }),
  };
}

const showWhole = (root: unknown): string =>
  root == null ? "the file is empty" : `found ${Array.isArray(root) ? "a list" : "a single value"}`;
