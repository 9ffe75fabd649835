import fs from "node:fs";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { standing, syncDirectory, writeDurably } from "../../scripts/core/durable.ts";
import { makePlace } from "./places.ts";

const umask = process.umask();
afterEach(() => void process.umask(umask));

test.each([0o600, 0o644, 0o666])("writes content and mode %o, whatever the umask is", (mode) => {
  const file = path.join(makePlace(), "file");
  process.umask(0o077);
  writeDurably(file, "é\n", mode);
  expect(fs.readFileSync(file, "utf8")).toBe("é\n");
  expect(fs.statSync(file).mode & 0o777).toBe(mode);
});

test("whoever has the old file open keeps reading the old file", () => {
  const place = makePlace();
  const file = path.join(place, "file");
  writeDurably(file, "old", 0o600);
  const fd = fs.openSync(file, "r");
  writeDurably(file, "new", 0o600);
  expect(fs.readFileSync(fd, "utf8")).toBe("old");
  fs.closeSync(fd);
  expect(fs.readFileSync(file, "utf8")).toBe("new");
  expect(fs.readdirSync(place)).toEqual(["file"]);
});

test("a write that fails leaves what was there, and nothing beside it", () => {
  const place = makePlace();
  fs.mkdirSync(path.join(place, "taken"));
  expect(() => writeDurably(path.join(place, "taken"), "text", 0o600)).toThrow(/EISDIR|EEXIST|ENOTEMPTY/);
  expect(fs.readdirSync(place)).toEqual(["taken"]);
});

test("a link is replaced, and what it led to stays", () => {
  const place = makePlace();
  fs.writeFileSync(path.join(place, "behind"), "kept");
  fs.symlinkSync("behind", path.join(place, "link"));
  writeDurably(path.join(place, "link"), "own", 0o600);
  expect(fs.readFileSync(path.join(place, "behind"), "utf8")).toBe("kept");
  expect(standing(path.join(place, "link"))?.isFile()).toBe(true);
});

test("a link that leads nowhere stands; nothing does not", () => {
  const place = makePlace();
  fs.symlinkSync("gone", path.join(place, "link"));
  expect(standing(path.join(place, "link"))?.isSymbolicLink()).toBe(true);
  expect(standing(path.join(place, "none"))).toBeUndefined();
});

test("a directory that cannot be made durable is an error", () => {
  expect(() => syncDirectory(path.join(makePlace(), "none"))).toThrow(/ENOENT/);
});
