import { homedir } from "node:os";

/** `~` and `~/x` → the home of `$HOME`, else of the account. */
export const expandHome = (path: string, env: NodeJS.ProcessEnv): string =>
  path === "~" || path.startsWith("~/") ? (env["HOME"] || homedir()) + path.slice(1) : path;
