/** Who is let in, asked by bytes on a socket: what a client library would never send is sent too. */
import { beforeEach, describe, expect, test } from "vitest";
import { MAX_TARGET, refusalOf } from "../../scripts/api/guard.ts";
import type { Paths } from "../../scripts/core/paths.ts";
import { makeTree, openRegistry, put, startApi } from "./place.ts";

let tree: Paths;
beforeEach(() => {
  tree = makeTree();
});

const head = (first: string, ...lines: string[]) => `${[first, ...lines, "Connection: close"].join("\r\n")}\r\n\r\n`;
const get = (...lines: string[]) => head("GET /api/releases HTTP/1.1", ...lines);
const HOST = "Host: localhost";

describe("on loopback, without a token", () => {
  const KNOWN = [
    "localhost",
    "LOCALHOST:8787",
    "localhost.",
    "127.0.0.1",
    "127.0.0.1:42500",
    "127.8.8.8",
    "[::1]:8787",
    "deploys.example.org",
    "Deploys.Example.org:443",
  ];
  test.each(KNOWN)("Host: %s is its own", async (name) => {
    const { raw } = await startApi(tree, { hosts: new Set(["deploys.example.org"]) });
    expect((await raw(get(`Host: ${name}`))).status).toBe(200);
  });

  const FOREIGN = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil-localhost",
    "10.0.0.1",
    "0.0.0.0",
    "[::]",
    "[2001:db8::1]:8787",
    "deploys.example.org.evil.example",
    "128.0.0.1",
  ];
  test.each(FOREIGN)("Host: %s is somebody else's: 403", async (name) => {
    const { raw } = await startApi(tree, { hosts: new Set(["deploys.example.org"]) });
    const { status, text } = await raw(get(`Host: ${name}`));
    expect(status).toBe(403);
    expect(text).toContain("content-type: application/problem+json");
    expect(text).toContain("x-content-type-options: nosniff");
  });

  const NO_HOST: [string, string[]][] = [
    ["none", []],
    ["an empty one", ["Host:"]],
    ["two", [HOST, "Host: evil.example"]],
    ["two the same", [HOST, HOST]],
    ["two in another case", [HOST, "hOsT: localhost"]],
    ["a list", ["Host: localhost, evil.example"]],
    ["one with a user", ["Host: localhost@evil.example"]],
    ["one with a path", ["Host: localhost/x"]],
    ["one with a blank", ["Host: local host"]],
    ["a port that is none", ["Host: localhost:80x"]],
  ];
  test.each(NO_HOST)("%s: 400", async (_, lines) => {
    const { raw } = await startApi(tree);
    expect((await raw(get(...lines))).status).toBe(400);
  });
});

describe("with a token", () => {
  const token = "0123456789abcdef-secret";
  const basic = (pair: string) => `Authorization: Basic ${Buffer.from(pair).toString("base64")}`;

  test.each([
    `Authorization: Bearer ${token}`,
    `authorization: bearer  ${token}`,
    basic(`ann:${token}`),
    basic(`:${token}`),
  ])("%s opens", async (line) => {
    const { raw } = await startApi(tree, { token });
    expect((await raw(get(HOST, line))).status).toBe(200);
  });

  test.each([
    "X: y",
    "Authorization: Bearer",
    `Authorization: Bearer ${token}x`,
    `Authorization: Bearer ${token.slice(0, -1)}`,
    `Authorization: Bearer ${token} ${token}`,
    `Authorization: Token ${token}`,
    `Authorization: ${token}`,
    basic(token),
    basic(`${token}:`),
    basic(`${token}:x`),
    `Authorization: Bearer ${token}\r\nAuthorization: Bearer x`,
  ])("%s does not: 401, with how", async (line) => {
    const { raw } = await startApi(tree, { token });
    for (const first of ["GET /", "GET /api/releases", "GET /metrics", "GET /healthz", "GET /nothing", "POST /"]) {
      const { status, text } = await raw(head(`${first} HTTP/1.1`, HOST, line));
      expect([first, status]).toEqual([first, 401]);
      expect(text).toMatch(/^www-authenticate: Bearer realm="releases", Basic realm="releases"/im);
      expect(text).not.toContain(token);
    }
  });

  test("a foreign Host stays out with it, too", async () => {
    const { raw } = await startApi(tree, { token });
    expect((await raw(get("Host: evil.example", `Authorization: Bearer ${token}`))).status).toBe(403);
  });
});

test("where it listens on every address, any address is its own, and names are not", () => {
  const access = { hosts: new Set<string>(), hasEveryAddress: true };
  const status = (name: string) =>
    refusalOf({ method: "GET", target: "/", rawHeaders: ["Host", name] }, access)?.status;
  expect(["192.0.2.7:8787", "[2001:db8::1]", "localhost", "evil.example"].map(status)).toEqual([
    undefined,
    undefined,
    undefined,
    403,
  ]);
});

describe("what is asked", () => {
  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])(
    "%s changes nothing: 405, and which do",
    async (method) => {
      put(openRegistry(tree), "v1", "deployed");
      const { raw } = await startApi(tree);
      for (const address of ["/api/releases", "/api/releases/v1", "/", "/nothing"]) {
        const { status, text } = await raw(head(`${method} ${address} HTTP/1.1`, HOST, "Content-Length: 0"));
        expect([address, status]).toEqual([address, 405]);
        expect(text).toMatch(/^allow: GET, HEAD\r$/im);
      }
    },
  );

  const BODIES: [string, string[], string][] = [
    ["a length", ["Content-Length: 5"], "hello"],
    ["chunks", ["Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"],
    ["a length that waits to be let go on", ["Content-Length: 5", "Expect: 100-continue"], ""],
  ];
  test.each(BODIES)("a body with %s: 413, and the connection is closed", async (_, lines, body) => {
    const { raw } = await startApi(tree);
    const { status, text } = await raw(`GET /api/releases HTTP/1.1\r\n${[HOST, ...lines].join("\r\n")}\r\n\r\n${body}`);
    expect(status).toBe(413);
    expect(text).toMatch(/connection: close/i);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test("a request that hides in another's body is not answered", async () => {
    const { raw } = await startApi(tree);
    const hidden = `GET /api/releases HTTP/1.1\r\n${HOST}\r\n\r\n`;
    const lines = [HOST, `Content-Length: ${hidden.length}`, "Transfer-Encoding: chunked"].join("\r\n");
    const { text } = await raw(`GET / HTTP/1.1\r\n${lines}\r\n\r\n0\r\n\r\n${hidden}`);
    expect(text).not.toContain("HTTP/1.1 200");
  });

  const TARGETS: [string, string, number[]][] = [
    ["a way out", "/../../../etc/passwd", [404]],
    ["a way out, written otherwise", "/..%2f..%2fetc/passwd", [404]],
    ["a way out with a backslash", "/page/..\\..\\deploy.yaml", [400, 404]],
    ["a NUL", "/api/releases/a\0b", [400]],
    ["a line's end", "/api/releases/a\nb", [400]],
    ["bytes above ASCII", "/api/releases/\u00e4", [400]],
    ["another server's address", "http://evil.example/api/releases", [400]],
    ["no path", "*", [400]],
    ["two slashes", "//evil.example/api/releases", [404]],
    ["8 kB and a byte", `/${"a".repeat(MAX_TARGET)}`, [414]],
    ["20 kB", `/${"a".repeat(20_000)}`, [414, 431]],
  ];
  test.each(TARGETS)("%s", async (_, target, wanted) => {
    const { raw } = await startApi(tree);
    const { status, body } = await raw(head(`GET ${target} HTTP/1.1`, HOST));
    expect(wanted).toContain(status);
    expect(JSON.parse(body)).toMatchObject({ status });
  });

  const HEADS: [string, string, number[]][] = [
    ["a header of 100 kB", get(HOST, `X: ${"a".repeat(100_000)}`), [431]],
    ["2,000 headers", get(HOST, ...Array.from({ length: 2000 }, (_, i) => `X-${i}: y`)), [431]],
    ["a header without a colon", get(HOST, "no colon"), [400]],
    ["a blank before the colon", get(HOST, "X : y"), [400]],
    ["a folded header", get(HOST, "X: a\r\n b"), [400]],
    ["no request at all", "\u0016\u0003\u0001 hello\r\n\r\n", [400]],
    ["HTTP/0.9", "GET /\r\n\r\n", [400]],
    ["HTTP/3.0", "GET / HTTP/3.0\r\n\r\n", [400, 505]],
  ];
  test.each(HEADS)("%s", async (_, text, wanted) => {
    const { raw } = await startApi(tree);
    const { status, ms, body } = await raw(text);
    expect(wanted).toContain(status);
    expect(Object.keys(JSON.parse(body) as object)).toEqual(["type", "title", "status", "detail"]);
    expect(ms).toBeLessThan(2_000);
  });

  test("requests in one go are answered in their order", async () => {
    put(openRegistry(tree), "v1", "deployed");
    const { raw } = await startApi(tree);
    const one = (address: string) => `GET ${address} HTTP/1.1\r\n${HOST}\r\n\r\n`;
    const { text } = await raw(one("/api/releases/v9") + one("/healthz") + get(HOST));
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 404", "HTTP/1.1 200", "HTTP/1.1 200"]);
  });
});
