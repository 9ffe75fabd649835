import type { Flags } from "../core/entry.ts";
import { UsageError } from "../core/errors.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import { reporter } from "../terminal/reporter.ts";
import { chosenHosts } from "./chosen.ts";
import { type Kind, kindOf } from "./kinds.ts";
import { Hosts } from "./real.ts";
import { type } from "./typed.ts";
import { readTyped, type TypedWords } from "./words.ts";

/** A command as it was typed here, for an environment that has hosts. */
export interface Given {
  /** `release/switch_current`: its place under `ops`. */
  name: string;
  /** The words behind it. */
  words: string[];
  flags: Flags;
  loaded: LoadedManifest;
}

/** What each way of giving a command needs. */
export interface Giving extends Given {
  hosts: Hosts;
  typed: TypedWords;
}

type Way = (giving: Giving) => Promise<number>;

/** Each way with what it loads. */
const WAYS: Record<Kind, () => Promise<Way>> = {
  look: async () => (await import("./look.ts")).lookOnHosts,
  status: async () => (await import("./status.ts")).statusOfHosts,
  changes: async () => (await import("./changes.ts")).changesOfHosts,
  doctor: async () => (await import("./doctor.ts")).doctorOfHosts,
  attach: async () => (await import("./look.ts")).attachToHost,
  change: async () => (await import("./change.ts")).changeInTurn,
  changeOne: async () => (await import("./change.ts")).changeOne,
  switch: async () => (await import("./switch.ts")).switchOnHosts,
  build: async () => (await import("./release.ts")).buildOnHosts,
  deploy: async () => (await import("./release.ts")).deployOnHosts,
};

/** Gives a command on the hosts of its environment; answers with the exit code. */
export async function giveOnHosts(given: Given): Promise<number> {
  const { name, words, flags, loaded } = given;
  const hosts = new Hosts(loaded, chosenHosts(loaded.hosts, flags.on?.split(",")));
  for (const variable of ["DEPLOY_ROOT", "DEPLOY_RELEASES_DIR", "DEPLOY_CURRENT_LINK"])
    if (process.env[variable])
      reporter().warn(
        `${variable} names a place of this machine; on hosts it is ${loaded.manifest.deploy_to} that counts`,
      );
  const typed = readTyped(words);
  const kind = kindOf(name, typed.bare, { isDry: flags.dryRun === true });
  if ((kind === "attach" || kind === "changeOne") && hosts.hosts.length > 1) throw oneOf(given);
  return (await WAYS[kind]())({ ...given, hosts, typed });
}

const oneOf = ({ name, words, loaded }: Given) =>
  new UsageError(`${name} is one host's own: name which one, by --on`, {
    next: loaded.hosts.map((host) => type(loaded, name, readTyped(words).passed, host)),
  });
