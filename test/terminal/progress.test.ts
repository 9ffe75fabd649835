import { expect, test } from "vitest";
import { renderMoving } from "../../scripts/terminal/moving-line.ts";
import { estimate, foresee, historyKey } from "../../scripts/terminal/progress.ts";
import type { Step } from "../../scripts/core/step.ts";

const build = (name: string): Step => ({
  kind: "run",
  key: `build:${name}`,
  title: `Build ${name}`,
  run: { lines: ["true"], cwd: "/", env: {} },
});
const link: Step = { kind: "link", title: "Point current at r1", path: "/current", target: "releases/r1" };
const [front, back] = [build("frontend"), build("backend")];
const plans = [{ steps: [front] }, { steps: [link, back] }];
const history = (key: string) => ({ "build:frontend": 30_000, "build:backend": 10_000 })[key];

test("percent and what is left are those of all plans, and end short of 100", () => {
  const progress = foresee(plans, history);
  expect(progress?.at(front, 12_000)).toEqual({ percent: 30, leftMs: 28_000, isLonger: false });
  progress?.pass(front);
  progress?.pass(link);
  expect(progress?.at(back, 0)).toEqual({ percent: 75, leftMs: 10_000, isLonger: false });
  expect(progress?.at(back, 10_000)).toEqual({ percent: 99, leftMs: 0, isLonger: false });
});

test("neither number ever goes back, whether steps are quick or late", () => {
  for (const factor of [0.1, 1, 5]) {
    const progress = foresee(plans, history);
    const seen: { percent: number; leftMs: number }[] = [];
    for (const [step, ms] of [
      [front, 30_000],
      [link, 5],
      [back, 10_000],
    ] as const) {
      for (let part = 0; part <= 20; part++) seen.push(progress?.at(step, (ms * factor * part) / 20) as never);
      progress?.pass(step);
    }
    expect(seen.map(({ percent }) => percent)).toEqual(seen.map(({ percent }) => percent).toSorted((a, b) => a - b));
    expect(seen.map(({ leftMs }) => leftMs)).toEqual(seen.map(({ leftMs }) => leftMs).toSorted((a, b) => b - a));
  }
});

test("a step that takes longer than usual says so; its time does not grow", () => {
  const point = { totalMs: 40_000, passedMs: 0, stepMs: 30_000 };
  expect(estimate({ ...point, elapsedMs: 36_000 })).toEqual({ percent: 75, leftMs: 10_000, isLonger: false });
  expect(estimate({ ...point, elapsedMs: 36_001 })).toEqual({ percent: 75, leftMs: 10_000, isLonger: true });
  expect(estimate({ totalMs: 100, passedMs: 0, stepMs: 100, elapsedMs: 900 }).isLonger).toBe(false);
  expect(estimate({ totalMs: 0, passedMs: 0, stepMs: 0, elapsedMs: 5 })).toMatchObject({ percent: 0, leftMs: 0 });
});

test("without a history of every step that may take long there is no percent", () => {
  expect(foresee(plans, (key) => (key === "build:backend" ? undefined : 5))).toBeUndefined();
  expect(foresee(plans, (key) => (key === "link" ? undefined : 5))).toBeDefined();
});

test("what undoes a failure was not foreseen", () => {
  const progress = foresee(plans, history);
  expect(progress?.has(front)).toBe(true);
  expect(progress?.has({ ...front })).toBe(false);
});

test("history is kept by key, whatever release a title names", () => {
  expect(historyKey(link)).toBe("link");
  expect(historyKey(front)).toBe("build:frontend");
});

test.each([
  [{ percent: 42, leftMs: 30_000, isLonger: false }, " 42 %  Build frontend (12 s, about 30 s left)"],
  [{ percent: 5, leftMs: 185_000, isLonger: false }, "  5 %  Build frontend (12 s, about 3 m 5 s left)"],
  [{ percent: 99, leftMs: 10, isLonger: false }, " 99 %  Build frontend (12 s, nearly done)"],
  [{ percent: 99, leftMs: 0, isLonger: true }, " 99 %  Build frontend (12 s, longer than usual)"],
  [
    { percent: 75, leftMs: 9000, isLonger: true },
    " 75 %  Build frontend (12 s, longer than usual, then about 9 s left)",
  ],
  [undefined, "… Build frontend (12 s)"],
])("the moving line: %o", (at, line) => {
  expect(renderMoving({ title: "Build frontend", elapsedMs: 12_400, estimate: at, note: undefined })).toBe(line);
});

test.each([
  [41, " 42 %  Build fro… (12 s, about 30 s left)"],
  [20, " 42 %  Build frontend (12 s, about 30 s left)"],
])("on %i columns the title is cut, and what is left stays, where there is room for both", (columns, line) => {
  const at = { percent: 42, leftMs: 30_000, isLonger: false };
  const moving = { title: "Build frontend", elapsedMs: 12_400, estimate: at, note: undefined };
  expect(renderMoving(moving, columns)).toBe(line);
});
