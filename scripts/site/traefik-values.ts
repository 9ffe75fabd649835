import type { Subject } from "../render/subject.ts";
import type { SiteModel } from "./model.ts";

// Traefik runs a file through Go's templates before it reads it; YAML takes some signs for the end of a line.
const TEMPLATE = /\{\{|[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;
const UNWRITTEN = "Traefik takes {{ for the start of a template, and some signs for the end of a line";

/** @throws ManifestError for a tree whose path cannot stand in a comment of Traefik's */
export function refuseTree(subject: Subject): void {
  if (TEMPLATE.test(subject.paths.deployTo)) subject.refuse(["deploy_to"], UNWRITTEN);
}

/** A Go string, as Traefik's rules write it. */
const quoteGo = (text: string) => (/[`\\]/.test(text) ? JSON.stringify(text) : `\`${text}\``);

const inRegex = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, (sign) => `\\${sign}`);

/** The rule of a route: one of the site's names, and a path that begins with `place`. */
export function ruleOf(subject: Subject, site: SiteModel, place: string): string {
  const prefix = decodeURIComponent(place);
  if (TEMPLATE.test(prefix)) subject.refuse(["sites", site.key, "proxy", place], UNWRITTEN);
  const path = `PathPrefix(${quoteGo(prefix)})`;
  const hosts = site.serverNames.map(hostRule);
  if (hosts.length === 0 || site.serverNames.includes("_")) return path;
  return hosts.length === 1 ? `${hosts[0]} && ${path}` : `(${hosts.join(" || ")}) && ${path}`;
}

// Host takes a `*.` only in the newest versions of Traefik.
const hostRule = (name: string) =>
  name.startsWith("*.") ? `HostRegexp(\`^[^.]+${inRegex(name.slice(1))}$\`)` : `Host(\`${name}\`)`;

/** What replaces a path's beginning. Traefik compares the path as it was asked for: a sign stands for itself or as its `%xx`. */
export function replacement(place: string, target: string): { regex: string; replacement: string } {
  const signs = Array.from(decodeURIComponent(place), (sign) =>
    /[A-Za-z0-9_~/-]/.test(sign) ? sign : `(?:${inRegex(sign)}|(?i:${percent(sign)}))`,
  );
  return { regex: `^${signs.join("")}`, replacement: encodeURI(target).replaceAll("%25", "%") };
}

const percent = (sign: string) =>
  Array.from(Buffer.from(sign), (byte) => `%${byte.toString(16).padStart(2, "0").toUpperCase()}`).join("");
