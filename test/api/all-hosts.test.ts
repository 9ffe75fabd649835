/** The API and the page of several hosts, from a real PostgreSQL that comes and goes. */
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { releaseShape } from "../../scripts/api/shapes.ts";
import type { Paths } from "../../scripts/core/paths.ts";
import { Journal } from "../../scripts/registry/journal.ts";
import { parseAddress } from "../../scripts/registry/postgres/address.ts";
import type { Target } from "../../scripts/registry/postgres/target.ts";
import { hasServer, PASSWORD, PostgresServer, pushTo } from "../registry/postgres-server.ts";
import { makeTree, openRegistry, put, startApi } from "./place.ts";

describe.skipIf(!hasServer)("several hosts (skipped where PostgreSQL is not installed)", () => {
  let server: PostgresServer;
  let url = "";
  let target: Target;
  let own: Paths;

  beforeAll(async () => {
    server = new PostgresServer(21_910);
    const file = path.join(server.folder, "client-password");
    fs.writeFileSync(file, PASSWORD, { mode: 0o600 });
    url = server.url(server.createDatabase());
    target = { address: parseAddress(url), file };
  });
  afterAll(() => server.end());

  /** A tree that has told the server of its releases and of one operation. */
  async function told(ids: string[], operation: string): Promise<Paths> {
    const tree = makeTree();
    const registry = openRegistry(tree);
    for (const id of ids) put(registry, id, "deployed");
    const journal = new Journal(registry, operation);
    journal.begin("deploy", []);
    journal.step("gate", "Wait until it is healthy", new Date(), 20, "done");
    journal.finish("done", 0, "done");
    fs.writeFileSync(path.join(tree.logs, `${operation}.log`), "a line\n");
    await pushTo(url, registry, tree.deployTo);
    return tree;
  }
  const start = () => startApi(own, {}, {}, { name: "shop", target });

  test("before anything was told there is nothing, and the page says so", async () => {
    own = makeTree();
    const { json, get } = await start();
    expect(await json("/api/releases")).toEqual([]);
    expect(await json("/api/operations")).toEqual([]);
    expect((await get("/healthz")).status).toBe(200);
    expect(await (await get("/")).text()).toContain("nothing is deployed");
  });

  test("each row says whose it is, and pages follow each other without a gap", async () => {
    const other = await told(["v1", "v2", "v3"], "op-there");
    own = await told(["v1", "v2"], "op-here");
    const { get, json } = await start();
    const rows = (await json("/api/releases")) as Record<string, unknown>[];
    for (const row of rows)
      expect(Object.keys(releaseShape.strict().parse(row)).slice(0, 6)).toEqual(Object.keys(row).slice(0, 6));
    expect(
      Object.keys(rows[0] ?? {})
        .slice(0, 6)
        .join(),
    ).toBe("id,release_id,commit_sha,migration_marker,status,deployed_at");
    expect(rows.map(({ release_id, host, deploy_to }) => [release_id, host, deploy_to])).toEqual([
      ...["v2", "v1"].map((id) => [id, os.hostname(), own.deployTo]),
      ...["v3", "v2", "v1"].map((id) => [id, os.hostname(), other.deployTo]),
    ]);
    const seen: unknown[] = [];
    for (let at: string | undefined = "/api/releases?limit=2"; at;) {
      const answer: Response = await get(at);
      seen.push(...((await answer.json()) as unknown[]));
      at = /<([^>]+)>/.exec(answer.headers.get("link") ?? "")?.[1];
    }
    expect(seen).toEqual(rows);
    const page = await (await get("/")).text();
    expect(page).toContain("2 different releases");
    expect(page.match(new RegExp(`on <bdi class="text">${os.hostname()}`, "g"))).toHaveLength(5);
    expect(page.match(/as told/g)).toHaveLength(2);
    const metrics = await (await get("/metrics")).text();
    expect(metrics.match(/^switchback_release_info/gm)).toHaveLength(2);
    expect(metrics).not.toContain("switchback_releases_on_disk");
    // The other's log lies on its host; the own one is read.
    const log = await get("/api/operations/op-there/log");
    expect([log.status, ((await log.json()) as { detail: string }).detail]).toEqual([
      404,
      `Log not found here: it lies on ${os.hostname()}, ${other.logs}/op-there.log`,
    ]);
    expect(await (await get("/operations/op-there")).text()).toContain(`${other.logs}/op-there.log`);
    expect(await (await get("/api/operations/op-here/log")).text()).toBe("a line\n");
  });

  test("a name that the database cannot spell is one that it does not know", async () => {
    const { get } = await start();
    const statusOf = async (address: string) => (await get(address)).status;
    expect(await statusOf("/api/releases/%00")).toBe(404);
    expect(await statusOf("/operations/%00")).toBe(404);
    expect(await (await get("/api/operations?release_id=%00")).json()).toEqual([]);
    expect(await statusOf("/api/operations?before=%00")).toBe(200);
  });

  test("what was told meanwhile is another answer, a step that is at work too", async () => {
    own = await told(["v9"], "op-mine");
    const { get, json } = await start();
    const tag = (await get("/api/releases")).headers.get("etag") ?? "";
    const again = async () => (await get("/api/releases", { headers: { "if-none-match": tag } })).status;
    expect(await again()).toBe(304);
    const registry = openRegistry(own);
    const journal = new Journal(registry, "op-open");
    journal.begin("deploy", []);
    journal.beginStep("gate", "Wait until the gate is healthy", new Date());
    await pushTo(url, registry, own.deployTo);
    expect(await again()).toBe(200);
    const steps = async () => ((await json("/api/operations/op-open")) as { steps: unknown[] }).steps;
    expect(await steps()).toMatchObject([{ title: "Wait until the gate is healthy", outcome: "at work" }]);
    journal.endStep(20, "done");
    journal.finish("done", 0, "done");
    await pushTo(url, registry, own.deployTo);
    expect(await steps()).toMatchObject([{ outcome: "done", duration_ms: 20 }]);
  });

  test("what was cut off on another host is not told as at work", async () => {
    const there = makeTree();
    const registry = openRegistry(there);
    for (const [id, pid] of [
      ["op-killed", 4_194_303],
      ["op-alive", process.pid],
    ] as const) {
      const journal = new Journal(registry, id);
      journal.begin("deploy", []);
      registry.prepare("UPDATE operations SET pid = ? WHERE id = ?").run(pid, id);
      journal.beginStep("gate", "Wait", new Date());
    }
    await pushTo(url, registry, there.deployTo);
    const { json, get } = await start();
    const answers = ["op-killed", "op-alive"].map((id) => json(`/api/operations/${id}`));
    expect(await Promise.all(answers)).toMatchObject([
      { outcome: "interrupted", steps: [{ outcome: "interrupted" }] },
      { outcome: "at work", steps: [{ outcome: "at work" }] },
    ]);
    expect(await (await get("/operations/op-killed")).text()).not.toContain("<span>at work");
  });

  test("a server that goes away is said in words, and found again when it is back", async () => {
    const { get, json } = await start();
    expect(await json("/api/releases")).toHaveLength(6);
    server.stop();
    const health = await get("/healthz");
    expect([health.status, health.headers.get("content-type")]).toEqual([503, "application/problem+json"]);
    const text = await health.text();
    expect(text).toMatch(/the registry releases\d+ at 127\.0\.0\.1:\d+ could not be reached/);
    expect(text).not.toContain(PASSWORD);
    const page = await get("/");
    expect([page.status, await page.text()]).toEqual([503, expect.stringContaining("could not be reached")]);
    server.start();
    await expect.poll(async () => (await get("/healthz")).status, { timeout: 5_000 }).toBe(200);
    expect(await json("/api/releases")).toHaveLength(6);
  });

  test("a server that takes connections and never answers costs three seconds, once for all who ask", async () => {
    const silent = net.createServer((socket) => void socket.on("error", () => {})).listen(0, "127.0.0.1");
    onTestFinished(() => void silent.close());
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port } = silent.address() as net.AddressInfo;
    const hung = { address: parseAddress(`postgres://me:canary-word@127.0.0.1:${port}/x`) };
    const { get } = await startApi(own, {}, {}, { name: "shop", target: hung });
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 20 }, () => get("/healthz")));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
    expect(performance.now() - began).toBeLessThan(3_800);
    expect(await (await get("/healthz")).text()).not.toContain("canary-word");
    expect(performance.now() - began).toBeLessThan(3_900);
  });
});
