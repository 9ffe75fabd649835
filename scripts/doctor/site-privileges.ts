import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { subjectOf } from "../render/subject.ts";
import { caddyProxy } from "../site/caddy-host.ts";
import { observeUnwanted } from "../site/install-facts.ts";
import { sitesOf } from "../site/model.ts";
import { nginxProxy } from "../site/nginx-host.ts";
import { privilegesOf } from "../site/privileges.ts";
import { hostOf, type Proxy, sitePath } from "../site/proxy.ts";
import { isWritable } from "../render/reading.ts";
import { traefikProxy } from "../site/traefik-host.ts";

/** Every order that this manifest's sites need root for: to be installed, to go, and to show their page. */
export const sitePrivileges = (context: Context): string[][] =>
  [nginxProxy, caddyProxy, traefikProxy].flatMap((proxy) => ofProxy(context, proxy));

function ofProxy(context: Context, proxy: Proxy): string[][] {
  const host = hostOf(proxy);
  if (!host) return [];
  const files = sitesOf(subjectOf(context), proxy.kind).map((site) => {
    const file = sitePath(host, site);
    const folder = path.dirname(file);
    return { path: file, needsRoot: !isWritable(folder), hasFolder: fs.existsSync(folder) };
  });
  return privilegesOf(host, [...files, ...observeUnwanted(context, proxy, host, files)]);
}
