import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { FailedError } from "../../core/errors.ts";
import { quote } from "../../core/step.ts";
import { type Address, isSocket } from "./address.ts";
import { findPassword } from "./pgpass.ts";

/** Where the password was found. */
export type PasswordSource = "registry.password_file" | "registry.url" | "PGPASSWORD" | "the password file" | "nowhere";

export interface Password {
  source: PasswordSource;
  value: string;
}

/** Where a password may be, besides the URL. */
export interface PasswordPlaces {
  /** Absolute path of `registry.password_file`. */
  file?: string | undefined;
  env: NodeJS.ProcessEnv;
}

/**
 * The password of an address: `registry.password_file`, then libpq's order.
 * @throws FailedError for a file that is not there, is empty or can be read by others.
 */
export function findPasswordOf(address: Address, server: Address["servers"][number], places: PasswordPlaces): Password {
  const { file, env } = places;
  if (file !== undefined) return { source: "registry.password_file", value: readPasswordFile(file) };
  if (address.password !== undefined) return { source: "registry.url", value: address.password };
  if (env["PGPASSWORD"]) return { source: "PGPASSWORD", value: env["PGPASSWORD"] };
  const value = fromPassfile(address, server);
  return value === undefined ? { source: "nowhere", value: "" } : { source: "the password file", value };
}

/** libpq's password file, and what keeps it from being read: others may read it. */
export function observePassfile(address: Address): { place: string; isOpen: boolean; text: string | undefined } {
  const place = address.passfile ?? path.join(os.homedir(), ".pgpass");
  try {
    const stat = fs.statSync(place);
    // libpq leaves a file that others may read alone.
    const isOpen = stat.isFile() && (stat.mode & 0o077) !== 0;
    return { place, isOpen, text: stat.isFile() && !isOpen ? fs.readFileSync(place, "utf8") : undefined };
  } catch {
    return { place, isOpen: false, text: undefined };
  }
}

function fromPassfile(address: Address, { host, port }: Address["servers"][number]): string | undefined {
  const { text } = observePassfile(address);
  if (text === undefined) return undefined;
  const isDefaultSocket = isSocket(host) && ["/var/run/postgresql", "/tmp"].includes(host);
  const { database, user } = address;
  return findPassword(text, { host: isDefaultSocket ? "localhost" : host, port, database, user });
}

function readPasswordFile(file: string): string {
  const next = `install -m 600 /dev/stdin ${quote(file)}   # then the password, then Ctrl-D`;
  let stat: fs.Stats;
  try {
    stat = fs.statSync(file);
    if ((stat.mode & 0o077) !== 0)
      throw new FailedError(`registry.password_file: others may read ${file}`, { next: `chmod 600 ${quote(file)}` });
    // An editor ends the line; a password ends before that.
    const text = fs.readFileSync(file, "utf8").replace(/\r?\n$/, "");
    if (text !== "" && !text.includes("\n")) return text;
    throw new FailedError(`registry.password_file: ${file} is not one line with a password`, { next });
  } catch (error) {
    if (error instanceof FailedError) throw error;
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    const why = isAbsent ? `${file} is not there` : (error as Error).message;
    throw new FailedError(`registry.password_file: ${why}`, { next });
  }
}
