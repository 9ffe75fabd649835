/** Where secrets are taken from, and that nothing but their file ever holds them. */
import fs from "node:fs";
import path from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { Secret } from "../../scripts/secrets/secret.ts";
import { takeValue, whyNoValue } from "../../scripts/secrets/values.ts";
import { takeAll, vaultOf } from "../../scripts/secrets/vault.ts";
import { makePlace } from "../core/places.ts";

const bytesOf = (taken: ReturnType<typeof takeValue>) => ("secret" in taken ? taken.secret.reveal() : undefined);
const textOf = (taken: ReturnType<typeof takeValue>) => bytesOf(taken)?.toString();

describe("a value", () => {
  test("of a file is that file's bytes, whatever they are", () => {
    const place = makePlace();
    const bytes = Buffer.from([0, 255, 10, 13, 0]);
    fs.writeFileSync(path.join(place, "key"), bytes);
    expect(bytesOf(takeValue({ file: "key" }, place, {}))).toEqual(bytes);
    expect(bytesOf(takeValue({ file: "~/key" }, "/", { HOME: place }))).toEqual(bytes);
  });

  test.each([
    ["A=1", "A=1\n"],
    ["A=1\nB=2\n", "A=1\nB=2\n"],
  ])("of a variable ends its last line: %j", (value, wanted) => {
    expect(textOf(takeValue({ env: "X" }, "/", { X: value }))).toBe(wanted);
  });

  test("of a command is what it prints, byte for byte, in the manifest's folder", () => {
    const place = makePlace();
    expect(textOf(takeValue({ run: 'printf %s "$(pwd)" | tee here' }, place, {}))).toBe(place);
    expect(textOf(takeValue({ run: "printf 'a\\0b'" }, place, {}))).toBe("a\0b");
  });

  test.each([
    [{ file: "nope" }, /^\/\S+nope is not there$/],
    [{ file: "." }, /cannot be read \(EISDIR\)$/],
    [{ env: "NOPE" }, /^\$NOPE is not set$/],
    [{ env: "EMPTY" }, /^\$EMPTY is empty$/],
    [{ run: "true" }, /^its command prints nothing$/],
    [{ run: "echo canary; exit 3" }, /^its command ended with exit code 3$/],
    [{ run: "echo canary; kill -9 $$" }, /^its command ended with SIGKILL$/],
    [{ run: "echo canary | false | cat" }, /^its command ended with exit code 1$/],
    [{ run: "yes canary" }, /^its command prints more than 4 MB$/],
  ])("of %j is a problem that tells nothing of what was printed", (from, problem) => {
    expect(takeValue(from, makePlace(), { EMPTY: "" })).toEqual({ problem: expect.stringMatching(problem) as string });
  });

  test("is looked for before a command is run, and the command is not", () => {
    const place = makePlace();
    expect(whyNoValue({ run: "touch ran" }, place, {})).toBeUndefined();
    expect(fs.readdirSync(place)).toEqual([]);
    expect(whyNoValue({ env: "NOPE" }, place, {})).toBe("$NOPE is not set");
  });
});

test("a secret shows nothing of itself, however it is printed", () => {
  const secret = new Secret(Buffer.from("canary"));
  const shown = [secret.toString(), JSON.stringify({ secret }), inspect({ secret }, { depth: 9, showHidden: true })];
  expect(shown.join(" ")).not.toMatch(/canary|63,? ?61|99, 97/);
});

const loadedOf = (files: string, place: string) => {
  const filePath = path.join(place, "deploy.yaml");
  fs.writeFileSync(filePath, `app: shop\ndeploy_to: ${place}/tree\nlinked_files:\n${files}`);
  return loadManifest({ filePath, env: {} });
};

test("each secret is taken once, however often it is asked for", () => {
  const place = makePlace();
  const loaded = loadedOf("  - { path: .env, value_from: { run: echo x | tee -a ran } }\n", place);
  for (const _ of [1, 2])
    expect(takeAll(vaultOf(loaded)).map(({ secret }) => secret.reveal().toString())).toEqual(["x\n"]);
  expect(fs.readFileSync(path.join(place, "ran"), "utf8")).toBe("x\n");
});

test("what is not to be had is named all at once; an optional one is left out", () => {
  const files = ["A", "B"].map((name) => `  - { path: ${name}.env, value_from: { env: ${name} } }\n`).join("");
  const optional = "  - { path: c, value_from: { env: C }, optional: true }\n";
  const vault = () => vaultOf(loadedOf(`${files}${optional}`, makePlace()), {});
  expect(() => takeAll(vault())).toThrow("  A.env: $A is not set\n  B.env: $B is not set");
  expect(takeAll(vault(), ["c"])).toEqual([]);
});
