import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { type Place, run } from "./place.ts";

/** Versions that the first package has: one for each time that the lockfile changes. */
const PATCHES = 12;
const FILES = 14;

const tarball = (place: Place, at: number, patch: number) =>
  path.join(place.path, "packages", `lib-${at}-1.0.${patch}.tgz`);

/** Makes packages as a registry would hold them, and puts them where npm finds what it fetched before: no network is needed. */
export function makePackages(place: Place, count: number): void {
  fs.mkdirSync(path.join(place.path, "packages"));
  for (let at = 0; at < count; at++)
    for (let patch = 0; patch < (at === 0 ? PATCHES : 1); patch++) makePackage(place, at, patch);
}

function makePackage(place: Place, at: number, patch: number): void {
  const directory = path.join(place.path, "packages/package");
  fs.mkdirSync(path.join(directory, "lib"), { recursive: true });
  const write = (name: string, text: string) => fs.writeFileSync(path.join(directory, name), text);
  const description = {
    name: `lib-${at}`,
    version: `1.0.${patch}`,
    type: "module",
    main: "index.js",
    types: "index.d.ts",
  };
  write("package.json", JSON.stringify(description));
  const parts = Array.from({ length: FILES }, (_, part) => part);
  write(
    "index.js",
    `${parts.map((part) => `import { part${part} } from "./lib/part${part}.js";`).join("\n")}
export const value = [${parts.map((part) => `part${part}`).join(", ")}].length + ${patch};\n`,
  );
  write("index.d.ts", "export declare const value: number;\n");
  for (const part of parts) write(`lib/part${part}.js`, library(at, part));
  const file = tarball(place, at, patch);
  run(place, { program: "tar", words: ["-czf", file, "-C", path.dirname(directory), "package"] });
  const hash = digest(file).toString("hex");
  const kept = path.join(
    place.path,
    "npm/_cacache/content-v2/sha512",
    hash.slice(0, 2),
    hash.slice(2, 4),
    hash.slice(4),
  );
  fs.mkdirSync(path.dirname(kept), { recursive: true });
  fs.copyFileSync(file, kept);
}

const library = (at: number, part: number) =>
  `${Array.from({ length: 40 }, (_, line) => `function line${line}(one, other) { return one * ${at + line} + other - ${part}; }`).join("\n")}
export const part${part} = [${Array.from({ length: 40 }, (_, line) => `line${line}(${line}, ${part})`).join(", ")}].at(-1);\n`;

const digest = (file: string) => createHash("sha512").update(fs.readFileSync(file)).digest();

/** package.json and package-lock.json that name them all; `patch` is the version of the first one. */
export function lockfile(place: Place, count: number, patch: number) {
  const names = Array.from({ length: count }, (_, at) => [`lib-${at}`, at === 0 ? patch % PATCHES : 0] as const);
  const dependencies = Object.fromEntries(names.map(([name, last]) => [name, `1.0.${last}`]));
  const manifest = { name: "bench-frontend", version: "1.0.0", private: true, dependencies };
  const entries = names.map(([name, last], at) => {
    const integrity = `sha512-${digest(tarball(place, at, last)).toString("base64")}`;
    const resolved = `https://packages.invalid/${name}/-/${name}-1.0.${last}.tgz`;
    return [`node_modules/${name}`, { version: `1.0.${last}`, resolved, integrity }] as const;
  });
  const { name, version } = manifest;
  const packages = { "": { name, version, dependencies }, ...Object.fromEntries(entries) };
  return { manifest, lock: { name, version, lockfileVersion: 3, requires: true, packages } };
}
