import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { starterNames } from "../../scripts/host/starters.ts";
import { renderJsonSchema, SCHEMA_PATH } from "../../scripts/manifest/json_schema.ts";
import { HEAD } from "./manifests.ts";

const schema = z.fromJSONSchema(JSON.parse(renderJsonSchema()));
const isTaken = (text: string): boolean => schema.safeParse(parse(HEAD + text)).success;

test("the file in templates is current", () => {
  expect(readFileSync(SCHEMA_PATH, "utf8")).toBe(renderJsonSchema());
});

test("it takes the five systems", () => {
  for (const name of starterNames()) {
    const text = readFileSync(new URL(`../../templates/manifests/${name}.yaml`, import.meta.url), "utf8");
    expect(schema.safeParse(parse(text)).error?.issues).toBeUndefined();
  }
});

test("it takes part of a service in an environment, and refuses what the loader refuses", () => {
  expect(isTaken("environments: {dev: {hosts: a, services: {api: {port: 1}}, drain: {timeout: 1m}}}\n")).toBe(true);
  expect(isTaken("drain: {timeout: 1m}\n")).toBe(false);
  expect(isTaken("keep_release: 5\n")).toBe(false);
  expect(isTaken("services: {api: {run: x, prot: 1}}\n")).toBe(false);
  expect(isTaken("services: {Api: {run: x}}\n")).toBe(false);
  expect(isTaken("environments: {dev: {keep_release: 5}}\n")).toBe(false);
  expect(isTaken("environments: {dev: {services: {api: {prot: 1}}}}\n")).toBe(false);
  expect(isTaken("linked_dirs: [../a]\n")).toBe(false);
});

test("every key says what it is for", () => {
  const silent: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key !== "properties") visit(value, `${path}/${key}`);
      else
        for (const [name, property] of Object.entries(
          value as Record<string, { description?: string; $ref?: string }>,
        )) {
          if (!property.description && !property.$ref) silent.push(`${path}/${name}`);
          visit(property, `${path}/${name}`);
        }
    }
  };
  visit(JSON.parse(renderJsonSchema()), "");
  expect(silent).toEqual([]);
});
