import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import { treePaths } from "../../scripts/core/paths.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import type { RenderedFile } from "../../scripts/render/file.ts";
import { refusing, type Subject } from "../../scripts/render/subject.ts";
import { withSystemPath } from "../../scripts/site/proxy.ts";

export const hasNginx = spawnSync("nginx", ["-v"], { env: withSystemPath(process.env) }).status === 0;

/** A new folder that anybody may read, removed after the test. */
export function makeFolder(): string {
  const folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "switchback-site-"));
  fs.chmodSync(folder, 0o755);
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The subject of a manifest as the real loader reads it. */
export function subjectOfText(text: string): Subject {
  const folder = makeFolder();
  const file = path.join(folder, "deploy.yaml");
  fs.writeFileSync(file, text);
  const loaded = loadManifest({ filePath: file, env: {}, cwd: folder });
  return {
    manifest: loaded.manifest,
    paths: treePaths(loaded.manifest.deploy_to),
    owner: { name: "deploy", uid: 1000, home: "/home/deploy" },
    refuse: refusing(loaded),
  };
}

/** The subject of the app `shop` with the tree `deployTo`, a service `web` on port 8000, and one site, `main`. */
export const subjectOfSite = (site: Record<string, unknown>, rest: Record<string, unknown> = {}): Subject =>
  subjectOfText(
    stringify({
      app: "shop",
      deploy_to: "/srv/shop",
      services: { web: { run: "bin/server", port: 8000 } },
      sites: { main: { kind: "nginx", ...site } },
      ...rest,
    }),
  );

/** A real nginx with nothing but these sites, until the end of the test. */
export async function startNginx(files: RenderedFile[]): Promise<void> {
  const folder = makeFolder();
  const sites = path.join(folder, "sites");
  fs.mkdirSync(sites);
  for (const { place, content } of files) fs.writeFileSync(path.join(sites, path.basename(place)), content);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const user = process.geteuid?.() === 0 ? "user nobody nogroup;" : "";
  fs.writeFileSync(
    path.join(folder, "nginx.conf"),
    `${user} daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr crit; events {}
http { include /etc/nginx/mime.types; access_log off; ${temporary.join(" ")} include ${sites}/*.conf; }`,
  );
  const child = spawn("nginx", ["-e", "stderr", "-p", folder, "-c", path.join(folder, "nginx.conf")], {
    env: withSystemPath(process.env),
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
  while (!fs.existsSync(path.join(folder, "nginx.pid"))) {
    if (child.exitCode !== null) throw new Error(said);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A service on a port or a unix socket that answers with what it was asked, until the end of the test. */
export async function startEcho(where: number | string): Promise<void> {
  const server = http.createServer((request, response) => {
    request
      .resume()
      .on("end", () =>
        response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers })),
      );
  });
  server.listen(typeof where === "number" ? { port: where, host: "127.0.0.1" } : { path: where });
  await once(server, "listening");
  if (typeof where === "string") fs.chmodSync(where, 0o777);
  onTestFinished(() => void server.close());
}

export interface Answered {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** Asks for a path exactly as it is written. */
export function ask(
  port: number,
  url: string,
  options: http.RequestOptions & { body?: string } = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", port, path: url, agent: false, ...options }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    request.on("error", reject);
    request.end(options.body);
  });
}
