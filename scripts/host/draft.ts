import path from "node:path";
import * as z from "zod";
import { UsageError } from "../core/errors.ts";
import type { ApplicationFacts, Part } from "./application.ts";
import { renderTemplate } from "../render/template.ts";
import { buildOf, migrationOf, setsOf } from "./part-build.ts";
import { isOnlyBuilt, nameOf, runOf, runScalar, scalar } from "./part-commands.ts";
import { starterLike } from "./starters.ts";

export interface DraftOptions {
  app?: string | undefined;
  deployTo?: string | undefined;
  port?: number | undefined;
  run?: string | undefined;
}

const text = z.string();
const input = z.strictObject({
  schema: text.nullable(),
  app: text,
  deployTo: text,
  isGit: z.boolean(),
  exclude: text,
  files: z.array(text),
  directories: z.array(text),
  dependencies: z.array(
    z.strictObject({
      name: text,
      path: text,
      key: text,
      dir: text.nullable(),
      needs: text,
      env: text.nullable(),
      run: z.array(text),
    }),
  ),
  build: z.array(
    z.strictObject({
      name: text,
      dir: text.nullable(),
      needs: text,
      inputs: text.nullable(),
      outputs: text.nullable(),
      run: z.array(text),
    }),
  ),
  migration: z.strictObject({ tool: text, dir: text.nullable(), run: text, marker: text.nullable() }).nullable(),
  database: text.nullable(),
  postgresql: z.boolean(),
  mongodb: z.boolean(),
  services: z.array(
    z.strictObject({
      name: text,
      run: text,
      dir: text.nullable(),
      envFile: text.nullable(),
      port: z.number(),
      health: text.nullable(),
    }),
  ),
  container: z.strictObject({ port: z.number(), volumes: text, envFile: text.nullable() }).nullable(),
  port: z.number(),
  like: text.nullable(),
  manager: z.strictObject({ supervisor: text, once: text }),
  site: z.strictObject({ root: text, service: text }).nullable(),
});

/** Where an editor finds the keys of a manifest. */
export const schemaPath = (packagePath: string) => `${packagePath}/templates/deploy.schema.json`;

/** A first `deploy.yaml` for what was found; pure. */
export function renderDraft(facts: ApplicationFacts, options: DraftOptions): string {
  const app = appOf(facts, options);
  const envFiles = envEntries(facts.parts);
  const loose = facts.databases.filter((file) => !facts.dataDirs.some((dir) => file.startsWith(`${dir}/`)));
  return renderTemplate("manifests/deploy.yaml", input, {
    schema: facts.packagePath === undefined ? null : schemaPath(facts.packagePath),
    app,
    deployTo: scalar(options.deployTo ?? `~/${app}-deploy`),
    isGit: facts.isGit,
    exclude: ["node_modules", ...(facts.parts.some(({ python }) => python) ? ["venv", ".venv"] : [])].join(", "),
    files: [...envFiles, ...loose.map((file) => `{ path: ${scalar(file)}, optional: true }`)],
    directories: facts.dataDirs.map(scalar),
    dependencies: facts.parts.flatMap(setsOf),
    build: facts.parts.flatMap((part) => buildOf(part) ?? []),
    migration: facts.parts.flatMap((part) => migrationOf(part) ?? [])[0] ?? null,
    database: facts.databases[0] === undefined ? null : scalar(facts.databases[0]),
    postgresql:
      facts.databases.length === 0 && usesOneOf(facts.parts, ["psycopg", "psycopg2", "asyncpg", "pg", "postgres"]),
    mongodb: facts.databases.length === 0 && usesOneOf(facts.parts, ["pymongo", "motor", "mongodb", "mongoose"]),
    services: servicesOf(facts.parts, options),
    container: containerOf(facts, options),
    port: options.port ?? NODE_PORT,
    like: starterLike(facts) ?? null,
    manager: managerFor(facts, options.deployTo),
    site: siteOf(facts.parts, options),
  });
}

const CONTAINER_PORT = 8080;

/** An image whose Containerfile is all that says how a server is started. */
function containerOf({ container, parts, dataDirs }: ApplicationFacts, options: DraftOptions) {
  if (!container || servicesOf(parts, options).length > 0) return null;
  const envFile = parts.find(({ dir }) => dir === ".")?.envFile;
  const at = (dir: string) => JSON.stringify(`./${dir}:${path.posix.join(container.workDir, dir)}`);
  return {
    port: options.port ?? container.port ?? envFile?.port ?? CONTAINER_PORT,
    volumes: dataDirs.map(at).join(", "),
    envFile: envFile ? ".env" : null,
  };
}

const usesOneOf = (parts: Part[], drivers: string[]) =>
  parts.some(({ node, python }) =>
    drivers.some((name) => node?.dependencies.includes(name) || python?.requirements.includes(name)),
  );

/** What would start the services again after a crash and at boot, on this host, and what is typed for it once. */
function managerFor({ platform, isRoot }: ApplicationFacts, deployTo = "~") {
  const install = "ops/systemd/install_systemd.ts";
  if (platform === "darwin") return { supervisor: "launchd", once: "ops/launchd/install_launchd.ts" };
  if (isRoot || !/^(~|\/home\/)/.test(deployTo)) return { supervisor: "systemd", once: install };
  return { supervisor: "systemd-user", once: `sudo loginctl enable-linger $USER; ${install}` };
}

/** What Vite builds beside a server is served by the proxy, which hands on /api/. */
function siteOf(parts: Part[], options: DraftOptions) {
  const service = servicesOf(parts, options)[0]?.name;
  const built = parts.find(({ dir, node }) => dir !== "." && isOnlyBuilt(node));
  if (service === undefined || !built) return null;
  return { root: scalar(`${built.dir}/dist`), service };
}

const APP = /^[a-z][a-z0-9-]{0,62}$/;

/** The application's name: the one given, its package's, or its folder's. @throws UsageError when it is no name */
export function appOf({ folder, parts }: ApplicationFacts, { app }: Pick<DraftOptions, "app">): string {
  if (app !== undefined && !APP.test(app))
    throw new UsageError(`--app ${app}: a name of small letters, digits and - that starts with a letter is wanted`, {
      next: "ops/host/init.ts --app my-app",
    });
  const named = app ?? parts.find(({ dir, node }) => dir === "." && node?.name)?.node?.name ?? path.basename(folder);
  const tidy = named
    .replace(/^@[^/]*\//, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .replace(/-+$/, "")
    .slice(0, 63);
  return tidy || "app";
}

const inPart = (dir: string, name: string) => (dir === "." ? name : `${dir}/${name}`);

function envEntries(parts: Part[]): string[] {
  return parts.flatMap(({ dir, envFile }) => {
    if (!envFile) return [];
    const from = envFile.name === ".env" ? "" : `, from: ${scalar(inPart(dir, envFile.name))}`;
    return [`{ path: ${scalar(inPart(dir, ".env"))}${from}, mode: "0600" }`];
  });
}

const NODE_PORT = 3001;
const PYTHON_PORT = 8001;

function servicesOf(parts: Part[], options: DraftOptions) {
  const found = parts.flatMap((part) => {
    const run = runOf(part, parts);
    return run ? [{ part, run }] : [];
  });
  const root: Part = parts.find(({ dir }) => dir === ".") ?? { dir: ".", isStatic: false, hasEnvExample: false };
  const chosen = options.run === undefined ? found : [{ part: root, run: options.run }];
  const taken = new Set<number>();
  return chosen.map(({ part, run }, index) => {
    const port = freePort(
      (index === 0 ? options.port : undefined) ?? part.envFile?.port ?? (part.python ? PYTHON_PORT : NODE_PORT),
      taken,
    );
    return {
      name: nameOf(part.dir, "web"),
      run: runScalar(run),
      dir: part.dir === "." ? null : scalar(part.dir),
      envFile: part.envFile ? scalar(inPart(part.dir, ".env")) : null,
      port,
      health: part.healthPath ?? null,
    };
  });
}

function freePort(wanted: number, taken: Set<number>): number {
  let port = wanted;
  while (taken.has(port)) port++;
  taken.add(port);
  return port;
}
