import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pidfilePath, readPidfile, removePidfile, writePidfile } from "../../scripts/service/pidfile.ts";

let run: string;
let file: string;
beforeEach(() => {
  run = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-pidfile-")), "run");
  file = pidfilePath(run, "web@main");
});
afterEach(() => fs.rmSync(path.dirname(run), { recursive: true, force: true }));

test("holds the pid and the start time, readable for all, and leaves no draft", () => {
  const mask = process.umask(0o077);
  writePidfile(file, { pid: 123, startTime: "4 boot" });
  process.umask(mask);
  expect(fs.readFileSync(file, "utf8")).toBe("123\n4 boot\n");
  expect(fs.statSync(file).mode & 0o777).toBe(0o644);
  expect(fs.readdirSync(run)).toEqual(["web@main.pid"]);
  expect(readPidfile(file)).toEqual({ pid: 123, startTime: "4 boot" });
});

test("replaces by rename: a reader never sees half of it", () => {
  writePidfile(file, { pid: 123, startTime: "4 boot" });
  const before = fs.openSync(file, "r");
  writePidfile(file, { pid: 124, startTime: "5 boot" });
  expect(fs.readFileSync(before, "utf8")).toBe("123\n4 boot\n");
  fs.closeSync(before);
});

test.each([
  ["123\n", { pid: 123, startTime: undefined }],
  ["123", { pid: 123, startTime: undefined }],
  [" 123 \n\n", { pid: 123, startTime: undefined }],
  ["", "broken"],
  ["0\n", "broken"],
  ["1\n", "broken"],
  ["-5\n", "broken"],
  ["12x\n", "broken"],
  ["1e3\n", "broken"],
  ["99999999999999999999\n", "broken"],
])("reads %j", (text, what) => {
  fs.mkdirSync(run);
  fs.writeFileSync(file, text);
  expect(readPidfile(file)).toEqual(what);
});

test("one that is not there is missing, and can be removed", () => {
  expect(readPidfile(file)).toBe("missing");
  removePidfile(file);
});

test.each(["../x", "a/b", "", ".hidden", "a\nb", "-x"])("%j is not the name of a service", (name) => {
  expect(() => pidfilePath(run, name)).toThrow("is not the name of a service");
});
