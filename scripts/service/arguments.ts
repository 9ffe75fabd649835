import { instanceOf, type ServiceDefinition, type ServicePlace, type ServiceRelease } from "./definition.ts";
import { serviceEnvironment } from "./environment.ts";
import { parseWords } from "./words.ts";

/** What a service is started with. */
export interface StartArguments {
  /** Program and arguments, filled from the environment. */
  words: string[];
  environment: Record<string, string>;
  /** Lines of environment files that were left out, without their values. */
  warnings: string[];
}

/** @throws UsageError when a file of `env_file` cannot be read, or `run` names a variable that is not set. */
export function startArguments(
  definition: ServiceDefinition,
  place: ServicePlace,
  release: ServiceRelease,
): StartArguments {
  const warnings: string[] = [];
  const environment = serviceEnvironment(definition, place, release, (warning) => void warnings.push(warning));
  const where = `services.${definition.name}.run`;
  const instance = instanceOf(definition.name);
  const words = definition.run === "" ? [] : parseWords(definition.run, environment, { where, instance });
  return { words, environment, warnings };
}
