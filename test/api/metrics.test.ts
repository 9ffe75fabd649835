/** What Prometheus is told, read back by a parser that takes nothing but the format, and by promtool where that is installed. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { type Family, renderFamilies } from "../../scripts/api/exposition.ts";
import { makeTree, openRegistry, put, putOperation, startApi } from "./place.ts";

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\n"])*"`;
const SAMPLE = new RegExp(
  `^(${NAME})(\\{${LABEL}(?:,${LABEL})*\\})? (-?(?:\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?|NaN|\\+?Inf))$`,
);

/** Series → value. @throws for what the text format 0.0.4 does not allow. */
function parse(text: string): Map<string, number> {
  const series = new Map<string, number>();
  const types = new Map<string, string>();
  let helped: string | undefined;
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.slice(0, -1).split("\n")) {
    const [, key, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (key === "HELP") helped = name;
    else if (key === "TYPE") {
      if (types.has(name) || helped !== name || !["counter", "gauge", "summary"].includes(rest)) throw new Error(line);
      types.set(name, rest);
    } else {
      const [, sample = "", labels = "", value] = SAMPLE.exec(line) ?? [];
      const family = [...types.keys()].at(-1) ?? "";
      const isOfIt =
        types.get(family) === "summary" ? /^_(sum|count)$/.test(sample.slice(family.length)) : sample === family;
      if (!sample.startsWith(family) || !isOfIt || series.has(sample + labels)) throw new Error(`no sample: ${line}`);
      series.set(sample + labels, Number(value));
    }
  }
  return series;
}

function promtool(text: string): string[] {
  const { status, stderr, error } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  return error ? [] : [...(status === 0 ? [] : [`exit ${status}`]), ...stderr.split("\n").filter(Boolean)];
}

test("what ran, what is current, what lies there, and who asked", async () => {
  const tree = makeTree();
  const database = openRegistry(tree);
  put(database, "v1", "deployed");
  putOperation(database, { id: "one" });
  putOperation(database, { id: "two", finished_at: "2026-11-20T22:16:00.000Z" });
  putOperation(database, { id: "three", kind: "rollback", outcome: "failed" });
  putOperation(database, { id: "four", finished_at: null, outcome: null });
  for (const id of ["v1", "v0"]) fs.mkdirSync(path.join(tree.releases, id));
  fs.mkdirSync(path.join(tree.releases, ".removing-v"));
  fs.symlinkSync("releases/v1", tree.current);
  const { get } = await startApi(tree);
  await get("/api/releases/v1");
  await get("/api/releases/v9");
  await get("/api/releases/v8");
  await get("/what/ever");
  await get("/api/releases", { method: "POST" });
  const answer = await get("/metrics");
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await answer.text();
  expect(promtool(text)).toEqual([]);
  const found = parse(text);
  const of = (series: string) => found.get(series);
  expect(of('switchback_operations_total{kind="deploy",outcome="done"}')).toBe(2);
  expect(of('switchback_operations_total{kind="rollback",outcome="failed"}')).toBe(1);
  expect(of('switchback_operation_duration_seconds_sum{kind="deploy",outcome="done"}')).toBeCloseTo(42.5, 2);
  expect(of('switchback_operation_duration_seconds_count{kind="deploy",outcome="done"}')).toBe(2);
  expect(of('switchback_operation_last_end_timestamp_seconds{kind="deploy",outcome="done"}')).toBeCloseTo(
    Date.parse("2026-11-20T22:16:00Z") / 1000,
    1,
  );
  expect(of('switchback_operations_open{state="at work"}')).toBe(1);
  expect(of("switchback_releases_on_disk")).toBe(2);
  expect(of("switchback_disk_free_bytes")).toBeGreaterThan(0);
  expect(of('switchback_http_requests_total{method="GET",route="/api/releases/:id",status="404"}')).toBe(2);
  expect(of('switchback_http_requests_total{method="GET",route="other",status="404"}')).toBe(1);
  expect(of('switchback_http_requests_total{method="POST",route="refused",status="405"}')).toBe(1);
  expect(
    [...found.keys()].filter((one) =>
      /^switchback_release_info\{app="demo",host=".+",release_id="v1",commit_sha="sha-of-v1"\}$/.test(one),
    ),
  ).toHaveLength(1);
});

test("a label may hold anything", () => {
  const hostile = 'a"b\\c\nd{}=,é';
  const families: Family[] = [
    { name: "x_info", type: "gauge", help: "back\\slash\nand line", samples: [{ labels: { app: hostile }, value: 1 }] },
  ];
  const text = renderFamilies(families);
  expect(text).toBe(
    '# HELP x_info back\\\\slash\\nand line\n# TYPE x_info gauge\nx_info{app="a\\"b\\\\c\\nd{}=,é"} 1\n',
  );
  expect([...parse(text).values()]).toEqual([1]);
  expect(promtool(text)).toEqual([]);
});

test("without a tree, or with a registry that is none, health is 503 and so are figures", async () => {
  const tree = makeTree();
  const { get } = await startApi(tree);
  expect((await get("/healthz")).status).toBe(200);
  expect((await get("/metrics")).status).toBe(200);
  fs.writeFileSync(tree.registry, "x".repeat(5000));
  for (const address of ["/healthz", "/metrics", "/api/releases", "/api/operations"]) {
    const answer = await get(address);
    expect([address, answer.status, answer.headers.get("retry-after")]).toEqual([address, 503, "1"]);
    expect(await answer.json()).toMatchObject({
      status: 503,
      detail: expect.stringContaining("cannot be read") as string,
    });
  }
  fs.rmSync(tree.deployTo, { recursive: true });
  expect((await get("/healthz")).status).toBe(503);
});
