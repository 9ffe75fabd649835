import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { isRoot } from "../core/as-root.ts";
import { inTemporaryFolder } from "../core/temporary.ts";
import type { RenderedFile } from "../render/file.ts";
import { withSystemPath } from "./proxy.ts";

/**
 * What nginx itself says against a site, looked at alone: with a configuration, folders and a pid file of its own, so that neither
 * another site nor a running nginx matters. Undefined: nothing.
 */
export function checkNginx({ place, content }: RenderedFile): string | undefined {
  return inTemporaryFolder("switchback-nginx", (folder) => {
    const site = path.join(folder, "site.conf");
    fs.writeFileSync(site, isRoot() ? content : withoutLowPorts(content, folder));
    fs.writeFileSync(path.join(folder, "nginx.conf"), renderAround(site, folder));
    const words = ["-t", "-q", "-e", "stderr", "-p", folder, "-c", path.join(folder, "nginx.conf")];
    const { status, stderr, error } = spawnSync("nginx", words, { encoding: "utf8", env: withSystemPath(process.env) });
    if (error)
      return (error as NodeJS.ErrnoException).code === "ENOENT" ? "nginx is not installed here" : error.message;
    if (status === 0) return undefined;
    return problemIn(stderr).replaceAll(site, path.basename(place)) || `nginx -t ended with ${status}`;
  });
}

// Only root may listen on port 80: for anybody else such a port is a socket of its own, and nginx is asked about the rest.
const withoutLowPorts = (content: string, folder: string) =>
  content.replaceAll(/^( *listen )(?:\S+:)?(\d{1,3}|10[01]\d|102[0-3]);$/gm, (_, start: string, port: string) => {
    return `${start}unix:${folder}/${port}.sock;`;
  });

const problemIn = (stderr: string) =>
  stderr
    .split("\n")
    .filter((line) => /\[(?:emerg|crit|alert)\]/.test(line))
    .map((line) => line.replace(/^.*?\[(?:emerg|crit|alert)\] (?:\d+#\d+: )?/, ""))
    .join("; ");

/** The least that nginx needs around a site; what hosts set differently is as large as it may have to be. */
const renderAround = (site: string, folder: string) => `
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  server_names_hash_bucket_size 512;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  include ${site};
}
`;
