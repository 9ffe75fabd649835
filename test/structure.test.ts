/** Holds the house together: who knows a command knows its files, and no room reaches into one that it has no business in. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { PLANNERS } from "./cases/planners.ts";

const root = path.resolve(import.meta.dirname, "..");
const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8");
const isThere = (file: string) => fs.existsSync(path.join(root, file));

/** Files of the repository, tracked or about to be, relative to its root. */
const files = spawnSync("git", ["-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
  encoding: "utf8",
})
  .stdout.split("\0")
  .filter((file) => file !== "" && isThere(file) && !fs.lstatSync(path.join(root, file)).isSymbolicLink());
const inFolder = (folder: string, ending = ".ts") =>
  files.filter((file) => file.startsWith(`${folder}/`) && file.endsWith(ending));

/** `ops/release/prune.ts` → `release/prune`. */
const nameOf = (file: string) => file.replace(/^ops\//, "").replace(/\.ts$/, "");
const commands = inFolder("ops").filter((file) => file.split("/").length === 3);
const changing = commands.filter((file) => read(file).includes("scripts/core/change.ts")).map(nameOf);

const HEAD = `#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
`;

test("there are commands, and each one that decides by facts has its cases", () => {
  expect(changing.length).toBeGreaterThanOrEqual(10);
  expect(changing.toSorted()).toEqual(Object.keys(PLANNERS).toSorted());
});

describe.each(commands.map(nameOf))("ops/%s.ts", (name) => {
  test("is executable, and starts from anywhere by its two-line head", () => {
    expect(fs.statSync(path.join(root, `ops/${name}.ts`)).mode & 0o777).toBe(0o755);
    expect(read(`ops/${name}.ts`).startsWith(HEAD)).toBe(true);
  });

  test("calls itself by its own place", () => {
    expect(read(`ops/${name}.ts`)).toContain(`name: "${name}"`);
  });
});

describe.each(changing)("%s", (name) => {
  test("has its meaning in scripts, its cases and its page", () => {
    expect([`scripts/${name}.ts`, `ops/${name}.md`].filter((file) => !isThere(file))).toEqual([]);
    expect(inFolder(`test/cases/${name}`, ".yaml")).not.toEqual([]);
  });

  test("is run for real by a test", () => {
    const tests = files.filter(
      (file) =>
        file.startsWith("test/") &&
        !file.startsWith("test/cases") &&
        /\.(bats|bash|ts)$/.test(file) &&
        file !== "test/structure.test.ts",
    );
    const running = tests.filter((file) => read(file).includes(name) || isThere(`test/${name}.test.ts`));
    expect(running).not.toEqual([]);
  });
});

test("a case belongs to a command that there is", () => {
  const folders = new Set(
    inFolder("test/cases", ".yaml").map((file) => path.dirname(file).slice("test/cases/".length)),
  );
  expect([...folders].filter((folder) => !changing.includes(folder))).toEqual([]);
});

test("no file of the product is longer than 220 lines", () => {
  const long = [...inFolder("ops"), ...inFolder("scripts"), "manifest.schema.ts"].filter(
    (file) => read(file).split("\n").length > 221,
  );
  expect(long).toEqual([]);
});

test("no file is called after nothing", () => {
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc)(\/|\.(test\.)?ts$)/.test(file))).toEqual([]);
});

interface Import {
  from: string;
  /** Relative to the root, or a package. */
  to: string;
  isType: boolean;
  isDynamic: boolean;
}

function importsOf(file: string): Import[] {
  const text = read(file);
  const to = (place: string) => (place.startsWith(".") ? path.join(path.dirname(file), place) : place);
  const still = [...text.matchAll(/^(?:import|export)\b([^;"'`=]*?)(?:from\s*|(?<=^import\s+))"([^"]+)";?$/gm)].map(
    ([, what = "", place = ""]) => ({
      from: file,
      to: to(place),
      isType: /^\s+type\s/.test(what),
      isDynamic: false,
    }),
  );
  const late = [...text.matchAll(/\bimport\("([^"]+)"\)/g)].map(([, place = ""]) => ({
    from: file,
    to: to(place),
    isType: false,
    isDynamic: true,
  }));
  return [...still, ...late];
}

const imports = inFolder("scripts").flatMap(importsOf);
const shown = ({ from, to }: Import) => `${from} → ${to}`;

test("every import of ours leads to a file", () => {
  const ours = [...imports, ...inFolder("ops").flatMap(importsOf)].filter(({ to }) =>
    /^(scripts|ops|test|templates)\//.test(to),
  );
  expect(ours.length).toBeGreaterThan(100);
  expect(ours.filter(({ to }) => !isThere(to)).map(shown)).toEqual([]);
});

test("scripts know nothing of the commands' files, and nothing of tests", () => {
  expect(imports.filter(({ to }) => /^(ops|test)\//.test(to)).map(shown)).toEqual([]);
});

test("the staircase imports no domain but the terminal that it tells, the registry, which keeps its records, and the manifest, with which it begins", () => {
  const outward = imports.filter(
    ({ from, to, isType, isDynamic }) =>
      from.startsWith("scripts/core/") &&
      to.startsWith("scripts/") &&
      !to.startsWith("scripts/core/") &&
      !to.startsWith("scripts/registry/") &&
      !to.startsWith("scripts/terminal/") &&
      !isType &&
      !isDynamic,
  );
  expect(outward.map(shown).toSorted()).toEqual([
    "scripts/core/context.ts → scripts/manifest/checked.ts",
    "scripts/core/context.ts → scripts/manifest/find.ts",
  ]);
});

test("a kind of step imports nothing of the staircase but the step, its errors and durable writes", () => {
  const kinds = imports.filter(
    ({ from, to, isType }) =>
      from.startsWith("scripts/core/steps/") &&
      to.startsWith("scripts/") &&
      !to.startsWith("scripts/core/steps/") &&
      !isType,
  );
  expect([...new Set(kinds.map(({ to }) => path.basename(to)))].toSorted()).toEqual([
    "as-root.ts",
    "durable.ts",
    "errors.ts",
    "remove-many.ts",
    "shell.ts",
    "step.ts",
  ]);
});

/** The packages that are loaded with a file, before anything of it runs. */
function packagesOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const early = importsOf(file).filter(({ isType, isDynamic }) => !isType && !isDynamic);
  return early.flatMap(({ to }) => (isThere(to) ? packagesOf(to, seen) : to.startsWith("node:") ? [] : [to]));
}

// Start-up is felt at every command: zod, yaml and zx are loaded when they are needed.
test.each([...commands, "ops/deploy.ts"])("%s loads what is heavy only when it runs", (file) => {
  const packages = packagesOf(file);
  expect(packages).not.toEqual([]);
  expect(packages.filter((name) => !["commander", "leven"].includes(name))).toEqual([]);
});

test("nothing uses what only one runtime has", () => {
  const own = [...inFolder("scripts"), ...inFolder("ops")].filter((file) => /\bBun\.|"bun:/.test(read(file)));
  expect(own).toEqual([]);
});

test("nothing names a place of the machine that it was written on", () => {
  const places = [["", "work", ""].join("/"), `${root}/`];
  const text = files.filter((file) => !/\.(png|gif|db|tgz|ico)$/.test(file));
  expect(text.filter((file) => places.some((place) => read(file).includes(place)))).toEqual([]);
});
