import path from "node:path";
import type { Service } from "../../manifest.schema.ts";
import { UsageError } from "../core/errors.ts";
import type { Subject } from "../render/subject.ts";
import type { ServiceDefinition } from "../service/definition.ts";
import { definitionOf } from "../service/definitions.ts";
import { splitWords, type Word } from "../service/words.ts";
import { literal, pathProblem } from "./escape.ts";
import { type Command, execStart } from "./exec.ts";
import { type Scope, scopeOf } from "./systemctl.ts";
import { refuse } from "./unit-file.ts";

/** A service of the manifest on its way into a unit. */
export interface Task extends Command {
  subject: Subject;
  name: string;
  service: Service;
  /** With `%i` in place of the instance. */
  definition: ServiceDefinition;
  words: Word[];
}

/** Whose manager reads the units: the user's own where the manifest asks for it, else the system's. */
export const scopeOfUnits = ({ manifest }: Subject): Scope => scopeOf(manifest) ?? "system";

/** Gathers what a service's unit is made of. @throws ManifestError for a `run` that is no argument list */
export function taskOf(subject: Subject, name: string, service: Service): Task {
  const hasInstance = service.instances !== undefined;
  const definition = definitionOf(service, hasInstance ? `${name}@%i` : name);
  return {
    subject,
    name,
    service,
    definition,
    words: wordsOf(subject, name, service),
    hasInstance,
    dirPath: path.resolve(subject.paths.current, definition.dir),
    port: hasOwnPorts(service) ? undefined : definition.port,
    hasEnvFile: service.env_file.length > 0,
  };
}

/** Whether instances differ in their ports, so that one unit cannot name it. */
export const hasOwnPorts = ({ instances = {} }: Service): boolean =>
  Object.values(instances).some(({ port }) => port !== undefined);

function wordsOf(subject: Subject, name: string, { run }: Service): Word[] {
  if (run === "") return []; // Of a container: its image says what it runs.
  try {
    return splitWords(run, `services.${name}.run`);
  } catch (error) {
    if (error instanceof UsageError) return subject.refuse(["services", name, "run"], error.message);
    throw error;
  }
}

/** A service's command line. @throws ManifestError for a program that it cannot name */
export function commandLine(task: Task, command: Command = task): string {
  try {
    return execStart(task.words, command);
  } catch (error) {
    return refuse(task.subject, ["services", task.name, "run"], (error as Error).message);
  }
}

/** A path that is all of a directive's value. @throws ManifestError where systemd would read another one */
export function wholePathOf(task: Task, key: keyof Service, file: string): string {
  const problem = pathProblem(file);
  if (problem === undefined) return literal(file, task);
  return refuse(task.subject, ["services", task.name, key], `is ${JSON.stringify(file)}, which ${problem}`);
}

/** The log of one of the suite's own commands. @throws ManifestError where systemd would read another path */
export function ownLogOf(subject: Subject, name: string): string {
  const log = `${subject.paths.logs}/${name}.log`;
  const problem = pathProblem(log);
  return problem === undefined ? log : refuse(subject, ["deploy_to"], problem);
}
