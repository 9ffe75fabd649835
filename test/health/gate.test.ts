import { once } from "node:events";
import { afterAll, describe, expect, test } from "vitest";
import { InterruptedError } from "../../scripts/core/errors.ts";
import { gate, type GateInput } from "../../scripts/health/gate.ts";
import { listeners } from "../../scripts/processes/processes.ts";
import { type App, clearAway, freePort, launch, makeTree, proofOf, startApp } from "./apps.ts";

const at = makeTree();
afterAll(() => clearAway(at.tree));

const LONG = 20_000;

function inputFor(app: Pick<App, "proof"> & { url?: string }, change: Partial<GateInput> = {}): GateInput {
  return {
    checks: app.url === undefined ? [] : [{ url: app.url }],
    proofs: [app.proof],
    releasePath: at.newPath,
    releaseId: "new",
    isIdentityProven: true,
    every: 20,
    timeout: LONG,
    healthy: 2,
    soak: 100,
    ...change,
  };
}

function holdUp(): void {
  for (const until = performance.now() + 20; performance.now() < until;);
}

describe.concurrent("a release is healthy", () => {
  test("when it passes in a row for the soak time", async () => {
    const lines: string[] = [];
    const app = await startApp(at.newPath, "ok");
    const result = await gate(inputFor(app, { onTick: (line) => lines.push(line) }));
    expect(result).toMatchObject({ ok: true, lastAnswer: expect.stringContaining("ok from new") });
    expect(result).not.toHaveProperty("reason");
    expect(result.waitedMs).toBeGreaterThanOrEqual(100);
    expect(result.waitedMs).toBeLessThan(LONG / 2);
    expect(result.attempts).toBeGreaterThanOrEqual(2);
    expect(lines).toHaveLength(result.attempts);
    expect(lines[0]).toMatch(/^GET http:\/\/127\.0\.0\.1:\d+\/health → 200 OK in \d/);
  });

  test("when it passes as often as asked, although the soak time is shorter", async () => {
    const app = await startApp(at.newPath, "ok");
    const result = await gate(inputFor(app, { healthy: 5, soak: 0 }));
    expect(result).toMatchObject({ ok: true, attempts: 5 });
    expect(result.waitedMs).toBeGreaterThanOrEqual(4 * 20 - 5);
  });

  test("as soon as the soak time is over, although the host was too busy to look then", async () => {
    const app = await startApp(at.newPath, "ok");
    const result = await gate(inputFor(app, { healthy: 1, soak: 10, every: LONG / 2, onTick: holdUp }));
    expect(result.ok && result.waitedMs).toBeLessThan(LONG / 4);
  });

  test("the soak time decides when to look last, however seldom it is asked", async () => {
    const app = await startApp(at.newPath, "ok");
    const result = await gate(inputFor(app, { healthy: 1, every: LONG / 2 }));
    expect(result).toMatchObject({ ok: true, attempts: 2 });
  });

  test("although it is slow to start and to answer", async () => {
    const port = await freePort();
    const child = launch(at.newPath, { MODE: "slow", LISTEN: String(port), LISTEN_AFTER: "150" });
    const lines: string[] = [];
    const input = inputFor(
      { url: `http://127.0.0.1:${port}/`, proof: proofOf(child, port) },
      { every: 5000, healthy: 1 },
    );
    const result = await gate({ ...input, onTick: (line) => lines.push(line) });
    expect(result.ok).toBe(true);
    expect(lines[0]).toContain("connection refused");
    expect(result.waitedMs).toBeLessThan(5000);
  });

  test("when a child of the service's process answers, in a session of its own", async () => {
    const app = await startApp(at.newPath, "forking", { APART: "yes" });
    try {
      expect(await gate(inputFor(app))).toMatchObject({ ok: true });
    } finally {
      for (const pid of listeners(app.port)) process.kill(pid, "SIGKILL");
    }
  });

  test("when a child of its session goes on after the leader left", async () => {
    const app = await startApp(at.newPath, "forking");
    app.child.kill("SIGKILL");
    await once(app.child, "exit");
    expect(await gate(inputFor(app))).toMatchObject({ ok: true });
    expect(await gate(inputFor({ proof: { ...app.proof, port: undefined } }))).toMatchObject({ ok: true });
  });

  test("when a worker without a port lives for the soak time", async () => {
    const app = await startApp(at.newPath, "worker");
    const result = await gate(inputFor({ proof: app.proof }));
    expect(result).toMatchObject({ ok: true });
    expect(result.waitedMs).toBeGreaterThanOrEqual(100);
  });

  test("only once every service holds its port, whatever is checked", async () => {
    const port = await freePort();
    const child = launch(at.newPath, { LISTEN: String(port), LISTEN_AFTER: "700" });
    const lines: string[] = [];
    const result = await gate(inputFor({ proof: proofOf(child, port) }, { onTick: (line) => lines.push(line) }));
    expect(result).toMatchObject({ ok: true });
    expect(lines[0]).toMatch(/port \d+: web \(pid \d+\) does not/);
  });
});

describe.concurrent("a release is not healthy", () => {
  test("when it is never ready", async () => {
    const app = await startApp(at.newPath, "never");
    const result = await gate(inputFor(app, { timeout: 1000 }));
    expect(result).toMatchObject({
      ok: false,
      reason: expect.stringMatching(
        /^not healthy within 1 s \(\d+ attempts, 0 passed\): GET .* → 503 Service Unavailable/,
      ),
    });
    expect(result.lastAnswer).toContain('{"db":"down"}');
    expect(result.waitedMs).toBeLessThan(LONG / 4);
  });

  test("when it passes now and then", async () => {
    const app = await startApp(at.newPath, "flapping");
    const result = await gate(inputFor(app, { timeout: 1000, soak: 0 }));
    expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(/[1-9]\d* passed\).* 503 /) });
  });

  test("when one of two checks fails", async () => {
    const [app, other] = await Promise.all([startApp(at.newPath, "ok"), startApp(at.newPath, "never")]);
    const result = await gate(inputFor(app, { checks: [{ url: app.url }, { url: other.url }], timeout: 1000 }));
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining(other.url) });
  });

  test("when the answer never comes", async () => {
    const app = await startApp(at.newPath, "hanging");
    const result = await gate(inputFor(app, { timeout: 1000 }));
    expect(result).toMatchObject({ ok: false, attempts: 1, reason: expect.stringMatching(/no answer in [\d.]+ m?s$/) });
    expect(result.waitedMs).toBeLessThan(LONG / 4);
  });

  test("when it dies in the soak time, at once", async () => {
    const app = await startApp(at.newPath, "dying");
    const result = await gate(inputFor(app, { soak: LONG / 2 }));
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining(`web (pid ${app.proof.pid}) died`) });
    expect(result.waitedMs).toBeLessThan(LONG / 4);
  });

  test("when it dies while an answer is awaited, at once", async () => {
    const app = await startApp(at.newPath, "worker");
    const silent = await startApp(at.newPath, "hanging");
    const pending = gate(inputFor({ url: silent.url, proof: app.proof }));
    app.child.kill("SIGKILL");
    const result = await pending;
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining("died") });
    expect(result.waitedMs).toBeLessThan(4000);
  });

  test("when another process took over in the soak time", async () => {
    const app = await startApp(at.newPath, "dying");
    app.child.once("exit", () => launch(at.newPath, { LISTEN: String(app.port) }));
    const result = await gate(inputFor(app, { soak: 1000 }));
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining(`web (pid ${app.proof.pid}) died`) });
  });

  test("when the process started anew under the same pid", async () => {
    const app = await startApp(at.newPath, "ok");
    const proof = { ...app.proof, port: undefined, startTime: "another" };
    expect(await gate(inputFor({ url: app.url, proof }))).toMatchObject({
      ok: false,
      reason: expect.stringContaining("died"),
    });
  });

  test("a row that ends in silence does not count", async () => {
    const app = await startApp(at.newPath, "hanging-later");
    const result = await gate(inputFor(app, { timeout: 2000, soak: 30 }));
    expect(result).toMatchObject({ ok: false, attempts: 2, reason: expect.stringContaining("no answer in") });
  });

  test("an attempt cut short by the time limit does not hide the answer before it", async () => {
    const app = await startApp(at.newPath, "hanging-later");
    const result = await gate(inputFor(app, { every: 1000, timeout: 1500, soak: 0 }));
    expect(result).toMatchObject({ ok: false, attempts: 1, lastAnswer: expect.stringContaining("200 OK") });
    expect(result.reason).toContain("not yet 2 in a row");
  });
});

describe.concurrent("a healthy answer does not count", () => {
  test("when an old process gives it", async () => {
    const old = await startApp(at.oldPath, "ok", { RELEASE_ID: "old" });
    const worker = await startApp(at.newPath, "worker");
    const result = await gate(inputFor({ url: old.url, proof: { ...worker.proof, port: old.port } }));
    expect(result.ok).toBe(false);
    expect(result.reason).toMatch(
      new RegExp(`^port ${old.port} is answered by pid ${old.proof.pid} \\(.*, in ${at.oldPath}\\), which is not web$`),
    );
    expect(result.waitedMs).toBeLessThan(LONG / 4);
  });

  test("when the process works in another release", async () => {
    const app = await startApp(at.oldPath, "ok");
    const result = await gate(inputFor(app));
    expect(result).toMatchObject({
      ok: false,
      reason: `web (pid ${app.proof.pid}) works in ${at.oldPath}, not in ${at.newPath}`,
    });
  });

  test("when the process leaves the release in the soak time", async () => {
    const app = await startApp(at.newPath, "wandering");
    const result = await gate(inputFor(app));
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining("works in /, not in") });
  });

  test("when the process was started for another release", async () => {
    const app = await startApp(at.newPath, "ok", { RELEASE_ID: "old" });
    const result = await gate(inputFor(app));
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining("RELEASE_ID old, not new") });
  });

  test("unless nothing was restarted", async () => {
    const app = await startApp(at.oldPath, "ok", { RELEASE_ID: "old" });
    expect(await gate(inputFor(app, { isIdentityProven: false }))).toMatchObject({ ok: true });
  });
});

test("an interrupted gate says so", async () => {
  const app = await startApp(at.newPath, "hanging");
  const signal = AbortSignal.timeout(50);
  await expect(gate(inputFor(app, { signal }))).rejects.toThrow(InterruptedError);
});
