/** Over a fake line: the "host" is a folder of this machine. */
import fs from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UsageError } from "../../scripts/core/errors.ts";
import { hostsWithout } from "../../scripts/upload/already.ts";
import { send, stage } from "../../scripts/upload/send.ts";
import { makePlace } from "./place.ts";

let place: ReturnType<typeof makePlace>;
beforeEach(() => void (place = makePlace()));
afterEach(() => place.clear());

const built = async (id: string) => {
  const staged = await stage(place.loaded(), { id });
  await send(place.connection(), staged, () => {});
  expect(place.there("release/build_release", "--uploaded", id).status).toBe(0);
  return staged;
};

test("what a host has built from this commit is not sent to it again, and serves all the same", async () => {
  place.describe("health: { run: test -e a, every: 10ms, soak: 20ms }");
  place.commit({ a: "1" });
  expect(await hostsWithout([place.connection()], await stage(place.loaded(), { id: "v1" }))).toHaveLength(1);
  const staged = await built("v1");
  expect(await hostsWithout([place.connection()], staged)).toEqual([]);
  const { status, said } = place.there("release/deploy", "--uploaded", "v1");
  expect([status, said]).toEqual([0, expect.stringContaining("v1 is current")]);
});

test("an id that the host has from another commit is refused before anything is sent", async () => {
  place.commit({ a: "1" });
  await built("v1");
  place.commit({ a: "2" });
  const other = await stage(place.loaded(), { id: "v1" });
  await expect(hostsWithout([place.connection()], other)).rejects.toThrow(UsageError);
  await expect(hostsWithout([place.connection()], other)).rejects.toThrow(/choose another id/);
});

test("what is not complete, says nothing of itself, or is not as it was committed, is sent", async () => {
  place.commit({ a: "1" });
  const staged = await built("v1");
  expect(await hostsWithout([place.connection()], { ...staged, isDirty: true })).toHaveLength(1);
  fs.writeFileSync(place.at("releases/v1/.building"), "");
  expect(await hostsWithout([place.connection()], staged)).toHaveLength(1);
  fs.rmSync(place.at("releases/v1/.building"));
  fs.writeFileSync(place.at("releases/v1/RELEASE.json"), "no json");
  expect(await hostsWithout([place.connection()], staged)).toHaveLength(1);
});
