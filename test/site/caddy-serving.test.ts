import fs from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { renderCaddy } from "../../scripts/site/caddy.ts";
import { hasCaddy, startCaddy } from "./caddy-server.ts";
import { ask, makeFolder, startEcho, subjectOfSite } from "./nginx-server.ts";

const PORT = 22300;
const SERVICE = 22301;
const OTHER = 22302;

const NO_STORE = "no-store, no-cache, must-revalidate";

let tree = "";

/** A tree whose release has the files of a built site. */
beforeEach(() => {
  tree = makeFolder();
  const write = (file: string, text: string) => {
    fs.mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
    fs.writeFileSync(path.join(tree, file), text);
  };
  write("releases/one/dist/index.html", "the page");
  write("releases/one/dist/plain.txt", "plain");
  write("releases/one/dist/assets/app-1.js", "code");
  write("releases/one/maintenance.html", "back soon");
  write("images/a b.png", "image");
  fs.symlinkSync("releases/one", path.join(tree, "current"));
});

const start = async (site: Record<string, unknown>, rest: Record<string, unknown> = {}) =>
  startCaddy(
    renderCaddy(
      subjectOfSite(
        { kind: "caddy", listen: PORT, ...site },
        { deploy_to: tree, services: { web: { run: "bin/server", port: SERVICE } }, ...rest },
      ),
    ),
    PORT,
  );

const get = (url: string, options: Parameters<typeof ask>[2] = {}) => ask(PORT, url, options);
const cacheOf = async (url: string) => (await get(url)).headers["cache-control"];

describe.skipIf(!hasCaddy)("a site that a real Caddy serves (skipped where caddy is not installed)", () => {
  test("has its page for unknown paths, never kept, and its hashed files for a year", async () => {
    await start({
      root: "dist",
      spa: true,
      no_store: "/index.html",
      immutable: "/assets/",
      alias: { "/img/": { path: path.join(tree, "images"), max_age: "7d" } },
    });
    for (const url of ["/", "/index.html", "/any/where", "/any.where"])
      expect([url, (await get(url)).body, await cacheOf(url)]).toEqual([url, "the page", NO_STORE]);
    expect(await get("/plain.txt")).toMatchObject({ status: 200, body: "plain" });
    expect(await cacheOf("/plain.txt")).toBeUndefined();

    expect(await get("/assets/app-1.js")).toMatchObject({ status: 200, body: "code" });
    expect(await cacheOf("/assets/app-1.js")).toBe("public, max-age=31536000, immutable");
    for (const url of ["/assets/app-2.js", "/assets/", "/assets/../assets/x"]) {
      expect([url, (await get(url)).status]).toEqual([url, 404]);
      expect(await cacheOf(url)).toBeUndefined();
    }

    expect(await get("/img/a%20b.png")).toMatchObject({ status: 200, body: "image" });
    expect(await cacheOf("/img/a%20b.png")).toBe("public, max-age=604800");
    expect((await get("/img/none.png")).status).toBe(404);
    expect((await get("/img/../../maintenance.html")).body).not.toBe("back soon");
  });

  test("without spa answers 404, and follows current to another release", async () => {
    await start({ root: "dist" });
    expect((await get("/any/where")).status).toBe(404);
    fs.mkdirSync(path.join(tree, "releases/two/dist"), { recursive: true });
    fs.writeFileSync(path.join(tree, "releases/two/dist/index.html"), "the second page");
    fs.symlinkSync("releases/two", path.join(tree, "next"));
    fs.renameSync(path.join(tree, "next"), path.join(tree, "current"));
    expect((await get("/")).body).toBe("the second page");
  });

  test("keeps no file at all where / is not to be kept", async () => {
    await start({ root: "dist", spa: true, no_store: "/", immutable: "/assets/" });
    for (const url of ["/", "/any/where", "/plain.txt"])
      expect([url, (await get(url)).status, await cacheOf(url)]).toEqual([url, 200, NO_STORE]);
    expect(await cacheOf("/assets/app-1.js")).toBe("public, max-age=31536000, immutable");
  });

  test("asks the service for the path, with headers that the client did not choose", async () => {
    await startEcho(SERVICE);
    await start({
      proxy: { "/api/": { service: "web", path: "/v1/" }, "/plain": { service: "web" }, "/a%20b/": { service: "web" } },
    });
    const asked = async (url: string, options = {}) =>
      JSON.parse((await get(url, options)).body) as { url: string; method: string; headers: Record<string, string> };

    expect((await asked("/api/items?a=1&b=%2F")).url).toBe("/v1/items?a=1&b=%2F");
    expect((await asked("/api/a%2Fb%20c/%C3%A9")).url).toBe("/v1/a%2Fb%20c/%C3%A9");
    expect((await asked("/API/items")).url).toBe("/v1/items");
    expect((await asked("/plain/items?q")).url).toBe("/plain/items?q");
    expect((await asked("/a%20b/c")).url).toBe("/a%20b/c");
    const { headers } = await asked("/api/", {
      headers: { host: "shop.example.org", "x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https" },
    });
    expect(headers).toMatchObject({
      host: "shop.example.org",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
    });
    expect((await get("/elsewhere")).status).toBe(404);
  });

  test("refuses a body that is too large, and takes a smaller one", async () => {
    await startEcho(SERVICE);
    await start({
      proxy: { "/": { service: "web", max_body: "1k" } },
      maintenance: { page: "maintenance.html" },
    });
    const post = (length: number) => get("/", { method: "POST", body: "x".repeat(length) });
    expect((await post(1024)).status).toBe(200);
    expect((await post(1025)).status).toBe(413);
    const chunked = { method: "POST", headers: { "transfer-encoding": "chunked" } };
    expect((await get("/", { ...chunked, body: "x".repeat(1024) })).status).toBe(200);
    expect((await get("/", { ...chunked, body: "x".repeat(300_000) })).status).toBe(413);
  });

  test("asks a service on a unix socket, and each of its instances", async () => {
    const socket = path.join(tree, "web.sock");
    await startEcho(socket);
    await startEcho(OTHER);
    await start(
      { proxy: { "/": { service: "held" }, "/many/": { service: "many" } } },
      {
        services: {
          held: { run: "bin/server", socket },
          // One of its instances does not answer.
          many: { run: "bin/server", port: OTHER, instances: { a: { port: OTHER }, b: { port: 22303 } } },
        },
      },
    );
    expect((await get("/")).status).toBe(200);
    for (let n = 0; n < 4; n++) expect((await get("/many/")).status).toBe(200);
  });

  test("answers with the maintenance page while the flag is there, whatever is asked", async () => {
    await startEcho(SERVICE);
    await start({
      root: "dist",
      proxy: { "/api/": { service: "web" } },
      maintenance: { page: "maintenance.html", retry_after: "7s" },
    });
    expect((await get("/api/")).status).toBe(200);
    fs.writeFileSync(path.join(tree, "maintenance"), "");
    const page = {
      status: 503,
      headers: { "retry-after": "7", "cache-control": "no-store", "content-type": "text/html; charset=utf-8" },
      body: "back soon",
    };
    expect(await get("/")).toMatchObject(page);
    expect(await get("/api/", { method: "POST", body: "x" })).toMatchObject(page);
    const { etag = "", "last-modified": date = "" } = (await get("/")).headers;
    for (const headers of [
      { "if-none-match": etag },
      { "if-modified-since": date },
      { "if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT" },
      { range: "bytes=0-1" },
    ] as Record<string, string>[])
      expect(await get("/", { headers })).toMatchObject(page);

    fs.rmSync(path.join(tree, "maintenance"));
    expect((await get("/")).body).toBe("the page");

    fs.writeFileSync(path.join(tree, "maintenance"), "");
    fs.rmSync(path.join(tree, "releases/one/maintenance.html"));
    expect(await get("/")).toMatchObject({ status: 503, headers: { "retry-after": "7" } });
  });

  test("answers with the page when the service is down, but not for what the service says itself", async () => {
    await start({
      root: "dist",
      proxy: { "/api/": { service: "web" } },
      maintenance: { page: "maintenance.html", retry_after: "5s" },
    });
    expect(await get("/api/")).toMatchObject({ status: 503, headers: { "retry-after": "5" }, body: "back soon" });
    expect((await get("/nothing")).status).toBe(404);
    expect((await get("/")).body).toBe("the page");
    fs.rmSync(path.join(tree, "releases/one/maintenance.html"));
    expect(await get("/api/")).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
  });

  test("lets a request wait until the service is there again", async () => {
    await start({ proxy: { "/": { service: "web" } }, retry: { attempts: 50, interval: "100ms" } });
    const waiting = [get("/"), get("/", { method: "POST" })];
    await new Promise((resolve) => setTimeout(resolve, 700));
    await startEcho(SERVICE);
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
  });

  test("gives up on an answer that takes too long", async () => {
    const { createServer } = await import("node:http");
    const silent = createServer(() => undefined).listen(SERVICE, "127.0.0.1");
    await start({
      proxy: { "/": { service: "web", read_timeout: "1s" } },
      maintenance: { page: "maintenance.html" },
    });
    expect(await get("/", { method: "POST", body: "x" })).toMatchObject({ status: 503, body: "back soon" });
    silent.closeAllConnections();
    silent.close();
  });
});
