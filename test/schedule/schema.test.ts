import { expect, test } from "vitest";
import { HEAD, headlinesOf, load } from "../manifest/manifests.ts";

test.each([
  ["prune: {schedule: 60 * * * *}\n", "deploy.yaml:3:9: prune.schedule has 60 as minute: 60 is not within 0 to 59"],
  [
    "services: {a: {run: x, schedule: 0 0 30 2 *}}\n",
    "deploy.yaml:3:24: services.a.schedule never comes: no month of 2 has a day 30",
  ],
  [
    "services: {a: {run: x, schedule: {cron: 0 0 * * 5#2}}}\n",
    "deploy.yaml:3:35: services.a.schedule.cron has 5#2 as day of week: 5#2 is none of 5, 1-5, */15, 1-5/2",
  ],
  [
    'services: {a: {run: x, schedule: "@daily"}}\n',
    'deploy.yaml:3:34: services.a.schedule: found "@daily", wanted a cron schedule of five fields, such as "30 3 * * *"',
  ],
])("%s", (text, line) => expect(headlinesOf(HEAD + text)).toEqual([line]));

test("a schedule is taken in both its forms", () => {
  const { manifest } = load(
    `${HEAD}services: {a: {run: x, schedule: 1 2 * * mon}, b: {run: x, schedule: {cron: 1 2 * * 1}}}\n`,
  );
  expect(manifest.services["a"]?.schedule).toEqual({ cron: "1 2 * * mon", random_delay: 0, catch_up: true });
  expect(manifest.services["b"]?.schedule?.cron).toBe("1 2 * * 1");
});
