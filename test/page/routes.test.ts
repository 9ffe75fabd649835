import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { treeReader, type TreeReader } from "../../scripts/api/tree-reader.ts";
import { FailedError } from "../../scripts/core/errors.ts";
import { Journal } from "../../scripts/registry/journal.ts";
import { STATUSES } from "../../scripts/core/step.ts";
import { argumentsOf } from "../../scripts/page/arguments.ts";
import { plainLog } from "../../scripts/page/log.ts";
import { pageRoutes } from "../../scripts/page/routes.ts";
import { verdictOfOperation, verdictOfRelease } from "../../scripts/page/words.ts";
import { beginStory, endOperation, type Story, tellLog, tellOperation, tellRelease } from "./story.ts";

describe("the routes", () => {
  let story: Story;
  let reader: TreeReader;
  let routes: Hono;
  // A full minute, after this process was started: it is what the operations are at work in.
  let now = new Date(Math.ceil(Date.now() / 60_000) * 60_000);
  const get = (path: string, headers: Record<string, string> = {}) => routes.request(path, { headers });
  const tagOf = async (path: string) => (await get(path)).headers.get("etag") ?? "";
  const again = async (path: string, tag: string) => (await get(path, { "if-none-match": tag })).status;

  beforeAll(() => {
    story = beginStory();
    reader = treeReader(story.paths, { app: "shop" });
    routes = pageRoutes(reader, { now: () => now });
    tellRelease(story, { id: "v1", sha: "a1b2c3d", statuses: ["deployed"], at: now });
  });

  afterAll(() => {
    reader.close();
    story.end();
  });

  test("a page is sent once while nothing changes, and once a minute for its ages", async () => {
    const tag = await tagOf("/");
    expect(await again("/", tag)).toBe(304);
    now = new Date(now.getTime() + 20_000);
    expect(await again("/", tag)).toBe(304);
    now = new Date(now.getTime() + 60_000);
    expect(await again("/", tag)).toBe(200);
    const later = await tagOf("/");
    tellRelease(story, { id: "v2", sha: "b2c3d4e", statuses: ["deployed"], at: now });
    expect(await again("/", later)).toBe(200);
  });

  test("while something is at work it is sent once a second, until that ends", async () => {
    const id = tellOperation(story, { kind: "deploy", releaseId: "v3", at: now, outcome: null });
    const tag = await tagOf(`/operations/${id}`);
    expect(await again(`/operations/${id}`, tag)).toBe(304);
    now = new Date(now.getTime() + 1000);
    expect(await again(`/operations/${id}`, tag)).toBe(200);
    expect(await (await get("/")).text()).toContain('http-equiv="refresh"');
    expect(await (await get("/?before=2")).text()).not.toContain('http-equiv="refresh"');
    endOperation(story, id, "done", "v3 is current.");
    expect(await (await get("/")).text()).not.toContain('http-equiv="refresh"');
  });

  test("a step that takes its time is told while it is at work, and as cut off where its operation was", async () => {
    const tell = (id: string, outcome: string | null) => {
      tellOperation(story, { kind: "deploy", releaseId: "v3", at: now, outcome, id });
      new Journal(story.database, id).beginStep("gate", "Wait until the gate is <healthy>", now);
    };
    tell("open", null);
    const page = async (id: string) => (await (await get(`/operations/${id}`)).text()).replaceAll(/\s+/g, " ");
    expect(await page("open")).toMatch(/gate is &lt;healthy&gt;<\/bdi> ?<\/th>.*?<span>at work<\/span>/);
    expect(await page("open")).not.toContain("The next step");
    expect(await (await get("/")).text()).toContain("gate is &lt;healthy&gt;");
    endOperation(story, "open", "interrupted", "cut off");
    expect(await page("open")).toMatch(/gate is &lt;healthy&gt;<\/bdi> ?<\/th>.*?<span>cut off<\/span>/);
    // One whose process is gone, and that nothing has undone yet.
    tell("killed", null);
    story.database.exec("UPDATE operations SET pid = 4194303 WHERE id = 'killed'");
    expect(await page("killed")).toMatch(/gate is &lt;healthy&gt;<\/bdi> ?<\/th>.*?<span>cut off<\/span>/);
    expect(await page("killed")).not.toContain("<span>at work");
    endOperation(story, "killed", "interrupted", "cut off");
  });

  test("a failed deploy is told in words, after its release was pruned too", async () => {
    tellRelease(story, { id: "v0", sha: "c3d4e5f", statuses: ["deploy_failed", "pruned"], at: now });
    tellOperation(story, { kind: "deploy", releaseId: "v0", at: now, outcome: "restored" });
    const text = await (await get("/")).text();
    expect(text.match(/<span class="note">failed; what was before is restored<\/span>/g)).toHaveLength(1);
  });

  test("every page has its policy, and what is mounted beside the page has not", async () => {
    for (const path of [
      "/",
      "/releases/v1",
      "/releases/none",
      "/operations",
      "/page/page.css",
      "/page/page.js",
      "/page/icon.svg",
    ]) {
      const { headers } = await get(path);
      expect(headers.get("content-security-policy"), path).toMatch(
        /^default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; /,
      );
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
    }
    const site = new Hono().route("/", pageRoutes(reader)).get("/api/x", (c) => c.json({}));
    expect((await site.request("/api/x")).headers.get("content-security-policy")).toBeNull();
    expect((await site.request("/api/y")).status).toBe(404);
  });

  test("its files are sent once, and nothing else of their folder or around it", async () => {
    const { status, headers } = await get("/page/page.css");
    expect([status, headers.get("content-type")]).toEqual([200, "text/css; charset=utf-8"]);
    expect(await again("/page/page.css", headers.get("etag") ?? "")).toBe(304);
    for (const name of ["none.css", "..%2f..%2fpackage.json", "__proto__", "constructor"])
      expect((await get(`/page/${name}`)).status, name).toBe(404);
  });

  test("a log is read whole, or from a byte on, and only that of an operation that is known", async () => {
    const id = tellOperation(story, { kind: "build", at: now, outcome: "done" });
    const line = "a line with an ü\n";
    tellLog(story, id, line.repeat(40_000));
    const whole = await get(`/operations/${id}/log`);
    expect(whole.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(await whole.text()).toBe(line.repeat(40_000));
    const end = Buffer.byteLength(line) * 39_999;
    const rest = await get(`/operations/${id}/log?from=${end}`);
    expect([await rest.text(), rest.headers.get("x-whole"), rest.headers.get("x-next")]).toEqual([
      line,
      "yes",
      String(end + Buffer.byteLength(line)),
    ]);
    const page = await (await get(`/operations/${id}`)).text();
    expect(page).toContain("(below is its end)");
    expect(page.length).toBeLessThan(100_000);
    expect((await get(`/operations/${id}/log?from=-1`)).status).toBe(422);
    expect((await get("/operations/none/log")).status).toBe(404);
    expect((await get("/operations/..%2fregistry.db/log")).status).toBe(404);
  });

  test("a registry that cannot be read is said, with what to type, and no stack", async () => {
    const broken = {
      ...reader,
      releases: () => Promise.reject(new FailedError("the registry cannot be read: it is <malformed>")),
    };
    const response = await pageRoutes(broken).request("/");
    const text = await response.text();
    expect(response.status).toBe(503);
    expect(text).toContain("it is &lt;malformed&gt;");
    expect(text).toContain("ops/host/doctor.ts");
    expect(text).not.toMatch(/at .*\.ts:\d/);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
  });

  test("older operations are on pages of their own, each on one of them", async () => {
    for (let i = 0; i < 120; i++) tellOperation(story, { kind: "prune", at: now, outcome: "done", id: `op-${i}` });
    const seen: string[] = [];
    for (let path: string | undefined = "/operations"; path;) {
      const text: string = await (await get(path)).text();
      seen.push(...[...text.matchAll(/href="\/operations\/([^"?]+)"/g)].map(([, id = ""]) => id));
      path = /href="(\/operations\?before=[^"]+)"/.exec(text)?.[1];
    }
    expect(seen.filter((id) => id.startsWith("op-"))).toEqual(Array.from({ length: 120 }, (_, i) => `op-${119 - i}`));
    expect(new Set(seen).size).toBe(seen.length);
    expect(await (await get("/operations?before=none")).text()).toContain("There are none.");
  });
});

test("each status and each outcome has words of its own, and is told from others without its colour", () => {
  const verdicts = STATUSES.map((status) => verdictOfRelease({ status }, { on: 0, of: 1 }));
  expect(new Set(verdicts.map(({ words }) => words)).size).toBe(STATUSES.length);
  for (const { tone, shape } of verdicts) if (tone === "bad") expect(shape).toBe("cross");
  expect(verdictOfRelease({ status: "replaced" }, { on: 1, of: 1 }).words).toBe(
    "runs; the registry has it as: served, replaced",
  );
  expect(verdictOfRelease({ status: "deployed" }, { on: 1, of: 2 }).words).toBe("runs on 1 of 2 hosts");
  expect(verdictOfOperation(null).words).toBe("at work");
  expect(verdictOfOperation("a word of tomorrow").words).toBe("a word of tomorrow");
});

test.each([
  [
    `["{\\"ref\\":\\"main\\",\\"isCached\\":true}"]`,
    [
      ["ref", "main"],
      ["isCached", "true"],
    ],
  ],
  [
    `["{\\"apiToken\\":\\"canary\\",\\"PASSWORD\\":\\"canary\\"}"]`,
    [
      ["apiToken", "(not shown)"],
      ["PASSWORD", "(not shown)"],
    ],
  ],
  [`["postgres://me:canary@db/x"]`, [["", "postgres://me:…@db/x"]]],
  [`["{}"]`, []],
  [`no JSON, https://a:canary@b`, [["", "no JSON, https://a:…@b"]]],
  ["", []],
])("arguments of %j", (json, wanted) => expect(argumentsOf(json)).toEqual(wanted));

test("a log is text for reading, whatever the terminal was to do with it", () =>
  expect(plainLog("\u001b[31mred\u001b[0m\r\n10 %\r100 %\n\u001b]0;title\u0007a\tb\u0000\u202e")).toBe(
    "red\n100 %\na\tb��",
  ));
