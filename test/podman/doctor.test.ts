import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { lacks, quotedIn } from "../../scripts/doctor/podman.ts";
import { hasQuadlet } from "../../scripts/podman/quadlet.ts";

function withFiles<T>(files: Record<string, string>, look: (folder: string) => T): T {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "podman-"));
  try {
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
    return look(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

const said = (files: Record<string, string>) =>
  withFiles({ "cgroup.controllers": "", ...files }, (folder) =>
    lacks(1500, "ann", { etc: folder, cgroup: folder })
      .map(({ message, next }) => [message, ...next].join(" → ").replaceAll(folder, ""))
      .filter((line) => / ids in /.test(line)),
  );

test("ids for what runs in containers are given behind those of others", () => {
  expect(said({ subuid: "bob:100000:65536\n", subgid: "1500:200000:65536\n" })).toEqual([
    "ann has 0 ids in /subuid, and the accounts of an image may need 65536 → sudo usermod --add-subuids 165536-231071 ann && sudo -u ann podman system migrate",
  ]);
  expect(said({ subuid: "ann:1:40000\nann:100000:40000\n", subgid: "ann:1:65536\n" })).toEqual([]);
});

test("without unified control groups a unit cannot hold its container", () => {
  withFiles({}, (folder) => {
    const messages = lacks(1500, "ann", { etc: folder, cgroup: folder }).map(({ message }) => message);
    expect(messages.some((message) => message.includes("cgroup v2"))).toBe(true);
  });
});

test("values in quotes are told by their names", () => {
  expect(quotedIn('A=1\nB="x y"\n C=\'z\' \n# D="e"\nE=it\'s\nF="half\n')).toEqual(["B", "C"]);
});

test("a podman with Quadlet is known by its generator", () => {
  withFiles({ "podman-user-generator": "" }, (folder) => expect(hasQuadlet([folder])).toBe(true));
  withFiles({}, (folder) => expect(hasQuadlet([folder])).toBe(false));
});
