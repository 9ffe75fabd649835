import { describe, expect, test } from "vitest";
import { fullName, imagesOf, tagProblem } from "../../scripts/podman/image.ts";
import { ManifestError } from "../../scripts/manifest/load.ts";
import { notices, refuseUnsupported } from "../../scripts/manifest/supervisor-limits.ts";
import { HEAD, load } from "../manifest/manifests.ts";

function refused(text: string): string[] {
  try {
    refuseUnsupported(load(HEAD + text));
  } catch (error) {
    if (error instanceof ManifestError)
      return error.message.split("\n").filter((line) => line.startsWith("deploy.yaml:"));
    throw error;
  }
  return [];
}

const one = (lines: string, supervisor = "podman") =>
  refused(`supervisor: ${supervisor}\nservices:\n  a: {container: {image: x}, ${lines}}\n`);

describe("what a service in a container may have", () => {
  test.each(["podman", "systemd-user"])("supervisor: %s runs it", (supervisor) => {
    const lines = "run: x, user: '1000', group: staff, env_file: .env, port: 80, restart: always, stop_timeout: 1s";
    expect(one(lines, supervisor)).toEqual([]);
  });

  test.each(["pidfile", "systemd", "launchd"])("supervisor: %s does not", (supervisor) => {
    expect(one("port: 80", supervisor)).toEqual([
      'deploy.yaml:5:7: "services.a.container" is run by supervisor: podman or systemd-user only',
    ]);
  });

  test.each([
    ["schedule: 1 1 * * *", "schedule"],
    ["instances: [m]", "instances"],
    ["socket: '127.0.0.1:1'", "socket"],
    ["ready: notify", "ready"],
    ["dir: app", "dir"],
    ["group: staff", "group"],
    ["env_file: -.env", "env_file"],
  ])("%s is refused", (line, key) => {
    expect(one(line)).toEqual([expect.stringContaining(`"services.a.${key}"`)]);
  });

  test("two builds of one image are refused, one for two services is not", () => {
    const two = (more: string) =>
      refused(`supervisor: podman\nservices:\n  a: {container: x}\n  b: {container: {image: x${more}}}\n`);
    expect(two("")).toEqual([]);
    expect(two(", context: other")).toHaveLength(2);
  });

  test("what has no effect is said", () => {
    const loaded = load(`${HEAD}supervisor: podman\nservices:\n  a: {container: x, harden: strict}\n`);
    expect(notices(loaded)).toEqual([expect.stringContaining("harden has no effect on a container")]);
  });
});

test.each(["X", "x:1", "x@sha256:0", "-x", "x/", "a//b", "x y", "x..y", "${X}"])("%j names no image", (image) => {
  expect(() => load(`${HEAD}services:\n  a: {container: ${JSON.stringify(image)}}\n`)).toThrow(/an image's name/);
});

test.each([
  ["my-app", "localhost/my-app"],
  ["team/my-app", "localhost/team/my-app"],
  ["localhost/x", "localhost/x"],
  ["ghcr.io/team/x", "ghcr.io/team/x"],
  ["host:5000/x", "host:5000/x"],
])("%s is %s in full", (image, full) => {
  expect(fullName(image)).toBe(full);
});

test("services that run the same image have one", () => {
  const { manifest } = load(
    `${HEAD}services:\n  a: {container: x}\n  b: {container: {image: x, options: -i}}\n  c: {container: y}\n`,
  );
  expect(imagesOf(manifest).map(({ name, services }) => [name, services])).toEqual([
    ["localhost/x", ["a", "b"]],
    ["localhost/y", ["c"]],
  ]);
});

test("a release id with a + is no tag", () => {
  expect(tagProblem("v1.0+1")).toMatch(/\+/);
  expect(tagProblem("20261120-221530-a1b2c3d")).toBeUndefined();
});
