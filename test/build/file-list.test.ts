import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readList, type SealedFile, treeHash, writeList } from "../../scripts/build/file-list.ts";
import { makePlace } from "./place.ts";

let root = "";
beforeEach(() => void (root = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-list-"))));
afterEach(() => fs.rmSync(root, { recursive: true }));

const file = (name: string, content = "0", mtime = 1000): SealedFile => ({
  path: name,
  content,
  isExecutable: false,
  pristine: { size: 1, mtime },
});
const many = Array.from({ length: 100 }, (_, i) => file(`f${i}`, `${i}`));
const release = (name: string) => {
  fs.mkdirSync(path.join(root, name));
  return path.join(root, name);
};

test("what is written is read, from release to release, also when the older ones are gone", () => {
  let files = [...many, { path: "l", content: "-> x", isExecutable: false }];
  writeList(release("0"), files, undefined);
  for (let i = 1; i <= 60; i++) {
    files = files.filter(({ path: name }) => name !== `f${i}`);
    files.push(file(`new\n${i}`));
    files[0] = file("f0", `changed ${i}`);
    writeList(release(`${i}`), files, readList(path.join(root, `${i - 1}`)));
    fs.rmSync(path.join(root, `${i - 1}`), { recursive: true });
    const read = [...readList(path.join(root, `${i}`)).files.values()];
    expect(treeHash(read)).toBe(treeHash(files));
    expect(new Map(read.map((one) => [one.path, one]))).toEqual(new Map(files.map((one) => [one.path, one])));
  }
});

test("a list of which little differs is small, and one of which much differs stands alone", () => {
  const hashes = Array.from({ length: 200 }, (_, i) =>
    file(`f${i}`, createHash("sha256").update(`${i}`).digest("hex")),
  );
  const sizeOf = (name: string) => fs.statSync(path.join(root, name, "RELEASE.files.gz")).size;
  writeList(release("0"), hashes, undefined);
  writeList(release("1"), [...hashes.slice(0, 199), file("last")], readList(path.join(root, "0")));
  expect(sizeOf("1")).toBeLessThan(sizeOf("0") / 20);
  writeList(release("2"), [...hashes.slice(0, 100), file("last")], readList(path.join(root, "1")));
  expect(fs.existsSync(path.join(root, "2/RELEASE.files.whole.gz"))).toBe(false);
});

test("the hash is over contents, not over times or order", () => {
  expect(treeHash([file("b", "1", 1), file("a", "2", 2)])).toBe(treeHash([file("a", "2", 3), file("b", "1", 4)]));
  expect(treeHash([file("a", "1")])).not.toBe(treeHash([file("a", "2")]));
  expect(treeHash([file("a")])).not.toBe(treeHash([{ ...file("a"), isExecutable: true }]));
});

test("releases of which each changes a hundredth of small files take no more than twice the room of one, without their changes", () => {
  const place = makePlace();
  const text = (seed: number) => `${seed} `.repeat(700).slice(0, 4000);
  place.commit(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`d${i % 4}/${i}`, text(i)])));
  place.build("r0");
  const bytesOf = () => Number(place.shell("du -sk tree/releases").split("\t")[0]);
  const one = bytesOf();
  for (let i = 1; i < 30; i++) {
    place.commit(Object.fromEntries(Array.from({ length: 4 }, (_, k) => [`d${k}/${i * 4 + k}`, text(1000 + i)])));
    place.build(`r${i}`, { base: `r${i - 1}` });
  }
  const all = bytesOf();
  place.clear();
  // 29 releases of 4 changed files of 4 KiB, five directories, and three or four files of their own.
  expect(all - one).toBeLessThan(29 * 4 * (4 + 6 + 4));
  expect(all / one).toBeLessThan(2);
});
