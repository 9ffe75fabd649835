/** What the release API answers: seed 004's shapes, and everything against the document that describes it. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import type { Paths } from "../../scripts/core/paths.ts";
import { STATUSES } from "../../scripts/core/step.ts";
import { Journal } from "../../scripts/registry/journal.ts";
import { makeTree, openRegistry, put, putOperation, startApi } from "./place.ts";

type Row = Record<string, unknown>;

const SIX = ["id", "release_id", "commit_sha", "migration_marker", "status", "deployed_at"];

let tree: Paths;
beforeEach(() => {
  tree = makeTree();
});

test("a release has the six keys of the control plane first, and is found by its id", async () => {
  const database = openRegistry(tree);
  put(database, "v1", "deployed", { marker: "42", deployedAt: "2026-11-20T22:15:30Z" });
  put(database, "v2", "build_failed");
  const { get, json } = await startApi(tree);
  const answer = await get("/api/releases");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  const rows = (await answer.json()) as Row[];
  expect(rows.map((row) => row["release_id"])).toEqual(["v2", "v1"]);
  expect(rows.map((row) => Object.keys(row).slice(0, 6))).toEqual([SIX, SIX]);
  expect(await json("/api/releases/v1")).toEqual(rows[1]);
  expect(rows[1]).toMatchObject({
    id: 1,
    commit_sha: "sha-of-v1",
    migration_marker: "42",
    status: "deployed",
    deployed_at: "2026-11-20T22:15:30Z",
  });
  expect(rows[0]).toMatchObject({ migration_marker: null, deployed_at: null });
});

test.each(["v9", "..", "%2e%2e%2fregistry.db", "a%00b", "a%0ab", "%E0%A4%A", "v1%20", "'; DROP TABLE releases --"])(
  "%s is no release: 404, as a problem",
  async (id) => {
    put(openRegistry(tree), "v1", "deployed");
    const { raw } = await startApi(tree);
    const { status, text, body } = await raw(
      `GET /api/releases/${id.replaceAll(" ", "%20")} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    expect(status).toBe(404);
    expect(text).toContain("content-type: application/problem+json");
    const said = JSON.parse(body) as Row;
    expect(said).toMatchObject({ type: "about:blank", title: "Not Found", status: 404 });
    if (id !== "..") expect(said["detail"]).toBe("Release not found");
  },
);

describe("limit, status and before", () => {
  const idsOf = (rows: unknown) => (rows as Row[]).map((row) => row["release_id"]);

  test("a hundred are given without a limit, and as many as asked for with one", async () => {
    const database = openRegistry(tree);
    for (let i = 1; i <= 600; i++) put(database, `r${i}`, i % 2 ? "built" : "build_failed");
    const { get, json } = await startApi(tree);
    expect(idsOf(await json("/api/releases"))).toHaveLength(100);
    expect(idsOf(await json("/api/releases?limit=500"))).toHaveLength(500);
    expect(idsOf(await json("/api/releases?limit=2&status=built"))).toEqual(["r599", "r597"]);
    expect(idsOf(await json("/api/releases?limit=1&status="))).toEqual(["r600"]);
    expect(idsOf(await json("/api/releases?limit=7&limit=1&unknown=x"))).toEqual(["r600"]);
    const first = await get("/api/releases?limit=3&status=built");
    const next = /<(.*)>; rel="next"/.exec(first.headers.get("link") ?? "")?.[1];
    expect(next).toBe("/api/releases?limit=3&status=built&before=595");
    expect(idsOf(await json(next ?? ""))).toEqual(["r593", "r591", "r589"]);
    expect((await get("/api/releases?limit=1&before=1")).headers.has("link")).toBe(false);
  });

  const WRONG = [
    "limit=0",
    "limit=501",
    "limit=-1",
    "limit=",
    "limit=ten",
    "limit=1.5",
    "limit=1e2",
    "limit=0x10",
    "limit=99999999999999999999",
    "limit=%00",
    "status=nothing",
    "status=DEPLOYED",
    "status=deployed%00",
    "before=x",
    "before=0",
  ];
  test.each(WRONG)("%s is refused with 422, and said which", async (words) => {
    const { get } = await startApi(tree);
    const answer = await get(`/api/releases?${words}`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([422, "application/problem+json"]);
    const { status, detail, errors } = (await answer.json()) as { status: number; detail: string; errors: Row[] };
    const name = words.split("=")[0];
    expect([status, errors.map((one) => one["parameter"])]).toEqual([422, [name]]);
    expect(detail).toMatch(new RegExp(`^${name}: wants `));
  });
});

describe("caching", () => {
  test.each([
    "/api/releases",
    "/api/releases/v1",
    "/api/operations",
    "/api/operations/one",
    "/api/operations/one/log",
    "/healthz",
    "/openapi.json",
  ])("%s: 304 while nothing has changed", async (address) => {
    const database = openRegistry(tree);
    put(database, "v1", "deployed");
    putOperation(database, { id: "one" });
    fs.writeFileSync(path.join(tree.logs, "one.log"), "built\n");
    const { get } = await startApi(tree);
    const first = await get(address);
    const tag = first.headers.get("etag") ?? "";
    expect([first.status, first.headers.get("cache-control")]).toEqual([200, "no-cache"]);
    expect(tag).toMatch(/^W\/"[\w-]+"$/);
    for (const known of [tag, tag.slice(2), `"other", ${tag}`]) {
      const again = await get(address, { headers: { "if-none-match": known } });
      expect([again.status, again.headers.get("etag"), await again.text()]).toEqual([304, tag, ""]);
    }
    expect((await get(address, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
    const head = await get(address, { method: "HEAD" });
    expect([head.status, head.headers.get("etag"), await head.text()]).toEqual([200, tag, ""]);
  });

  test("a tag is over as soon as another process has written, and one of an address is none of another's", async () => {
    const database = openRegistry(tree);
    put(database, "v1", "deploying");
    const { get } = await startApi(tree);
    const tagOf = async (address: string) => (await get(address)).headers.get("etag") ?? "";
    const tag = await tagOf("/api/releases");
    const asked = (address: string) => get(address, { headers: { "if-none-match": tag } });
    expect((await asked("/api/releases")).status).toBe(304);
    expect((await asked("/api/releases/v9")).status).toBe(404);
    expect((await asked("/api/releases?limit=1")).status).toBe(200);
    put(database, "v1", "deployed");
    expect((await asked("/api/releases")).status).toBe(200);
  });

  test("a problem has no tag", async () => {
    const { get } = await startApi(tree);
    for (const address of ["/api/releases/v9", "/api/releases?limit=0", "/nothing"])
      expect((await get(address)).headers.has("etag")).toBe(false);
  });
});

describe("operations", () => {
  test("a step without an end is at work, or was when its operation was cut off", async () => {
    const database = openRegistry(tree);
    const open = { finished_at: null, outcome: null, host: os.hostname(), started_at: new Date().toISOString() };
    putOperation(database, { ...open, id: "open", pid: process.pid });
    putOperation(database, { ...open, id: "killed", pid: 4_194_303 });
    putOperation(database, { id: "closed", outcome: "interrupted" });
    for (const id of ["open", "killed", "closed"]) new Journal(database, id).beginStep("gate", "Wait", new Date());
    const { json } = await startApi(tree);
    const outcomes = ["open", "killed", "closed"].map(async (id) => {
      const { outcome, steps } = (await json(`/api/operations/${id}`)) as { outcome: string; steps: Row[] };
      return [outcome, steps[0]?.["title"], steps[0]?.["outcome"], steps[0]?.["duration_ms"]];
    });
    expect(await Promise.all(outcomes)).toEqual([
      ["at work", "Wait", "at work", null],
      ["interrupted", "Wait", "interrupted", null],
      ["interrupted", "Wait", "interrupted", null],
    ]);
  });

  test("the latest first, with steps and log; of one release only; a log in parts", async () => {
    const database = openRegistry(tree);
    putOperation(database, { id: "one", release_id: "v1" });
    putOperation(database, { id: "two", release_id: "v2", kind: "rollback", outcome: "failed", exit_code: 1 });
    database.exec(
      `INSERT INTO steps VALUES ('one', 1, 'link', 'Point current at v1', '2026-11-20T22:15:31Z', 1.5, 'done')`,
    );
    fs.writeFileSync(path.join(tree.logs, "one.log"), "größer\nend\n");
    const { get, json } = await startApi(tree);
    const ids = async (address: string) => ((await json(address)) as Row[]).map((row) => row["id"]);
    expect(await ids("/api/operations")).toEqual(["two", "one"]);
    expect(await ids("/api/operations?release_id=v1")).toEqual(["one"]);
    expect(await ids("/api/operations?before=two")).toEqual(["one"]);
    expect(await json("/api/operations/one")).toMatchObject({
      kind: "deploy",
      outcome: "done",
      duration_ms: 12_500,
      steps: [{ seq: 1, key: "link", title: "Point current at v1", duration_ms: 1.5, outcome: "done" }],
    });
    const whole = await get("/api/operations/one/log");
    expect([whole.headers.get("content-type"), whole.headers.get("link"), await whole.text()]).toEqual([
      "text/plain; charset=utf-8",
      null,
      "größer\nend\n",
    ]);
    expect(await (await get("/api/operations/one/log?from=-4")).text()).toBe("end\n");
    expect(await (await get("/api/operations/one/log?from=9")).text()).toBe("end\n".slice(0));
    for (const address of ["/api/operations/three", "/api/operations/two/log", "/api/operations/..%2fone/log"])
      expect((await get(address)).status).toBe(404);
    expect((await get("/api/operations/one/log?from=x")).status).toBe(422);
  });
});

describe("what is answered is what the document says", () => {
  interface Document {
    paths: Record<string, { get: { responses: Record<string, { content?: Record<string, { schema: object }> }> } }>;
    components: { schemas: Record<string, object> };
  }

  /** The check that a document's schema stands for: nothing may be there that it does not name. */
  function checkOf(document: Document, address: string, status: number, type: string) {
    const { responses } = document.paths[address]?.get ?? { responses: {} };
    const schema = (responses[status] ?? responses["default"])?.content?.[type]?.schema;
    expect(schema, `${address} ${status} ${type}`).toBeDefined();
    const whole = JSON.stringify({ ...schema, $defs: document.components.schemas });
    return z.fromJSONSchema(
      JSON.parse(whole.replaceAll("#/components/schemas/", "#/$defs/")) as z.core.JSONSchema.JSONSchema,
    );
  }

  test.each([
    ["/api/releases", "/api/releases"],
    ["/api/releases/v1", "/api/releases/{release_id}"],
    ["/api/releases/v9", "/api/releases/{release_id}"],
    ["/api/releases?limit=0&status=x", "/api/releases"],
    ["/api/operations", "/api/operations"],
    ["/api/operations?limit=x", "/api/operations"],
    ["/api/operations/one", "/api/operations/{id}"],
    ["/api/operations/open", "/api/operations/{id}"],
    ["/api/operations/nine", "/api/operations/{id}"],
    ["/healthz", "/healthz"],
  ])("%s", async (address, pattern) => {
    const database = openRegistry(tree);
    for (const status of STATUSES) put(database, `r-${status}`, status);
    put(database, "v1", "deployed", { marker: "m", bytes: 12, ownBytes: 3 });
    putOperation(database, { id: "one", message: "said" });
    putOperation(database, { id: "open", finished_at: null, outcome: null, exit_code: null });
    const { get, json } = await startApi(tree);
    const document = (await json("/openapi.json")) as Document;
    const answer = await get(address);
    const type = answer.headers.get("content-type") ?? "";
    const check = checkOf(document, pattern, answer.status, type);
    const body: unknown = await answer.json();
    expect(check.safeParse(body).error).toBeUndefined();
    expect(check.safeParse({ ...(body as object), surprise: 1 }).success).toBe(false);
  });

  test("every route of the API is in it", async () => {
    const { json } = await startApi(tree);
    const { openapi, paths } = (await json("/openapi.json")) as Document & { openapi: string };
    expect(openapi).toBe("3.1.0");
    expect(Object.keys(paths).toSorted()).toEqual([
      "/api/operations",
      "/api/operations/{id}",
      "/api/operations/{id}/log",
      "/api/releases",
      "/api/releases/{release_id}",
      "/healthz",
      "/metrics",
      "/openapi.json",
    ]);
  });
});

test("the page stands at /, with rules of its own for its style and script", async () => {
  put(openRegistry(tree), "v1", "deployed");
  const { get } = await startApi(tree);
  const page = await get("/");
  expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=UTF-8"]);
  expect(page.headers.get("content-security-policy")).toContain("style-src 'self'");
  const api = await get("/api/releases");
  expect(Object.fromEntries(api.headers)).toMatchObject({
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
  });
  expect(api.headers.has("access-control-allow-origin")).toBe(false);
});
