import os from "node:os";
import path from "node:path";

/** libpq's five, and `verify-ca`; `allow` is taken as `prefer`. */
export const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof SSL_MODES)[number];

/** One server to try: a name with its port, or the folder of a Unix socket. */
export interface Server {
  host: string;
  port: number;
}

/** Where a PostgreSQL database is and how it is talked to, as libpq reads its URI (PostgreSQL manual, 34.1.1.2). */
export interface Address {
  servers: Server[];
  user: string;
  database: string;
  /** The one inside the URL: it should not be there. */
  password?: string;
  passfile?: string;
  sslmode: SslMode;
  sslrootcert?: string;
  sslcert?: string;
  sslkey?: string;
  /** Seconds; absent: the caller's own. */
  connectTimeout?: number;
  /** `-c name=value …`, handed to the server. */
  options?: string;
  applicationName: string;
}

/** Asked for, and understood. */
const TAKEN = new Set([
  "host",
  "port",
  "dbname",
  "user",
  "password",
  "passfile",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "connect_timeout",
  "options",
  "application_name",
]);
/** Known to libpq, and harmless at the value that is named: what is done here anyway. */
const HARMLESS: Record<string, RegExp> = {
  gssencmode: /^(disable|prefer)$/,
  channel_binding: /^(disable|prefer)$/,
  target_session_attrs: /^(any|read-write|primary)$/,
  keepalives: /^[01]$/,
  fallback_application_name: /^/,
  client_encoding: /^(auto|utf-?8)$/i,
};

/** Reads a URL as libpq does, with its environment variables for what is missing. @throws Error that completes "the URL …", and does not quote it. */
export function parseAddress(url: string, env: NodeJS.ProcessEnv = {}): Address {
  const [, userinfo, netloc = "", database = "", query = ""] =
    /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(url) ?? refuse("is no URL");
  const given = parametersOf(query);
  const [user, ...password] = (userinfo ?? "").split(":");
  const find = (name: string, variable: string, fromUrl?: string) =>
    given.get(name) || (fromUrl && decode(fromUrl)) || env[variable] || undefined;
  const chosenUser = find("user", "PGUSER", user) ?? ownName();
  const sslmode = modeOf(given.get("sslmode") ?? env["PGSSLMODE"] ?? "prefer");
  const optional = {
    password: given.get("password") ?? (password.length > 0 ? decode(password.join(":")) : undefined),
    passfile: find("passfile", "PGPASSFILE"),
    sslrootcert: find("sslrootcert", "PGSSLROOTCERT"),
    sslcert: find("sslcert", "PGSSLCERT"),
    sslkey: find("sslkey", "PGSSLKEY"),
    options: find("options", "PGOPTIONS"),
    connectTimeout: timeoutOf(find("connect_timeout", "PGCONNECT_TIMEOUT")),
  };
  return {
    servers: serversOf(netloc, given, env),
    user: chosenUser,
    database: find("dbname", "PGDATABASE", database) ?? chosenUser,
    sslmode,
    applicationName: given.get("application_name") ?? "switchback",
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined && value !== "")),
  };
}

/** Where it is, for a person: never a password. */
export function showAddress({ servers, database }: Address): string {
  const names = servers.map(({ host, port }) => (port === 5432 || isSocket(host) ? host : `${host}:${port}`));
  return `${database} at ${names.join(", ")}`;
}

/** Whether a host is the folder of a Unix socket (an abstract one begins with `@`). */
export const isSocket = (host: string) => host.startsWith("/") || host.startsWith("@");

function parametersOf(query: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const pair of query.split("&").filter(Boolean)) {
    const [rawName = "", ...rest] = pair.split("=");
    const [name, value] = [decode(rawName), decode(rest.join("="))];
    if (rest.length !== 1) refuse(`has ${JSON.stringify(name)} without a value`);
    // As libpq does, for JDBC's sake.
    if (name === "ssl" && value === "true") found.set("sslmode", "require");
    else if (TAKEN.has(name)) found.set(name, value);
    else if (!HARMLESS[name]?.test(value)) refuse(`has ${JSON.stringify(name)}, which is not known here`);
  }
  return found;
}

function serversOf(netloc: string, given: Map<string, string>, env: NodeJS.ProcessEnv): Server[] {
  const inUrl = netloc === "" ? [] : netloc.split(",").map(hostAndPort);
  const hosts = given.get("host")?.split(",") ?? inUrl.map(({ host }) => host);
  const ports = given.get("port")?.split(",") ?? inUrl.map(({ port }) => port);
  const names = hosts.length > 0 ? hosts : (env["PGHOST"]?.split(",") ?? [""]);
  if (ports.length > 1 && ports.length !== names.length) refuse("has not as many ports as hosts");
  return names.map((host, index) => ({
    host: host || env["PGHOST"] || "/var/run/postgresql",
    port: portOf((ports.length === 1 ? ports[0] : ports[index]) || env["PGPORT"] || "5432"),
  }));
}

function hostAndPort(text: string): { host: string; port: string } {
  const [, inBrackets, plain = "", port = ""] =
    /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text) ?? refuse("has a host that is none");
  return { host: decode(inBrackets ?? plain), port: decode(port) };
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : refuse(`has the port ${JSON.stringify(text)}, which is none`);
}

function modeOf(text: string): SslMode {
  return SSL_MODES.find((mode) => mode === text) ?? refuse(`has an sslmode that is none of ${SSL_MODES.join(", ")}`);
}

function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined || /^(0|-\d+)$/.test(text)) return undefined;
  // libpq takes one second for two.
  return /^\d{1,6}$/.test(text)
    ? Math.max(2, Number(text))
    : refuse("has a connect_timeout that is no number of seconds");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse("has a % that two hexadecimal digits do not follow");
  }
}

function ownName(): string {
  try {
    return os.userInfo().username;
  } catch {
    return "postgres"; // An account without a line in passwd has no name.
  }
}

/** `~/.postgresql/<name>`, where libpq looks for certificates. */
export const homeFile = (name: string) => path.join(os.homedir(), ".postgresql", name);

function refuse(why: string): never {
  throw new Error(why);
}
