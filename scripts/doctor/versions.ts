import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { observeTool, which } from "../build/tools.ts";
import type { TreeFacts } from "../core/observe.ts";
import { quote } from "../core/step.ts";
import type { ServiceDefinition } from "../service/definition.ts";
import { allDefinitionsOf } from "../service/definitions.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { probe } from "./probe.ts";

/** Programs that print their version when asked for it; anything else could as well start to serve. */
const TELLING = /^(python[\d.]*|pip[\d.]*|node|npm|pnpm|yarn|bun|deno|ruby|php|java|go|gunicorn|uvicorn|podman|caddy)$/;

/** The first word of `run`, where it stands for itself; undefined where the environment, quotes or an image decide. */
const programOf = ({ run, isContained }: ServiceDefinition) =>
  isContained ? undefined : /^[^\s"'$\\]+(?=\s|$)/.exec(run)?.[0];

/** Versions of what the build needs and the services run (seed 003's first three lines). */
export async function checkVersions(context: Context): Promise<Finding[]> {
  const { build, dependencies } = context.manifest;
  const needed = [
    ...Object.values(build).flatMap(({ needs, when }) => [...needs, ...(when ? [when] : [])]),
    ...Object.values(dependencies).flatMap(({ needs }) => needs),
  ];
  const run = allDefinitionsOf(context.manifest).flatMap((definition) => programOf(definition) ?? []);
  const places = new Map<string, string>();
  for (const name of new Set([...needed, ...run])) {
    const found = observeTool(name).path;
    if (found && TELLING.test(path.basename(found))) places.set(path.basename(found), found);
  }
  const told = await Promise.all([...places].map(async ([name, file]) => `${name} ${await versionOf(file)}`));
  return told.length > 0 ? [ok("versions", told.join(", "))] : [];
}

async function versionOf(file: string): Promise<string> {
  const packaged = packageVersion(file);
  if (packaged !== undefined) return packaged;
  const { stdout, stderr } = await probe(file, [path.basename(file) === "go" ? "version" : "--version"]);
  return /\d+(?:\.\d+)+/.exec(`${stdout}\n${stderr}`)?.[0] ?? "of a version it does not tell";
}

/** npm and its like take a fifth of a second to say what stands in their package.json. */
function packageVersion(file: string): string | undefined {
  const real = fs.realpathSync(file);
  if (!/\.c?js$/.test(real)) return undefined;
  for (const up of ["..", "../.."]) {
    const place = path.join(path.dirname(real), up, "package.json");
    if (!fs.existsSync(place)) continue;
    return (JSON.parse(fs.readFileSync(place, "utf8")) as { version?: string }).version;
  }
  return undefined;
}

/** Where the managers look for a program that is named without its folder. */
const MANAGER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Programs that a service could not be started with. */
export function checkPrograms(context: Context, { current }: TreeFacts): Finding[] {
  const { manifest, paths } = context;
  return allDefinitionsOf(manifest).flatMap((definition) => {
    const program = programOf(definition);
    const key = `services.${definition.name}.run`;
    if (program === undefined) return [];
    if (!program.includes("/")) return named(key, program, manifest.supervisor);
    const isOwn = !path.isAbsolute(program);
    if (isOwn && current.releaseId === undefined) return [];
    const place = path.resolve(paths.current, definition.dir, program);
    if (which(place)) return [];
    const what = fs.existsSync(place) ? "cannot be executed" : "is not there";
    return isOwn
      ? [wrong("programs", `${key}: ${place} ${what}`, `ops/release/verify.ts ${current.releaseId}`)]
      : [wrong("programs", `${key}: ${place} ${what}`, `ls -l ${quote(place)}`)];
  });
}

function named(key: string, program: string, supervisor: string): Finding[] {
  const found = which(program);
  if (supervisor === "pidfile" && found) return [];
  if (!found && !which(program, MANAGER_PATH))
    return [wrong("programs", `${key}: ${program} is not in PATH`, `install ${program}`)];
  if (which(program, MANAGER_PATH)) return [];
  const hint = `write ${found} in ${key}`;
  return [note("programs", `${key}: ${supervisor} does not look where ${program} is, ${found}`, hint)];
}
