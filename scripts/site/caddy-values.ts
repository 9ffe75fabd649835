import type { Subject } from "../render/subject.ts";

const PATTERN = /[{}*?[\]\\]/;
const TREE = "Caddy takes {…} for a placeholder and * ? [ \\ for a pattern";

/** One token: bare where Caddy reads it as it stands, else in double quotes, in which only `"` has to be escaped. */
export const quoteCaddy = (text: string) =>
  /^[A-Za-z0-9_@%+=:,./*-]+$/.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`;

/** A site's values as a Caddyfile writes them. */
export interface CaddyValue {
  /** A path, of which the key of the site that it came from is known. */
  path(path: string, ...key: PropertyKey[]): string;
  /** What a place matches: itself, or with `*` all that begins with it. */
  match(place: string, star: "" | "*", ...key: PropertyKey[]): string;
}

/** Writes the values of a site. @throws ManifestError, when asked to, for what Caddy would take for something else */
export function caddyValues(subject: Subject, key: string): CaddyValue {
  for (const path of [subject.paths.deployTo, subject.paths.current])
    if (PATTERN.test(path)) subject.refuse(["deploy_to"], TREE);
  const checked = (text: string, what: RegExp, at: PropertyKey[]) =>
    what.test(text) ? subject.refuse(["sites", key, ...at], TREE) : text;
  return {
    path: (path, ...at) => quoteCaddy(checked(path, PATTERN, at)),
    match: (place, star, ...at) => quoteCaddy(checked(decodedPlace(place), /[{}*?[\]\\%]/, at) + star),
  };
}

/** As Caddy compares it: with its `%xx` decoded. */
export const decodedPlace = (place: string) => decodeURIComponent(place);

/** A file below the root that an URI of Caddy's asks for. */
export const uriOf = (file: string) => `/${file.split("/").map(encodeURIComponent).join("/")}`;
