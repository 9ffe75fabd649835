import path from "node:path";
import { suitePath } from "../core/context.ts";
import type { Header } from "./header.ts";

/** The command on its host, as words. */
export const commandWords = ({ command, words, environment }: Header, manifest: string): string[] => [
  path.join(suitePath, "ops", `${command}.ts`),
  "--manifest",
  manifest,
  "--env",
  environment,
  ...words,
];

/** By these Debian's bash knows a login over the network, and reads its files, which may print, before any script. */
const OF_SSH = new Set(["SSH_CLIENT", "SSH2_CLIENT", "SSH_CONNECTION"]);

/** Where the tree is, the manifest says, there as here: not what an account of the host has for its own commands. */
const PLACES = new Set(["DEPLOY_MANIFEST", "DEPLOY_ROOT", "DEPLOY_RELEASES_DIR", "DEPLOY_CURRENT_LINK", "REPO_ROOT"]);

/** Its environment: the login's, and what was set where it was typed. */
export const environmentOf = ({ env, environment }: Header, login = process.env): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(login).filter(([name]) => !OF_SSH.has(name) && !PLACES.has(name))),
  SWITCHBACK_TYPED: environment,
  ...env,
});
