/** A site as nginx itself serves it: each promise of the manifest is asked for over HTTP. */
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { renderNginx } from "../../scripts/site/nginx.ts";
import { checkNginx } from "../../scripts/site/nginx-check.ts";
import { ask, hasNginx, makeFolder, startEcho, startNginx, subjectOfSite, subjectOfText } from "./nginx-server.ts";

const root = path.resolve(import.meta.dirname, "../..");
const manifestOf = (name: string) => fs.readFileSync(path.join(root, `templates/manifests/${name}.yaml`), "utf8");

/** The arguments of every directive, by its place: `server/location /api/` → lines. */
function directivesOf(content: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  const open: string[] = [];
  for (const line of content.split("\n").map((text) => text.trim())) {
    if (line.endsWith("{")) open.push(line.slice(0, -1).trim());
    else if (line === "}") open.pop();
    else if (line !== "" && !line.startsWith("#")) (found[open.join("/")] ??= []).push(line);
  }
  return found;
}

test("the site of the annotation team, directive by directive", async () => {
  const [file] = renderNginx(subjectOfText(manifestOf("medc-annot")));
  expect(file?.place).toBe("nginx/medc-annot-main.conf");
  const content = file?.content ?? "";
  await expect(content).toMatchFileSnapshot("../golden/nginx/medc-annot-main.conf");
  const theirs: Record<string, string[]> = {
    server: ["listen 80;", "server_name your.domain.com;", "root /opt/releases/medc-annot/current/frontend/dist;"],
    "server/location = /index.html": [`add_header Cache-Control "no-store, no-cache, must-revalidate";`],
    "server/location /": ["try_files $uri /index.html;"],
    "server/location /assets/": [
      `add_header Cache-Control "public, max-age=31536000, immutable";`,
      "try_files $uri =404;",
    ],
    "server/location /static/img/": [
      "alias /data/medc/static/img/;",
      `add_header Cache-Control "public, max-age=604800";`,
    ],
    "server/location /api/": [
      "proxy_pass http://127.0.0.1:8000/api/;",
      "proxy_http_version 1.1;",
      "proxy_set_header Host $host;",
      "proxy_set_header X-Forwarded-For $remote_addr;",
      "proxy_set_header X-Forwarded-Proto $scheme;",
      "client_max_body_size 64m;",
      "proxy_read_timeout 120s;",
    ],
  };
  const ours = directivesOf(content);
  for (const [place, lines] of Object.entries(theirs))
    expect(ours[place], place).toEqual(expect.arrayContaining(lines));
  expect(ours["server"]).toContain("server_tokens off;");
});

test("upstreams of sockets and instances", async () => {
  const services = {
    held: { run: "x", socket: "/run/shop/held.sock" },
    tcp: { run: "x", socket: "0.0.0.0:8100" },
    proxied: { run: "x", port: 8200, socket: { listen: "[::]:8201", proxy: true } },
    web: { run: "x", instances: { main: { port: 8301 }, admin: { port: 8302 } } },
  };
  const proxy = {
    "/held/": { service: "held" },
    "/tcp/": { service: "tcp" },
    "/p/": { service: "proxied" },
    "/w/": { service: "web", path: "/" },
  };
  const [file] = renderNginx(subjectOfSite({ proxy }, { services }));
  await expect(file?.content).toMatchFileSnapshot("../golden/nginx/shop-main.conf");
  if (hasNginx && file) expect(checkNginx(file)).toBeUndefined();
});

describe.skipIf(!hasNginx)("served by nginx", () => {
  /** A tree with a release that is current, and what lies in it. */
  function makeTree(files: Record<string, string>): string {
    const tree = makeFolder();
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(tree, "releases/r1", name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, content);
    }
    fs.symlinkSync("releases/r1", path.join(tree, "current"));
    return tree;
  }

  test("files of current: the entry page is never kept, hashed ones for a year, a miss of them is 404, the rest is the page", async () => {
    const tree = makeTree({ "dist/index.html": "entry", "dist/assets/a-1.js": "js", "dist/robots.txt": "robots" });
    const site = { listen: 22201, root: "dist", spa: true, no_store: ["/index.html"], immutable: ["/assets/"] };
    await startNginx(renderNginx(subjectOfSite(site, { deploy_to: tree })));
    const noStore = "no-store, no-cache, must-revalidate";
    for (const url of ["/", "/index.html", "/deep/link", "/assets"]) {
      const { status, body, headers } = await ask(22201, url);
      expect({ url, status, body, cache: headers["cache-control"] }).toEqual({
        url,
        status: 200,
        body: "entry",
        cache: noStore,
      });
      expect(headers.server).toBe("nginx");
    }
    expect(await ask(22201, "/assets/a-1.js")).toMatchObject({
      status: 200,
      body: "js",
      headers: { "cache-control": "public, max-age=31536000, immutable" },
    });
    const miss = await ask(22201, "/assets/a-0.js");
    expect([miss.status, miss.headers["cache-control"]]).toEqual([404, undefined]);
    expect(await ask(22201, "/robots.txt")).toMatchObject({ status: 200, body: "robots" });
    fs.mkdirSync(path.join(tree, "releases/r2/dist"), { recursive: true });
    fs.writeFileSync(path.join(tree, "releases/r2/dist/index.html"), "next");
    fs.symlinkSync("releases/r2", path.join(tree, "next"));
    fs.renameSync(path.join(tree, "next"), path.join(tree, "current"));
    expect(await ask(22201, "/")).toMatchObject({ body: "next" });
  });

  test("a folder elsewhere, with its age, and no way out of it", async () => {
    const tree = makeTree({ "dist/index.html": "entry" });
    const images = path.join(tree, "data/img");
    fs.mkdirSync(images, { recursive: true });
    fs.writeFileSync(path.join(images, "a.png"), "png");
    fs.writeFileSync(path.join(tree, "data/secret"), "secret");
    const site = { listen: 22202, root: "dist", alias: { "/static/img": { path: images, max_age: "7d" } } };
    await startNginx(renderNginx(subjectOfSite(site, { deploy_to: tree })));
    expect(await ask(22202, "/static/img/a.png")).toMatchObject({
      status: 200,
      body: "png",
      headers: { "cache-control": "public, max-age=604800" },
    });
    for (const url of [
      "/static/img../secret",
      "/static/img/../../../data/secret",
      "/static/img/%2e%2e/secret",
      "/nothing",
    ])
      expect([url, (await ask(22202, url)).body.includes("secret")]).toEqual([url, false]);
    expect((await ask(22202, "/nothing")).status).toBe(404);
  });

  test("a service: path, headers, the size of a body, and how long an answer may take", async () => {
    const tree = makeTree({});
    const services = { web: { run: "x", port: 22290 }, slow: { run: "x", port: 22291 } };
    const proxy = {
      "/api/": { service: "web", path: "/v1/", max_body: "1k" },
      "/same/": { service: "web" },
      "/slow/": { service: "slow", read_timeout: "1s" },
      "/down/": { service: "gone" },
    };
    await startEcho(22290);
    const silent = net.createServer(() => {}).listen(22291, "127.0.0.1");
    await startNginx(
      renderNginx(
        subjectOfSite(
          { listen: 22203, proxy },
          { deploy_to: tree, services: { ...services, gone: { run: "x", port: 22292 } } },
        ),
      ),
    );
    const seen = JSON.parse(
      (await ask(22203, "/api/x%2Fy?q=1", { headers: { Host: "shop.example:1", "X-Forwarded-For": "6.6.6.6" } })).body,
    );
    expect(seen).toMatchObject({
      method: "GET",
      headers: {
        host: "shop.example",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        connection: "close",
      },
    });
    expect(seen.url).toBe("/v1/x/y?q=1");
    expect(seen.headers).not.toHaveProperty("upgrade");
    expect(JSON.parse((await ask(22203, "/same/x%2Fy")).body).url).toBe("/same/x%2Fy");
    expect((await ask(22203, "/api/", { method: "POST", body: "x".repeat(1024) })).status).toBe(200);
    expect((await ask(22203, "/api/", { method: "POST", body: "x".repeat(1025) })).status).toBe(413);
    const asked = performance.now();
    expect((await ask(22203, "/slow/")).status).toBe(504);
    expect(performance.now() - asked).toBeLessThan(3000);
    expect((await ask(22203, "/down/")).status).toBe(502);
    expect((await ask(22203, "/")).status).toBe(404);
    silent.close();
  });

  test("only WebSockets are upgraded to", async () => {
    await startEcho(22290);
    const services = { web: { run: "x", port: 22290 } };
    await startNginx(renderNginx(subjectOfSite({ listen: 22204, proxy: { "/": { service: "web" } } }, { services })));
    const passed = async (upgrade: string) => {
      const { upgrade: to, connection } = JSON.parse(
        (await ask(22204, "/", { headers: { Upgrade: upgrade, Connection: "Upgrade" } })).body,
      ).headers;
      return [to, connection];
    };
    expect(await passed("WebSocket")).toEqual(["websocket", "upgrade"]);
    expect(await passed("h2c")).toEqual([undefined, "close"]);
  });

  test("a unix socket, and instances of which one is down", async () => {
    const tree = makeTree({});
    const socket = path.join(tree, "held.sock");
    await startEcho(socket);
    await startEcho(22290);
    const services = {
      held: { run: "x", socket },
      web: { run: "x", instances: { up: { port: 22290 }, down: { port: 22292 } } },
    };
    const proxy = { "/held/": { service: "held", path: "/h/" }, "/web/": { service: "web" } };
    await startNginx(renderNginx(subjectOfSite({ listen: 22205, proxy }, { deploy_to: tree, services })));
    expect(JSON.parse((await ask(22205, "/held/x")).body)).toMatchObject({
      url: "/h/x",
      headers: { host: "127.0.0.1" },
    });
    for (let count = 0; count < 6; count++)
      expect((await ask(22205, "/web/", { method: "POST", body: "b" })).status).toBe(200);
  });

  test("maintenance is a file, seen at once, for every method; the page also answers for a service that is down", async () => {
    const tree = makeTree({ "dist/index.html": "entry", "pages/be right back.html": "back soon" });
    const site = {
      listen: 22206,
      root: "dist",
      spa: true,
      proxy: { "/api/": { service: "web" } },
      maintenance: { page: "pages/be right back.html", retry_after: "1500ms" },
    };
    const services = { web: { run: "x", port: 22290 } };
    await startNginx(renderNginx(subjectOfSite(site, { deploy_to: tree, services })));
    const isPage = {
      status: 503,
      body: "back soon",
      headers: { "retry-after": "2", "cache-control": "no-store", "content-type": "text/html" },
    };
    expect(await ask(22206, "/")).toMatchObject({ status: 200 });
    expect(await ask(22206, "/api/")).toMatchObject(isPage);
    expect(await ask(22206, "/api/", { method: "POST", body: "x" })).toMatchObject(isPage);
    await startEcho(22290);
    expect((await ask(22206, "/api/")).status).toBe(200);
    fs.writeFileSync(path.join(tree, "maintenance"), "");
    for (const url of ["/", "/index.html", "/api/", "/.switchback-maintenance"])
      expect(await ask(22206, url), url).toMatchObject(url.startsWith("/.") ? { status: 404 } : isPage);
    for (const method of ["POST", "PUT", "DELETE"])
      expect(await ask(22206, "/api/x", { method, body: "x" }), method).toMatchObject(isPage);
    fs.rmSync(path.join(tree, "releases/r1/pages"), { recursive: true });
    const plain = await ask(22206, "/");
    expect([plain.status, plain.headers["retry-after"], plain.body.includes("503 Service")]).toEqual([503, "2", true]);
    fs.rmSync(path.join(tree, "maintenance"));
    expect(await ask(22206, "/")).toMatchObject({ status: 200, body: "entry" });
  });
});
