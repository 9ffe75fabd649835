import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UsageError } from "../../scripts/core/errors.ts";
import { parseEnvFile, readEnvFile } from "../../scripts/service/env-file.ts";
import { cases } from "./env-file.cases.ts";

let base: string;
beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-env-"));
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

test.each(cases)("%j", (text, values, warnings) => {
  const file = parseEnvFile(text);
  expect(Object.fromEntries(file.values)).toEqual(values);
  expect(file.warnings).toHaveLength(warnings);
});

test("a warning names the line, and nothing that stands in it", () => {
  const { warnings } = parseEnvFile('KEY=-----BEGIN KEY-----\nc2VjcmV0\nc2VjcmV0/Q==\n\nB="c2VjcmV0\n');
  expect(warnings.map((warning) => warning.split(":")[0])).toEqual(["2", "3", "5"]);
  expect(warnings.join()).not.toContain("c2VjcmV0");
});

test("a file is relative to the base, and its warnings name it", () => {
  fs.writeFileSync(path.join(base, ".env"), "A=1\nexport B=2\n");
  const { values, warnings } = readEnvFile(".env", base);
  expect([...values]).toEqual([["A", "1"]]);
  expect(warnings).toEqual([expect.stringContaining(`${base}/.env:2: `)]);
});

test("an absent file is an error, unless it is optional", () => {
  expect(() => readEnvFile("none/.env", base)).toThrow(UsageError);
  expect(() => readEnvFile("none/.env", base)).toThrow(`env_file ${base}/none/.env: does not exist`);
  expect(readEnvFile("-none/.env", base)).toEqual({ values: new Map(), warnings: [] });
});

test("what is there and cannot be read is an error even when it is optional", () => {
  fs.mkdirSync(path.join(base, ".env"));
  expect(() => readEnvFile("-.env", base)).toThrow(/cannot be read \(EISDIR\)/);
});

test.each([
  ["a NUL byte", Buffer.from("SECRET=abc\0def"), /NUL/],
  ["broken UTF-8", Buffer.from("SECRET=abc\xff", "latin1"), /not UTF-8/],
])("%s refuses the whole file, without showing it", (_, bytes, message) => {
  fs.writeFileSync(path.join(base, ".env"), bytes);
  const error = (() => {
    try {
      return readEnvFile(".env", base);
    } catch (thrown) {
      return thrown as Error;
    }
  })() as Error;
  expect(error.message).toMatch(message);
  expect(error.message).not.toContain("abc");
});
