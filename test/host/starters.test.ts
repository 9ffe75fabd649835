import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { suitePath } from "../../scripts/core/context.ts";
import { observeApplication } from "../../scripts/host/application.ts";
import { init } from "../../scripts/host/init.ts";
import { renderTargets } from "../../scripts/host/render.ts";
import { adaptStarter, readStarter, starterLike, starterNames } from "../../scripts/host/starters.ts";
import { openManifest } from "../../scripts/manifest/document.ts";
import { environmentNames } from "../../scripts/manifest/layers.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { subjectOf } from "../../scripts/render/subject.ts";
import { openNeutral } from "../../scripts/suite/neutral.ts";

let folder = "";
beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), "starter-"))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

function put(files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
}

const git = (...words: string[]) => execFileSync("git", ["-C", folder, ...words], { stdio: "pipe" });

function load(text: string, environment?: string) {
  const filePath = path.join(folder, "deploy.yaml");
  fs.writeFileSync(filePath, text);
  return loadManifest({ filePath, environment, env: { HOME: "/home/ann" } }).manifest;
}

test("there is one for each of the five systems, and each says on its first line what it is", () => {
  expect(starterNames()).toEqual(["aqa-youtube-assistant", "medc-annot", "my-app", "oroboros", "papertok"]);
  for (const name of starterNames()) expect(readStarter(name)).toMatch(/^# [A-Z].{30,}\.\n/);
});

test("a wrong name is told the nearest one, and what each is", () => {
  expect(() => readStarter("medc-anot")).toThrow(/did you mean "medc-annot"\?.*papertok: One Mac/s);
  expect(() => readStarter("../example")).toThrow(/there is no starter/);
});

/** What each team's hand-written files would be replaced by. */
const PLACES: Record<string, string[]> = {
  papertok: ["server", "worker", "daily", "captions"].map((job) => `launchd/com.papertok.${job}.plist`),
  "my-app": ["podman/my-app.container", "podman/my-app.service", "traefik/my-app-main.yml"],
  "aqa-youtube-assistant": ["backend", "frontend"].map((part) => `systemd/aqa-youtube-assistant-${part}.service`),
  "medc-annot": ["systemd/medc-annot.service", "systemd/medc-annot.socket", "nginx/medc-annot-main.conf"],
  oroboros: [
    ...["api", "worker", "web@", "caddy"].map((unit) => `systemd/oroboros-${unit}.service`),
    "caddy/oroboros-main.caddy",
  ],
};

describe.each(starterNames())("%s", (name) => {
  const adapted = (deployTo?: string) =>
    adaptStarter(readStarter(name), observeApplication(folder), { app: "shop-2", deployTo });

  test("becomes an application's own, in every environment; what it says stays", () => {
    git("init", "-q", "-b", "trunk");
    put({ "deploy.yaml": adapted() });
    const names = environmentNames(openManifest(path.join(folder, "deploy.yaml"), "deploy.yaml").root);
    for (const environment of [undefined, ...names]) {
      const manifest = load(adapted(), environment);
      expect(manifest.app).toBe("shop-2");
      expect(manifest.source.repo).toBe(folder);
      expect(["HEAD", "trunk"]).toContain(manifest.source.ref);
      // Nothing to fetch from.
      expect(manifest.source.pull).toBeUndefined();
      expect(manifest.deploy_to).toContain("shop-2");
    }
    expect(adapted()).not.toMatch(new RegExp(`\\b${name}\\b`));
    const whole = loadManifest({
      filePath: path.join(suitePath, `templates/manifests/${name}.yaml`),
      env: {},
    }).manifest;
    const mine = load(adapted());
    expect(Object.keys(mine.services)).toEqual(Object.keys(whole.services));
    expect(mine.supervisor).toBe(whole.supervisor);
    expect(
      adapted()
        .split("\n")
        .filter((line) => line.includes("#")).length,
    ).toBeGreaterThan(5);
  });

  test("is rendered by its own manager and proxies, whatever this version does not do yet", () => {
    const { files, refused } = renderTargets(
      subjectOf(openNeutral(readStarter(name), "deploy.yaml", undefined).context),
    );
    expect(refused.filter(({ isUsed }) => isUsed)).toEqual([]);
    for (const place of PLACES[name] ?? []) expect(files.map((file) => file.place)).toContain(place);
  });

  test("in a folder without git, with a tree of one's own", () => {
    const manifest = load(adapted("/srv/a-tree"));
    expect(manifest).toMatchObject({ deploy_to: "/srv/a-tree", source: { repo: folder, via: "worktree" } });
    expect(load(adapted('"/srv/a: b"')).deploy_to).toBe("/srv/a: b");
  });

  test("is written by init, with the suite that it needs", async () => {
    git("init", "-q");
    const { value } = await init(folder, { like: name, app: "shop" });
    const { written, refused } = value as { written: string[]; refused: string[] };
    expect(written).toContain("deploy.yaml");
    expect(written).toContain("ops/release/switch_current.ts");
    expect(fs.readFileSync(path.join(folder, "ops/RUNBOOK.md"), "utf8")).toContain("shop");
    expect(refused).toEqual([]);
  });
});

test("a remote and a branch are taken over", () => {
  git("init", "-q", "-b", "main");
  git("remote", "add", "origin", "https://example.org/x.git");
  const text = adaptStarter(readStarter("medc-annot"), observeApplication(folder), {
    app: "shop",
    deployTo: undefined,
  });
  expect(load(text).source).toMatchObject({ ref: "main", pull: "ff-only", repo: folder });
});

test("--port and --run mean nothing beside --like, and nothing is written", async () => {
  await expect(init(folder, { like: "my-app", port: "3000" })).rejects.toMatchObject({ exit: 2 });
  await expect(init(folder, { like: "no-such" })).rejects.toMatchObject({ exit: 2 });
  expect(fs.readdirSync(folder)).toEqual([]);
});

describe("the starter that an application looks like", () => {
  const like = (files: Record<string, string>) => {
    put(files);
    return starterLike({ ...observeApplication(folder), platform: "linux" });
  };
  test("nothing", () => expect(like({ "server.js": "", "package.json": "{}" })).toBeUndefined());
  test("FastAPI beside Next.js", () =>
    expect(
      like({ "backend/requirements.txt": "fastapi", "frontend/package.json": '{"dependencies":{"next":"15"}}' }),
    ).toBe("aqa-youtube-assistant"));
  test("gunicorn beside Vite", () =>
    expect(
      like({
        "backend/requirements.txt": "flask\ngunicorn",
        "frontend/package.json": '{"devDependencies":{"vite":"6"}}',
      }),
    ).toBe("medc-annot"));
  test("a container", () => expect(like({ Containerfile: "FROM scratch" })).toBe("my-app"));
});
