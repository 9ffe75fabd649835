import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { InterruptedError } from "../../scripts/core/errors.ts";
import { waitUntilIdle } from "../../scripts/health/idle.ts";
import { probe } from "../../scripts/health/probe.ts";
import { clearAway, makeTree } from "./apps.ts";

let at: ReturnType<typeof makeTree>;
beforeEach(() => {
  at = makeTree();
});
afterEach(() => clearAway(at.tree));

const quiet = new AbortController().signal;
const looks = () => readFileSync(join(at.tree, "looks"), "utf8").length;

function drain(line: string, timeout: number) {
  const run = { run: [`printf x >>${at.tree}/looks`, line], cwd: at.newPath, env: { FILE: `${at.tree}/looks` } };
  const look = async (limitMs: number, signal: AbortSignal | undefined) => ({
    isIdle: (await probe(run, signal, limitMs)).ok,
  });
  return { look, every: 20, timeout };
}

test("waits until the run exits 0, and tells the time that is left", async () => {
  const ticks: number[] = [];
  const run = `test "$(wc -c <$FILE)" -ge 3`;
  const result = await waitUntilIdle(drain(run, 10_000), (_seen, ms) => ticks.push(ms), quiet);
  expect(result).toMatchObject({ last: { isIdle: true } });
  expect(looks()).toBe(3);
  expect(ticks).toHaveLength(2);
  expect(ticks[0]).toBeGreaterThan(ticks[1] ?? Infinity);
});

test("an idle application costs one look and no waiting", async () => {
  expect(await waitUntilIdle({ ...drain("true", 0), every: 5000 }, () => {}, quiet)).toMatchObject({
    last: { isIdle: true },
  });
});

test.each(["echo 3 jobs; exit 1", "sleep 600"])("gives up when the time is over: %s", async (run) => {
  const result = await waitUntilIdle(drain(run, 150), () => {}, quiet);
  expect(result.last.isIdle).toBe(false);
  expect(result.waitedMs).toBeGreaterThanOrEqual(150);
  expect(result.waitedMs).toBeLessThan(3000);
  expect(looks()).toBeGreaterThan(0);
});

test("an interruption ends it", async () => {
  await expect(waitUntilIdle(drain("exit 1", 10_000), () => {}, AbortSignal.timeout(50))).rejects.toThrow(
    InterruptedError,
  );
});
