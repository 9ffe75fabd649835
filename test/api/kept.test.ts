/** What keeps the release API up: a unit and a property list, to be read by eye (`vitest -u` writes them again) and by the real parsers. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { keepsApi } from "../../scripts/api/kept.ts";
import { checkShared } from "../../scripts/doctor/ports.ts";
import { logFilesOf } from "../../scripts/logs/log-files.ts";
import { notices } from "../../scripts/manifest/supervisor-limits.ts";
import { makePlace } from "../core/places.ts";
import { readByLibplist, readByPython, rendered, subjectOfText } from "../launchd/subject.ts";
import { readCommand, readUnit } from "../systemd/reader.ts";
import { loadText, subjectFor, textsOf, valuesOf } from "../systemd/subjects.ts";

const MANIFEST = `app: shop
deploy_to: /srv/shop
services:
  web: { run: bin/web, port: 8000 }
registry:
  serve: { token_file: api-token, allowed_hosts: [deploys.example.org, shop-1] }
`;
const UNIT = "shop-registry.service";
const WORDS = [
  "/srv/shop/ops/release/release-registry.ts",
  "serve",
  "--manifest",
  "/srv/shop/deploy.yaml",
  "--host=127.0.0.1",
  "--port=8787",
  "--token-file=/srv/shop/shared/api-token",
  "--allow-host=deploys.example.org",
  "--allow-host=shop-1",
];
const unitsOf = (text: string, changes = {}) => textsOf(subjectFor(loadText(text), changes));

describe("systemd", () => {
  test.each([
    ["systemd", "registry"],
    ["systemd-user", "registry-user"],
    ["podman", "registry-user"],
  ] as const)("%s", async (supervisor, folder) => {
    const unit = unitsOf(MANIFEST, { supervisor })[UNIT];
    await expect(unit).toMatchFileSnapshot(`../golden/systemd/${folder}/${UNIT}`);
    expect(keepsApi(unit ?? "")).toBe(true);
  });

  test("runs these words, from the tree and never from a release", () => {
    const unit = unitsOf(MANIFEST)[UNIT] ?? "";
    const [line = ""] = valuesOf(unit, "ExecStart");
    expect(readCommand(line, {})).toEqual(WORDS);
    expect(unit).not.toContain("/srv/shop/current");
    expect(keepsApi(unitsOf(MANIFEST)["shop-web.service"] ?? "")).toBe(false);
  });

  test("of all hosts, where the manifest wants that", () => {
    const unit = unitsOf(MANIFEST.replace("serve: {", "serve: { all_hosts: true,"))[UNIT] ?? "";
    const [line = ""] = valuesOf(unit, "ExecStart");
    expect(readCommand(line, {})).toContain("--all-hosts");
    // The server that it asks is elsewhere.
    expect(valuesOf(unit, "IPAddressDeny")).toEqual([]);
  });

  test("is there only where the manifest wants it", () => {
    expect(Object.keys(unitsOf(MANIFEST.replace(/registry:[^]*/, "")))).not.toContain(UNIT);
  });

  test("another unit of its name is refused, at its place", () => {
    const twin = MANIFEST.replace("web: {", "registry: {");
    expect(() => unitsOf(twin)).toThrow(
      /deploy\.yaml:\d+:\d+[^]*shop-registry\.service, which is the unit of services\.registry already/,
    );
  });

  test.each(["/srv/a b", "/srv/50%", "/srv/$HOME", '/srv/a"b', "/srv/a\\\\b", "/srv/ü", "/home/ann/a:b"])(
    "a tree at %s is the one that is served",
    (place) => {
      const text = MANIFEST.replace("/srv/shop", JSON.stringify(place).replaceAll("\\\\\\\\", "\\\\"));
      const { deploy_to: tree } = loadText(text).manifest;
      const unit = unitsOf(text)[UNIT] ?? "";
      const [line = ""] = valuesOf(unit, "ExecStart");
      const words = readCommand(line, {});
      expect(words.slice(-WORDS.length)).toEqual(WORDS.map((word) => word.replace("/srv/shop", tree)));
      expect(keepsApi(unit)).toBe(true);
      expect(readUnit(unit).filter(([, key]) => key === "ExecStart")).toHaveLength(1);
    },
  );

  const analyze = spawnSync("systemd-analyze", ["--version"]);
  test.skipIf(analyze.status !== 0)("is what systemd itself takes, and closed but for what it needs", () => {
    const file = path.join(makePlace(), UNIT);
    fs.writeFileSync(file, unitsOf(MANIFEST)[UNIT] ?? "");
    const env = { ...process.env, LC_ALL: "C" };
    const verified = spawnSync("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no", file], {
      encoding: "utf8",
      env,
    });
    const said = verified.stderr.split("\n").filter((line) => line.includes(UNIT) && !/No such file/.test(line));
    expect(said).toEqual([]);
    const words = ["security", "--offline=true", "--threshold=16", file];
    const { status, stdout } = spawnSync("systemd-analyze", words, { encoding: "utf8", env });
    expect([status, stdout.split("\n").findLast((line) => line.includes("exposure level"))]).toEqual([
      0,
      expect.stringMatching(/: 1\.[0-6] OK/),
    ]);
  });
});

describe("launchd", () => {
  test("a job that is kept alive, as both parsers read it", async () => {
    const xml = rendered(subjectOfText(MANIFEST))["shop.registry"] ?? "";
    await expect(xml).toMatchFileSnapshot("../golden/launchd/shop/shop.registry.plist");
    const plist = readByPython(xml);
    expect(readByLibplist(xml)).toEqual(plist);
    expect(plist).toMatchObject({ ProgramArguments: WORDS, KeepAlive: true, RunAtLoad: true });
    expect(plist["StartCalendarInterval"]).toBeUndefined();
    expect(keepsApi(xml)).toBe(true);
    expect(keepsApi(rendered(subjectOfText(MANIFEST))["shop.web"] ?? "")).toBe(false);
  });
});

test("the pid-file supervisor does not keep it up, and says so", () => {
  const told = (text: string) => notices(loadText(text)).filter((line) => line.includes("registry.serve"));
  expect(told(MANIFEST)).toEqual([expect.stringContaining("not kept up by the pidfile supervisor")]);
  expect(told(`supervisor: systemd\n${MANIFEST}`)).toEqual([]);
});

test("its log is emptied with the others where a manager writes it", () => {
  const log = (supervisor: "systemd" | "pidfile") =>
    logFilesOf(subjectFor(loadText(MANIFEST), { supervisor })).filter((one) => one.path.endsWith("registry.log"));
  expect(log("systemd")).toEqual([{ path: "/srv/shop/logs/registry.log", place: ["deploy_to"], isHeld: true }]);
  expect(log("pidfile")).toEqual([]);
});

test("two environments, or a service and it, that share its port are named", () => {
  const { manifest } = loadText(MANIFEST);
  const other = { ...manifest, deploy_to: "/srv/other", app: "other", services: {} };
  const [finding] = checkShared([
    { name: "prod", manifest },
    { name: "test", manifest: other },
  ]);
  expect(finding?.message).toContain("prod.registry and test.registry share port 8787");
  const clash = loadText(MANIFEST.replace("port: 8000", "port: 8787")).manifest;
  expect(checkShared([{ name: "", manifest: clash }])[0]?.message).toContain(
    "service web and registry.serve share port 8787",
  );
});
