import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { readOverrides } from "../core/overrides.ts";
import { treePaths } from "../core/paths.ts";
import { inTemporaryFolder } from "../core/temporary.ts";
import { openManifest } from "../manifest/document.ts";
import { environmentNames } from "../manifest/layers.ts";
import type { Host } from "../manifest/loaded.ts";
import { type LoadedManifest, loadManifest } from "../manifest/load.ts";
import { renderWithTrailer } from "../manifest/trailer.ts";

// Stand for the places that differ between the machines on which one repository is checked out: what is generated is committed.
const HOME = "/@home@";
const CHECKOUT = "/@up@/@up@/@checkout@";

/** Longest first: a path of the manifest may lead out of the checkout, up to two folders. */
const PLACES: readonly (readonly [token: string, variable: string, rest: string])[] = [
  [CHECKOUT, "CHECKOUT", ""],
  ["/@up@/@up@", "CHECKOUT", "/.."],
  ["/@up@", "CHECKOUT", "/../.."],
  [HOME, "HOME", ""],
];
const PLACE = new RegExp(PLACES.map(([token]) => token).join("|"), "g");

/** A manifest whose paths name no machine, for the files that are generated into a repository. */
export interface Neutral {
  context: Context;
  /** Name of the manifest's file. */
  manifestName: string;
  /** Where the environment that the pages are about lives; empty: in this checkout's machine. */
  hosts: Host[];
  /** Every environment, in the file's order. */
  environments: { name: string; loaded: LoadedManifest }[];
}

/**
 * Loads a manifest's text as if `~` and its folder were places without a name; nothing of the environment counts. Where every environment
 * has hosts, nothing is done here: then, unless one is given, it is about the first. What is about hosts is as they see it.
 * @throws ManifestError when it is wrong.
 */
export function openNeutral(text: string, manifestName: string, environment: string | undefined): Neutral {
  return inTemporaryFolder("switchback", (directory) => {
    const filePath = path.join(directory, manifestName);
    fs.writeFileSync(filePath, renderWithTrailer(text, { originPath: CHECKOUT }));
    const load = (name: string | undefined) =>
      loadManifest({ filePath, environment: name, env: { HOME }, cwd: directory });
    const names = environmentNames(openManifest(filePath, manifestName).root);
    const environments = names.map((name) => ({ name, loaded: load(name) }));
    const isAllElsewhere = environments.every(({ loaded }) => loaded.hosts.length > 0);
    const about = load(environment ?? (isAllElsewhere ? names[0] : undefined));
    const { hosts } = about;
    if (hosts.length === 0) return { context: neutralContext(about, manifestName), manifestName, hosts, environments };
    fs.writeFileSync(filePath, renderWithTrailer(text, sentTo(about)));
    return { context: hostContext(load(about.environment)), manifestName, hosts, environments };
  });
}

/** What the copy that a host is sent says of itself. */
function sentTo({ manifest, environment, hosts }: LoadedManifest) {
  const deployTo = manifest.deploy_to.replace(/^~(?=\/|$)/, HOME);
  return { originPath: deployTo, deployTo, environment, host: hosts[0]?.name };
}

function hostContext(loaded: LoadedManifest): Context {
  const { manifest } = loaded;
  const paths = treePaths(manifest.deploy_to);
  return { loaded, manifest, paths, overrides: readOverrides({}), opsPath: `${paths.deployTo}/ops`, flags: [] };
}

function neutralContext(loaded: LoadedManifest, manifestName: string): Context {
  const { manifest, environment } = loaded;
  const named = manifestName === "deploy.yaml" ? [] : ["--manifest", `${CHECKOUT}/${manifestName}`];
  return {
    loaded,
    manifest,
    paths: treePaths(manifest.deploy_to),
    overrides: readOverrides({}),
    opsPath: `${CHECKOUT}/ops`,
    flags: [...named, ...(environment === undefined ? [] : ["--env", environment])],
  };
}

const placeOf = (token: string) => PLACES.find(([known]) => known === token) as (typeof PLACES)[number];

/** A path or sentence for a person: `$HOME/shop`, and paths in the checkout as they are typed there. */
export const plain = (text: string) =>
  text.replaceAll(`${CHECKOUT}/`, "").replaceAll(PLACE, (token) => {
    const [, variable, rest] = placeOf(token);
    return variable === "CHECKOUT" ? `.${rest}` : `$${variable}${rest}`;
  });

/** Shell in which the places are variables: a quoted word is closed in front of one and opened again behind it. */
export function neutralShell(text: string): string {
  let isQuoted = false;
  return text.replaceAll(new RegExp(`\\\\'|'|${PLACE.source}`, "g"), (found) => {
    if (found.endsWith("'")) {
      // Inside single quotes a backslash escapes nothing: what follows it ends them.
      if (found === "'" || isQuoted) isQuoted = !isQuoted;
      return found;
    }
    const [, variable, rest] = placeOf(found);
    return isQuoted ? `'"$${variable}${rest}"'` : `"$${variable}${rest}"`;
  });
}

/** A path for a script that lies in `ops` and knows its own folder as `$here`. */
export const neutralFromOps = (place: string) =>
  `"${place.replaceAll(/[$`"\\]/g, "\\$&").replaceAll(PLACE, (token) => {
    const [, variable, rest] = placeOf(token);
    return variable === "CHECKOUT" ? `$here/..${rest}` : `\${${variable}:-}${rest}`;
  })}"`;

/** A path with the checkout's own place in it, for what knows no checkout: cron. */
export const inCheckout = (place: string, folder: string) =>
  place.replaceAll(PLACE, (token) => {
    const [, variable, rest] = placeOf(token);
    return variable === "CHECKOUT" ? path.join(folder, rest) : token;
  });
