import type { Subject } from "../render/subject.ts";
import type { SiteModel } from "./model.ts";

/** A site's values as nginx's configuration writes them. */
export interface Value {
  /** A path of the tree's. */
  tree(path: string): string;
  /** A path, of which the key of the site that it came from is known. */
  under(path: string, ...key: string[]): string;
  /** What `location` matches: a place itself, or all that begins with it. */
  match(place: string): string;
  prefix(place: string): string;
}

/** One argument: bare where nginx reads it as it stands, else in double quotes with `\` and `"` escaped. */
const quoteNginx = (text: string) =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `"${text.replaceAll(/[\\"]/g, (sign) => `\\${sign}`)}"`;

/** Writes the values of a site. @throws ManifestError, when asked to, for a `$`: nginx has no escape for it */
export function valuesOf(subject: Subject, site: SiteModel): Value {
  const { key } = site;
  const VARIABLE = "nginx takes $ for a variable, and has no escape for it";
  refuseForeign(subject, site);
  if (subject.paths.current.includes("$")) subject.refuse(["deploy_to"], VARIABLE);
  return {
    tree: quoteNginx,
    under: (path, ...at) => (path.includes("$") ? subject.refuse(["sites", key, ...at], VARIABLE) : quoteNginx(path)),
    match: (place) => (place.endsWith("/") ? "" : "= ") + prefixOf(place),
    prefix: prefixOf,
  };
}

// Locations are compared with the path that was asked for once its %xx are decoded.
const prefixOf = (place: string) => quoteNginx(decodeURIComponent(place));

/** What nginx has no words for. */
function refuseForeign(subject: Subject, { key, retry, entryPoints }: SiteModel): void {
  const at = (name: string) => ["sites", key, name];
  if (retry)
    subject.refuse(at("retry"), "nginx cannot wait and ask again: give the service a socket, which holds requests");
  if (subject.manifest.sites[key]?.maintenance?.service !== undefined)
    subject.refuse([...at("maintenance"), "service"], "nginx serves the page itself");
  if (entryPoints.length > 0) subject.refuse(at("entry_points"), "nginx has none: it listens on what listen says");
}
