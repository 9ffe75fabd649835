import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Controls } from "../../scripts/remote/controls.ts";

test("the first line is the header, and lines behind it are heard", async () => {
  const input = new PassThrough();
  const controls = new Controls(input);
  input.write('{"token":"abc"}\nbeat\nstop\n');
  expect(await controls.header).toMatchObject({ token: "abc" });
  await expect.poll(() => controls.isStopping).toBe(true);
});

test("a first line that is no header is an error for who waits for it, who would wait for ever", async () => {
  const input = new PassThrough();
  const controls = new Controls(input);
  input.write("beat\n");
  await expect(controls.header).rejects.toThrow();
});

test("a line that is closed before anything came is no error", async () => {
  const input = new PassThrough();
  const controls = new Controls(input);
  input.end();
  expect(await controls.header).toBeUndefined();
  expect(controls.isGone).toBe(true);
});
