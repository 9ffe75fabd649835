import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, expect, test } from "vitest";
import { markerOf, schemaMarker } from "../../scripts/database/marker.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "marker-"));
afterAll(() => fs.rmSync(folder, { recursive: true }));

test.each([
  ["ae1027a6acf (head)\n", "ae1027a6acf"],
  ["ae1027a6acf (head) (mergepoint)\n", "ae1027a6acf"],
  ["ae1027a6acf (branchpoint)\n", "ae1027a6acf"],
  ["release 7 (final)\n", "release 7 (final)"],
  ["(head)\n", "(head)"],
  ["INFO  [alembic] context\nrev-2\n\n  \n", "rev-2"],
  ["\u001b[32mrev\u0007 3\r\n", "[32mrev 3"],
  ["é 漢\n", "é 漢"],
  ["", null],
  [" \n\t\n", null],
])("what is printed last is the marker: %j", (text, marker) => {
  expect(markerOf(text)).toBe(marker);
});

test("at most 200 characters", () => {
  expect(markerOf("x".repeat(300))).toBe("x".repeat(200));
});

/** The marker of a database that was made by these statements. */
async function made(name: string, ...statements: string[]): Promise<string | null> {
  const file = path.join(folder, name);
  const database = new DatabaseSync(file);
  for (const statement of statements) database.exec(statement);
  database.close();
  return schemaMarker(file);
}

test("SQLite's own: the schema and user_version, whatever the data and the order in which it came", async () => {
  const [a, b] = ["CREATE TABLE a (x)", "CREATE TABLE b (y)"];
  const marker = await made("1", a, b);
  expect(marker).toMatch(/^schema-[0-9a-f]{12}\.0$/);
  expect(await made("2", b, a, "INSERT INTO a VALUES (1)")).toBe(marker);
  expect(await made("3", a, b, "PRAGMA user_version = 4")).toBe(`${marker?.slice(0, -1)}4`);
  expect(await made("4", a, b, "CREATE INDEX i ON a (x)")).not.toBe(marker);
  expect(await schemaMarker(path.join(folder, "none"))).toBeNull();
  expect(fs.existsSync(path.join(folder, "none"))).toBe(false);
});
