import { afterAll, beforeAll, expect, test } from "vitest";
import { InterruptedError } from "../../scripts/core/errors.ts";
import { smoke, type SmokeRequest } from "../../scripts/health/smoke.ts";
import { type App, clearAway, makeTree, startApp } from "./apps.ts";

const at = makeTree();
let echo: App, hanging: App;
beforeAll(async () => {
  [echo, hanging] = await Promise.all([startApp(at.newPath, "echoing"), startApp(at.newPath, "hanging")]);
});
afterAll(() => clearAway(at.tree));

const quiet = new AbortController().signal;
const tryOne = (request: Partial<SmokeRequest>) => smoke([{ method: "GET", url: echo.url, ...request }], quiet);

test("method, headers and body are sent as they are", async () => {
  const sent = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
  expect(
    await tryOne({
      method: "POST",
      body: "{}",
      headers: { "Content-Type": "application/json" },
      expect: { json: sent },
    }),
  ).toEqual({ ok: true });
});

test("the JSON answer may hold more than is wanted, not less", async () => {
  expect(await tryOne({ expect: { json: { items: [{ id: 1 }, { id: 2 }] } } })).toEqual({ ok: true });
  for (const json of [
    { items: [{ id: 1 }] },
    { items: [{ id: 2 }, { id: 2 }] },
    { items: {} },
    { absent: null },
    "GET",
    null,
  ]) {
    expect(await tryOne({ expect: { json } })).toMatchObject({
      ok: false,
      reason: expect.stringContaining("in its JSON"),
    });
  }
});

test("the first failure is told with the request and the answer, and ends the row", async () => {
  const requests = [
    { method: "GET", url: echo.url, expect: { text: '"method":"GET"' } },
    { method: "GET", url: `${echo.url}?token=canary`, expect: { status: [201, 204] } },
    { method: "GET", url: hanging.url },
  ];
  const { ok, reason } = await smoke(requests, quiet);
  expect(ok).toBe(false);
  expect(reason).toMatch(`GET ${echo.url} → 200 OK, wanted 201 or 204; it answered "{\\"method`);
  expect(await tryOne({ expect: { text: "absent" } })).toMatchObject({
    reason: expect.stringContaining('wanted "absent" in its body'),
  });
});

test("an answer that does not come is cut, and an interruption is one", async () => {
  expect(await smoke([{ method: "GET", url: hanging.url }], quiet, 80)).toMatchObject({
    ok: false,
    reason: expect.stringContaining("no answer in"),
  });
  await expect(smoke([{ method: "GET", url: hanging.url }], AbortSignal.timeout(50))).rejects.toThrow(InterruptedError);
});
