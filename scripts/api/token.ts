import fs from "node:fs";
import { UsageError } from "../core/errors.ts";

/** Shorter ones can be tried out. */
const LEAST = 16;

/**
 * The token that callers have to show, from a file or else from $SWITCHBACK_API_TOKEN; undefined where there is neither. The variable is taken
 * out of the environment. @throws UsageError for a file that others may read, and for what is no token.
 */
export function observeToken(file: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  const variable = env["SWITCHBACK_API_TOKEN"];
  delete env["SWITCHBACK_API_TOKEN"];
  if (file !== undefined) return checked(readToken(file), file);
  return variable ? checked(variable, "$SWITCHBACK_API_TOKEN") : undefined;
}

function readToken(file: string): string {
  try {
    const stat = fs.statSync(file);
    if (!stat.isFile()) throw new UsageError(`${file} is no file`);
    if ((stat.mode & 0o077) !== 0)
      throw new UsageError(`${file} can be read by others than its owner`, { next: `chmod 600 ${file}` });
    return fs.readFileSync(file, "utf8").trim();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`the token cannot be read: ${(error as Error).message}`, {
      next: `(umask 077; openssl rand -hex 32 >${file})`,
      cause: error,
    });
  }
}

// The token itself is not said: what is said ends up in logs.
function checked(token: string, place: string): string {
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= LEAST) return token;
  throw new UsageError(`${place} holds no token: ${LEAST} characters or more, of ASCII without a space`, {
    next: "openssl rand -hex 32",
  });
}
