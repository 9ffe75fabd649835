import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { templatesPath } from "../render/template.ts";

const TYPES: Record<string, string> = {
  "page.css": "text/css; charset=utf-8",
  "page.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
};

/** A file that the page is made of besides its text. */
export interface Asset {
  body: string;
  type: string;
  etag: string;
}

const kept = new Map<string, Asset>();

/** One of `templates/page/`, read once; undefined for any other name. */
export function assetOf(name: string): Asset | undefined {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (type === undefined) return undefined;
  const known = kept.get(name);
  if (known) return known;
  const body = fs.readFileSync(path.join(templatesPath, "page", name), "utf8");
  const asset = { body, type, etag: tagOf(body) };
  kept.set(name, asset);
  return asset;
}

/** An entity tag for anything that is the same as long as this text is. */
export const tagOf = (text: string) => `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
