/** Installing, with the double of launchctl (bin/launchctl): what is printed, pasted into a shell; and what is applied. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Context } from "../../scripts/core/context.ts";
import { showPlans } from "../../scripts/core/show.ts";
import type { Step } from "../../scripts/core/step.ts";
import { type InstallPlistsFacts, installLaunchd } from "../../scripts/launchd/install_launchd.ts";
import { printJob } from "../../scripts/launchd/launchctl.ts";
import { markedPlists } from "../../scripts/launchd/manager.ts";
import { targetOfFile } from "../../scripts/launchd/names.ts";
import { launchdSteps } from "../../scripts/launchd/plist-steps.ts";
import { textsOf } from "../../scripts/render/file.ts";
import { PLIST_MARK } from "../../scripts/launchd/plist-mark.ts";
import { wantedPlists } from "../../scripts/launchd/render.ts";
import { until } from "../service/tree.ts";
import { makeMac } from "./mac.ts";
import { readByPython } from "./subject.ts";

let mac: ReturnType<typeof makeMac>;
beforeEach(() => {
  mac = makeMac();
});
afterEach(() => mac.clear());

const ops = path.resolve(import.meta.dirname, "../../ops");
const show = { opsPath: "/nowhere", flags: [] };

/** What the operation finds on this Mac; its owner is anna, whoever runs the test. */
function facts(
  manifest: Record<string, unknown>,
  more: Partial<InstallPlistsFacts> = {},
): [Context, InstallPlistsFacts] {
  const subject = mac.subjectOf(manifest);
  const wanted = wantedPlists(subject);
  const installed = markedPlists(mac.owner, mac.at("tree"));
  const files = new Set([...installed.keys(), ...textsOf(wanted).keys()]);
  const loaded = new Map(
    [...files].flatMap((file): [string, string][] => {
      const printed = printJob(targetOfFile(file, mac.owner));
      return printed ? [[file, printed.environment[PLIST_MARK] ?? ""]] : [];
    }),
  );
  const context = { manifest: subject.manifest, paths: subject.paths, overrides: { isGateSkipped: true } } as Context;
  return [
    context,
    { owner: mac.owner, isRoot: false, installed, wanted, diffs: [], loaded, foreign: [], releaseId: "r1", ...more },
  ];
}

const plan = (...[context, found]: ReturnType<typeof facts>) => installLaunchd.plan(context, found, {});
const paste = (steps: Step[], shell = "dash") =>
  spawnSync(shell, ["-c", showPlans([{ title: "x", steps, discard: [], revert: [], done: "" }], show)], {
    encoding: "utf8",
    cwd: "/",
  });
const install = (manifest: Record<string, unknown>, more: Partial<InstallPlistsFacts> = {}) => {
  const done = plan(...facts(manifest, more)).flatMap(({ steps }) => [paste(steps)]);
  expect(done.map(({ status, stderr }) => [status, stderr.replaceAll(/^Boot.*\n/gm, "")])).toEqual([[0, ""]]);
};

const sleeper = (seconds: number) => ({ run: `sleep ${seconds}`, stop_timeout: "1s" });
const state = (label: string) => mac.launchctl("print", `gui/501/${label}`).stdout;
const agents = () => fs.readdirSync(mac.at("home/Library/LaunchAgents")).toSorted();

test("pasted where nothing is: files, jobs and services; pasted again: nothing", async () => {
  const manifest = {
    services: { web: sleeper(801), nightly: { run: "true", schedule: "30 3 * * *" } },
    prune: { schedule: "0 5 * * *" },
  };
  mac.order("fail-bootstrap", 2);
  install(manifest);
  expect(agents()).toEqual(["shop.nightly.plist", "shop.prune.plist", "shop.web.plist"]);
  expect(fs.statSync(mac.at("home/Library/LaunchAgents/shop.web.plist")).mode & 0o777).toBe(0o644);
  await until(() => /state = running/.test(state("shop.web")));
  expect(state("shop.nightly")).toMatch(/"Hour" => 3[^]*runs = 0|runs = 0[^]*"Hour" => 3/);
  expect(plan(...facts(manifest))[0]).toMatchObject({ steps: [], done: "3 jobs were as the manifest says already." });
});

test("one that changed is loaded anew, one that is gone is removed with its process, the others are left alone", async () => {
  install({ services: { web: sleeper(802), old: sleeper(803), kept: sleeper(804) } });
  await until(() => ["web", "old", "kept"].every((name) => /pid = /.test(state(`shop.${name}`))));
  const pidOf = (label: string) => /pid = (\d+)/.exec(state(label))?.[1];
  const [old, kept] = [Number(pidOf("shop.old")), pidOf("shop.kept")];
  mac.calls();
  install({ services: { web: sleeper(805), kept: sleeper(804) } });
  expect(agents()).toEqual(["shop.kept.plist", "shop.web.plist"]);
  expect(fs.existsSync(`/proc/${old}`)).toBe(false);
  expect(pidOf("shop.kept")).toBe(kept);
  await until(() =>
    /sleep 805/.test(fs.readFileSync(`/proc/${pidOf("shop.web") ?? "none"}/cmdline`, "utf8").replaceAll("\0", " ")),
  );
  expect(mac.calls().map((line) => line.replace(/ .*\//, " "))).toEqual([
    "bootout shop.old",
    "bootout shop.web",
    "bootstrap shop.web.plist",
  ]);
});

test("the way back makes it what it was", async () => {
  const before = { services: { web: sleeper(806), old: sleeper(807) } };
  install(before);
  const texts = () =>
    Object.fromEntries(
      agents().map((file) => [file, fs.readFileSync(mac.at("home/Library/LaunchAgents", file), "utf8")]),
    );
  const [was, going] = [texts(), plan(...facts({ services: { web: sleeper(808), fresh: sleeper(809) } }))[0]];
  expect(paste(going?.steps ?? []).status).toBe(0);
  expect(agents()).toEqual(["shop.fresh.plist", "shop.web.plist"]);
  expect(paste(going?.revert ?? []).status).toBe(0);
  expect(texts()).toEqual(was);
  await until(() => ["web", "old"].every((name) => /pid = /.test(state(`shop.${name}`))));
  expect(mac.launchctl("print", "gui/501/shop.fresh").status).toBe(113);
});

test("without a release services are written and not loaded, and so is what runs without launchd", () => {
  install({ services: { web: sleeper(810) }, prune: { schedule: "0 5 * * *" } }, { releaseId: undefined });
  expect(agents()).toEqual(["shop.prune.plist", "shop.web.plist"]);
  expect([
    mac.launchctl("print", "gui/501/shop.web").status,
    mac.launchctl("print", "gui/501/shop.prune").status,
  ]).toEqual([113, 0]);
  install({ services: { web: sleeper(811) } }, { foreign: ["web"] });
  expect(mac.launchctl("print", "gui/501/shop.web").status).toBe(113);
});

test("what a person wrote by hand in its place is kept", () => {
  const file = mac.at("home/Library/LaunchAgents/shop.web.plist");
  mac.write({ path: file, place: "", content: "by hand" });
  const manifest = { services: { web: sleeper(812) } };
  install(manifest, { installed: new Map([[file, "by hand"]]) });
  expect(fs.readFileSync(`${file}.by-hand`, "utf8")).toBe("by hand");
  expect(readByPython(fs.readFileSync(file, "utf8")).Label).toBe("shop.web");
});

describe("the steps of a switch", () => {
  const change = (manifest: Record<string, unknown>) => {
    const [context, found] = facts(manifest);
    const steps = launchdSteps(context, { ...found, from: found.installed, to: textsOf(found.wanted) });
    return { steps, back: launchdSteps(context, { ...found, from: textsOf(found.wanted), to: found.installed }) };
  };

  test("write services and leave their start to the supervisor; jobs are loaded anew", () => {
    install({ services: { web: sleeper(813), nightly: { run: "true", schedule: "30 3 * * *" } } });
    const { steps, back } = change({
      services: { web: sleeper(814), nightly: { run: "true", schedule: "31 3 * * *" } },
    });
    mac.calls();
    expect(paste(steps).status).toBe(0);
    expect(mac.calls().map((line) => line.replace(/ .*\//, " "))).toEqual([
      "bootout shop.nightly",
      "bootstrap shop.nightly.plist",
    ]);
    expect(state("shop.nightly")).toContain('"Minute" => 31');
    expect(paste(back).status).toBe(0);
    expect(state("shop.nightly")).toContain('"Minute" => 30');
  });

  test("where nothing differs there are none", () => {
    const manifest = { services: { web: sleeper(815) } };
    install(manifest);
    expect(change(manifest)).toEqual({ steps: [], back: [] });
  });
});

describe("the command", () => {
  const run = (text: string, ...words: string[]) => {
    fs.writeFileSync(mac.at("deploy.yaml"), text);
    const args = ["--manifest", mac.at("deploy.yaml"), ...words];
    const { status, stdout, stderr } = spawnSync(`${ops}/launchd/install_launchd.ts`, args, {
      encoding: "utf8",
      env: { PATH: "/usr/bin:/bin", HOME: mac.at("home") },
    });
    return { code: status, out: stdout, err: stderr };
  };
  const text = () =>
    `app: shop\ndeploy_to: ${mac.at("other")}\nsupervisor: launchd\nservices: { web: { run: sleep 816 } }\n`;

  test("shows on any host what a Mac would do, with the difference", () => {
    const { code, out } = run(text(), "--dry-run");
    expect(code).toBe(0);
    expect(out).toMatch(/# \+\t<string>shop\.web<\/string>/);
    expect(out).toMatch(/Write .*\/shop\.web\.plist/);
    expect(spawnSync("sh", ["-n"], { input: out, encoding: "utf8" }).stderr).toBe("");
  });

  test.skipIf(process.platform === "darwin")("does it on a Mac only, and for launchd only", () => {
    expect(run(text())).toMatchObject({ code: 2, err: expect.stringContaining("this host has no launchd") });
    expect(fs.existsSync(mac.at("other"))).toBe(false);
    expect(run(text().replace("launchd", "pidfile"), "--dry-run")).toMatchObject({
      code: 2,
      err: expect.stringContaining("supervisor: pidfile"),
    });
  });
});
