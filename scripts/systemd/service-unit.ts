import path from "node:path";
import type { Service } from "../../manifest.schema.ts";
import type { RenderedFile } from "../render/file.ts";
import type { Subject } from "../render/subject.ts";
import { HELD_BACK, holdOf, isHeldBack } from "../database/hold.ts";
import { instancesOf } from "../service/definition.ts";
import { definitionOf, logsBelowCurrent } from "../service/definitions.ts";
import { assignment, assignmentProblem, execText, patternPath, quoted } from "./escape.ts";
import { namedProgram } from "./exec.ts";
import { reachOf, sandbox } from "./harden.ts";
import { socketUnitOf, unitFileOf, unitOf } from "./names.ts";
import { orderOf } from "./order.ts";
import { commandLine, hasOwnPorts, scopeOfUnits, type Task, taskOf, wholePathOf } from "./task.ts";
import { type Fields, timeSpan, unitFile, refuse } from "./unit-file.ts";

/** Pause before a service is started again, in milliseconds, where the manifest gives none. */
const PAUSE = 2000;

/** The unit of a service or job, and what sets its instances apart. */
export function renderService(subject: Subject, name: string, service: Service): RenderedFile[] {
  const task = taskOf(subject, name, service);
  const { definition } = task;
  const unit = unitFile(subject, "service", unitFileOf(subject.manifest, name), {
    Description: `${subject.manifest.app} ${definition.name}`,
    ...linksOf(task),
    ...accountFields(subject, service),
    WorkingDirectory: wholePathOf(task, "dir", task.dirPath),
    Environment: environmentOf(task),
    EnvironmentFile: environmentFiles(task),
    ...waitFor(task),
    ExecStart: commandLine(task),
    ...(service.schedule ? { Type: "oneshot" as const } : lifeOf(task)),
    TimeoutStopSec: stopTime(service),
    // Else only the main process is told, and tells its workers; what is left at its end is killed.
    KillMode: isLaunched(task) ? "control-group" : "mixed",
    ...logsOf(task),
    sandbox: sandboxOf(task),
  });
  return [unit, ...dropInsOf(task)];
}

/** Whose the process is; the user's own manager has no other account to give. */
export function accountFields(subject: Subject, { user, group }: Partial<Pick<Service, "user" | "group">> = {}) {
  return scopeOfUnits(subject) === "user" ? {} : { User: user ?? subject.owner.name, Group: group ?? "" };
}

export function linksOf(task: Task): Pick<Fields<"service">, "After" | "Wants" | "Requires"> {
  const { subject, service, definition } = task;
  const held = service.socket && !service.socket.proxy ? [socketUnitOf(subject.manifest, definition.name)] : [];
  const network = scopeOfUnits(subject) === "system" ? ["network.target"] : [];
  const { after, wants } = orderOf(task);
  return {
    After: [...new Set([...network, ...after, ...held])].join(" "),
    Wants: wants.join(" "),
    Requires: held.join(" "),
  };
}

/**
 * While data is migrated, a request in the held socket, a timer or a boot would start something on it: the start waits for as long as
 * that takes, as root and outside of the sandbox, so that nothing hides the file from it. A start of `ready: notify` keeps systemd's
 * limit, and one that is cut by it is tried again; a job has none.
 */
export function waitFor({
  subject,
  service,
  ...reading
}: Task): Pick<Fields<"service">, "ExecStartPre" | "TimeoutStartSec"> {
  if (!isHeldBack(subject.manifest)) return {};
  const isJob = service.schedule !== undefined;
  const file = quoted(execText(holdOf(subject.paths, isJob), reading));
  const lines = `[ ! -e \\"$$0\\" ] || echo \\"${HELD_BACK}\\" >&2; while [ -e \\"$$0\\" ]; do sleep 0.05; done`;
  return {
    ExecStartPre: `+/bin/sh -c "${lines}" ${file}`,
    TimeoutStartSec: service.ready === "notify" || isJob ? "" : "infinity",
  };
}

export function lifeOf(task: Task) {
  const { subject, service } = task;
  const { restart = "always", restart_sec: pause = PAUSE, ready } = service;
  const isRestarted = restart !== "never";
  return {
    Type: ready === "notify" ? ("notify" as const) : ("exec" as const),
    // Who says so is the main process, or what a launcher started.
    NotifyAccess: ready === "notify" && isLaunched(task) ? "all" : "",
    isRestarted,
    Restart: isRestarted ? restart : "no",
    RestartSec: isRestarted ? timeSpan(pause) : "",
    WantedBy: scopeOfUnits(subject) === "user" ? "default.target" : "multi-user.target",
  };
}

/** They end at the first signal and wait for nobody: what they started has to be told as well. */
const LAUNCHERS = new Set(["npm", "npx", "pnpm", "yarn", "sh", "dash", "bash"]);

function isLaunched({ words: [first = []] }: Task): boolean {
  const program = first.map((part) => ("text" in part ? part.text : "")).join("");
  return LAUNCHERS.has(path.basename(program));
}

// Zero would be no limit at all (systemd.service(5)).
const stopTime = ({ stop_timeout: ms }: Service) => timeSpan(Math.max(1, ms));

function environmentOf(task: Task): string[] {
  const { subject, name, definition, service } = task;
  const { port } = definition;
  const own = Object.entries(definition.env).filter(
    ([key]) => key !== "PORT" || (port === undefined && !hasOwnPorts(service)),
  );
  for (const [key, value] of own) {
    const problem = assignmentProblem(value);
    if (problem !== undefined)
      refuse(subject, ["services", name, "env", key], `${problem}: put it into a file of env_file`);
  }
  const settings = own.map(([key, value]) => assignment(key, value, task));
  return port === undefined ? settings : [...settings, `PORT=${port}`];
}

/** The release's own file comes last, so that nothing else says which release it is. */
function environmentFiles(task: Task): string[] {
  const { current } = task.subject.paths;
  return [...task.definition.env_file, "-RELEASE.env"].map((entry) => {
    const isOptional = entry.startsWith("-");
    const file = path.resolve(current, isOptional ? entry.slice(1) : entry);
    wholePathOf(task, "env_file", file);
    return `${isOptional ? "-" : ""}${patternPath(file, task)}`;
  });
}

export function logsOf(task: Task) {
  const { stdout, stderr } = logsBelowCurrent(task.subject, task.definition);
  return {
    StandardOutput: `append:${wholePathOf(task, "stdout", stdout)}`,
    StandardError: `append:${wholePathOf(task, "stderr", stderr)}`,
  };
}

function sandboxOf(task: Task): string[] {
  const { subject, service, definition, words, hasInstance } = task;
  if (service.harden === "off") return [];
  const own = service.socket && !service.socket.proxy ? undefined : definition.port;
  const program = namedProgram(words, task);
  return sandbox(reachOf(subject, service, { program, port: own, hasInstance }), scopeOfUnits(subject));
}

/** `web@main.service.d/port.conf` for each instance, where they differ in their ports. */
function dropInsOf(task: Task): RenderedFile[] {
  const { subject, name, service } = task;
  if (!hasOwnPorts(service)) return [];
  return instancesOf(name, service).flatMap((member) => {
    const { port } = definitionOf(service, member);
    if (port === undefined) return [];
    const ExecStart = task.hasEnvFile ? commandLine(task, { ...task, port }) : "";
    return [
      unitFile(subject, "instance", `${unitOf(subject.manifest, member)}.d/port.conf`, { PORT: port, ExecStart }),
    ];
  });
}
