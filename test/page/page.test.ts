import { execSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { treeReader } from "../../scripts/api/tree-reader.ts";
import { treePaths } from "../../scripts/core/paths.ts";
import { compactStamp } from "../../scripts/registry/releases.ts";
import {
  beginStory,
  pointCurrent,
  type Story,
  tellLog,
  tellOperation,
  tellRelease,
  tellShop,
  tellSteps,
} from "./story.ts";
import { openBrowser, openSite, type Site, visit, whyNoBrowser } from "./visitor.ts";

const PHONE = { width: 360, height: 780 };
const DESK = { width: 1280, height: 900 };

interface Place {
  over: number;
  out: string[];
}

describe.skipIf(whyNoBrowser !== undefined)(`the page in a browser${whyNoBrowser ? ` (${whyNoBrowser})` : ""}`, () => {
  let browser: Browser;
  let story: Story;
  let site: Site;
  let current: string;
  let failedOperation: string;
  /** Every kind of page there is, in every state. */
  let paths: string[];

  beforeAll(async () => {
    story = beginStory();
    current = tellShop(story, new Date());
    failedOperation = (
      story.database.prepare("SELECT id FROM operations WHERE outcome = 'restored'").get() as { id: string }
    ).id;
    const reader = treeReader(story.paths, { app: "shop", host: "web1" });
    const [atWork] = [
      tellOperation(story, { kind: "deploy", releaseId: "next", previousId: current, at: new Date(), outcome: null }),
    ];
    paths = [
      "/",
      "/?before=30",
      `/releases/${current}`,
      "/operations",
      `/operations/${failedOperation}`,
      `/operations/${atWork}`,
      "/releases/none",
    ];
    [browser, site] = await Promise.all([openBrowser(), openSite(reader)]);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    story?.end();
  });

  test("without JavaScript all of it can be read, page by page, and what is at work is read again by itself", () =>
    visit(browser, { viewport: DESK, javaScriptEnabled: false }, async ({ page }) => {
      await page.goto(site.url);
      expect(await page.locator("h1").innerText()).toBe(`shop runs ${current}`);
      const seen: string[] = [];
      for (;;) {
        seen.push(...(await page.locator(".releases tbody th .id").allInnerTexts()));
        const older = page.getByRole("link", { name: "Older releases" });
        if ((await older.count()) === 0) break;
        await older.click();
      }
      expect(seen.length).toBe(64);
      expect(new Set(seen).size).toBe(64);
      expect(seen).toEqual(seen.toSorted().toReversed());
      const refresh = page.locator("meta[http-equiv=refresh]");
      expect(await refresh.count()).toBe(0);
      await page.goto(`${site.url}/operations`);
      await page.getByRole("link", { name: "Deploy of next" }).click();
      expect(await refresh.getAttribute("content")).toBe("5");
      expect(await page.locator("h1").innerText()).toBe("Deploy of next");
    }));

  test("each text can be read on its ground, in the light and in the dark", () =>
    visit(browser, { viewport: DESK }, async ({ page }) => {
      for (const place of paths) {
        await page.goto(`${site.url}${place}`);
        for (const [colorScheme, ground] of [
          ["light", "rgb(246, 247, 245)"],
          ["dark", "rgb(18, 22, 24)"],
        ] as const) {
          await page.emulateMedia({ colorScheme });
          const { count, faint } = await page.evaluate<{ count: number; faint: string[] }>("look.faint()");
          expect(faint, `${place} in the ${colorScheme}`).toEqual([]);
          expect(count).toBeGreaterThan(5);
          expect(await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")).toBe(ground);
        }
      }
    }));

  test("on a phone nothing reaches out of the page, and on no wider screen", () =>
    visit(browser, { viewport: PHONE }, async ({ page }) => {
      for (const place of paths) {
        await page.goto(`${site.url}${place}`);
        for (const width of [360, 620, 800, 1000, 1440]) {
          await page.setViewportSize({ width, height: 780 });
          expect(await page.evaluate<Place>("look.width()"), `${place} at ${width}`).toEqual({ over: 0, out: [] });
        }
      }
    }));

  test("nobody who listens stumbles, and nothing breaks the policy that it is served with", () =>
    visit(browser, { viewport: DESK }, async ({ page, complaints }) => {
      for (const place of paths) {
        await page.goto(`${site.url}${place}`);
        expect(await page.evaluate("look.flaws()"), place).toEqual([]);
        expect(await page.evaluate("violations"), place).toEqual([]);
        expect(await page.title()).toMatch(/^shop: .|^There is no such release$/);
      }
      expect(complaints.filter((line) => !line.includes("404"))).toEqual([]);
      // The policy holds: what is written in place is refused.
      await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')");
      expect(await page.evaluate("violations")).toEqual(["style-src-attr inline"]);
    }));

  test("by keyboard every link is reached in the order of the page, and where one is can be seen", () =>
    visit(browser, { viewport: DESK }, async ({ page }) => {
      for (const place of ["/", `/operations/${failedOperation}`]) {
        await page.goto(`${site.url}${place}`);
        const wanted = await page.evaluate<string[]>("look.focusables()");
        expect(wanted.length).toBeGreaterThan(7);
        const reached: string[] = [];
        for (const _ of wanted) {
          await page.keyboard.press("Tab");
          const at = await page.evaluate<{ what: string; outline: number; contrast: number; isOnScreen: boolean }>(
            "look.focused()",
          );
          reached.push(at.what);
          expect(at, at.what).toMatchObject({ isOnScreen: true });
          expect(Math.min(at.outline / 2, at.contrast / 3), at.what).toBeGreaterThanOrEqual(1);
        }
        expect(reached).toEqual(wanted);
      }
      await page.goto(site.url);
      await page.keyboard.press("Tab");
      expect(await page.evaluate("look.focused().what")).toContain("Skip to the content");
      await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.closest('main') !== null")).toBe(true);
      await page.goto(`${site.url}/operations/${failedOperation}`);
      await page.locator("summary").focus();
      await page.keyboard.press("Enter");
      expect(await page.locator("details table").isVisible()).toBe(true);
    }));

  test("what is at work appears step by step, without a reload, a jump or what was unfolded being folded", () =>
    visit(browser, { viewport: DESK }, async ({ page, complaints }) => {
      const at = new Date();
      const id = tellOperation(story, {
        kind: "deploy",
        releaseId: "live-1",
        previousId: current,
        at,
        outcome: null,
        id: `${compactStamp(at)}-deploy-11fe`,
      });
      tellSteps(
        story,
        id,
        at,
        Array.from({ length: 9 }, (_, i) => ["mkdir", `Make folder ${i}`, 1]),
      );
      tellLog(story, id, "a line of output\n".repeat(200));
      await page.goto(`${site.url}/operations/${id}`);
      await page.locator("summary").click();
      await page.evaluate(
        "window.marker = document.getElementById('outcome'); document.querySelector('.log').scrollTop = 40; scrollTo(0, 120)",
      );
      await page.locator("summary").focus();

      tellSteps(story, id, new Date(), [["build:web", "Build web (1 of 1)", 640]]);
      await page.locator("table.steps").first().getByText("Build web (1 of 1)").waitFor();
      await page.locator(".log").getByText("Build web (1 of 1)").waitFor({ state: "attached" });
      expect(await page.evaluate("document.querySelector('details').open && document.activeElement.nodeName")).toBe(
        "SUMMARY",
      );
      expect(await page.evaluate("[document.querySelector('.log').scrollTop, scrollY]")).toEqual([40, 120]);

      await page.evaluate("document.querySelector('.log').scrollTop = 1e6");
      tellLog(story, id, "the very last line\n");
      endStory(story, id);
      await page.locator("#outcome", { hasText: "failed; what was before is restored" }).waitFor();
      await page.locator(".log").getByText("the very last line").waitFor();
      expect(await page.evaluate("marker.isConnected && marker.ariaLive")).toBe("polite");
      expect(
        await page.evaluate(
          "(({ scrollTop, clientHeight, scrollHeight }) => scrollHeight - clientHeight - scrollTop)(document.querySelector('.log'))",
        ),
      ).toBeLessThan(4);
      expect(await page.title()).toBe("shop: Deploy of live-1, failed; what was before is restored");
      const log = await page.locator(".log").textContent();
      expect(log).toBe(fs.readFileSync(path.join(story.paths.logs, `${id}.log`), "utf8"));
      // It has ended: nothing more is asked for.
      expect(await page.locator("main").getAttribute("data-every")).toBe("0");
      const asked = site.requests.length;
      await page.waitForTimeout(1100);
      expect(site.requests.length).toBe(asked);
      expect(complaints).toEqual([]);
    }));

  test("a real deploy is announced, and what runs then takes its place, on a page that was open before", () =>
    visit(browser, { viewport: DESK }, async ({ page, complaints }) => {
      const application = makeApplication();
      const reader = treeReader(treePaths(application.treePath), { app: "real" });
      const own = await openSite(reader);
      try {
        await page.goto(own.url);
        expect(await page.locator("h1").innerText()).toBe("real does not run: nothing is deployed");
        expect(await page.locator("pre").innerText()).toBe("ops/release/prepare_shared.ts\nops/release/deploy.ts HEAD");
        await page.evaluate("window.marker = document.querySelector('[aria-live]')");
        const ended = application.deploy();
        await page.getByText("At work now").waitFor();
        await page.locator("[aria-live]", { hasText: "Deploy of v1: at work" }).waitFor();
        expect(await page.title()).toBe("real: nothing runs; at work");
        expect(await ended).toBe(0);
        await page.getByRole("heading", { name: "real runs v1" }).waitFor();
        await page.locator("[aria-live]", { hasText: "Deploy of v1: done" }).waitFor();
        expect(await page.evaluate("marker.isConnected")).toBe(true);
        expect(await page.locator(".releases tbody tr").innerText()).toMatch(/^runs\s+v1/);
        await page.locator(".card").getByRole("link", { name: "Deploy of v1" }).click();
        expect(await page.locator(".log").textContent()).toContain("Point current at v1");
        expect(await page.locator(".steps").first().innerText()).toContain("Build settings");
        expect(complaints).toEqual([]);
      } finally {
        await own.close();
        reader.close();
        application.remove();
      }
    }));

  test("what others wrote is text, whatever it is, and stays within its lines", () =>
    visit(browser, { viewport: PHONE }, async ({ page, complaints }) => {
      const hostile = beginStory();
      const reader = treeReader(hostile.paths, {
        app: `<img src=x onerror="hacked=1">`,
        host: `"'><script>hacked=1</script>`,
      });
      const own = await openSite(reader);
      const nasty = `</title></pre><script>hacked=1</script>"' onmouseover="hacked=1" \u202etxt.exe\u0007 🚢 שלום ${"x".repeat(3000)}`;
      tellRelease(hostile, {
        id: "L".repeat(64),
        sha: nasty,
        statuses: ["deployed"],
        at: new Date(),
        bytes: 1e13,
        ownBytes: 9e12,
        isPinned: true,
        marker: nasty,
      });
      pointCurrent(hostile, "L".repeat(64), new Date());
      const id = tellOperation(hostile, {
        kind: nasty,
        releaseId: nasty,
        previousId: nasty,
        at: new Date(),
        outcome: nasty,
        message: nasty,
        words: { ref: nasty, token: "canary-1", url: "https://me:canary-2@host/x" },
        user: nasty,
        id: "20261120-221530-deploy-1a2b",
      });
      tellSteps(hostile, id, new Date(), [[nasty, nasty, 1e9, nasty]]);
      tellLog(hostile, id, `\u001b[31m${nasty}\u001b[0m\rafter`);
      try {
        for (const place of [
          "/",
          `/releases/${"L".repeat(64)}`,
          "/operations",
          `/operations/${id}`,
          `/releases/${encodeURIComponent(nasty.slice(0, 200))}`,
        ]) {
          await page.goto(`${own.url}${place}`);
          expect(await page.evaluate("window.hacked === undefined && violations.length === 0")).toBe(true);
          expect(await page.locator("main script, main img, body [onerror], body [onmouseover]").count()).toBe(0);
          expect(await page.evaluate<Place>("look.width()"), place).toEqual({ over: 0, out: [] });
          expect(await page.evaluate("look.flaws()"), place).toEqual([]);
          const html = await page.content();
          expect(/canary|[\u202e\u0007]/.test(html), place).toBe(false);
        }
        await page.goto(`${own.url}/operations/${id}`);
        expect(await page.locator("h1").innerText()).toContain("<script>hacked=1</script>");
        expect(await page.locator(".facts").innerText()).toMatch(/token: \(not shown\)[^]*url: https:\/\/me:…@host\/x/);
        expect(await page.locator(".log").textContent()).toMatch(/after$/);
        expect(complaints.filter((line) => !line.includes("404"))).toEqual([]);
      } finally {
        await own.close();
        reader.close();
        hostile.end();
      }
    }));

  test("several hosts are shown as they are, and a server that is gone is told", () =>
    visit(browser, { viewport: PHONE, reducedMotion: "reduce" }, async ({ page }) => {
      const reader = treeReader(story.paths, { app: "shop" });
      const [state] = await reader.hosts();
      const [, , older] = await reader.releases({ limit: 3 });
      const told = ["web1", "web2", "web3"].map((host, i) => ({
        ...state!,
        host,
        release_id: i === 2 ? older!.release_id : current,
      }));
      const own = await openSite({ ...reader, hosts: async () => told });
      try {
        await page.goto(own.url);
        expect(await page.locator("h1").innerText()).toBe("shop runs 2 different releases on 3 hosts");
        expect(await page.title()).toBe("shop: 2 releases on 3 hosts; at work");
        expect(await page.locator(".hosts tbody tr").allInnerTexts()).toHaveLength(3);
        expect(await page.locator(".hosts tbody tr").last().innerText()).toContain(older!.release_id);
        expect(await page.locator(".releases tbody .running").allInnerTexts()).toEqual([
          expect.stringMatching(/runs on 2 of 3 hosts[^]*on web1, web2/),
          expect.stringMatching(/runs on 1 of 3 hosts[^]*on web3/),
        ]);
        expect(await page.evaluate<Place>("look.width()")).toEqual({ over: 0, out: [] });
        expect(await page.evaluate("getComputedStyle(document.querySelector('.shape.work')).animationName")).toBe(
          "none",
        );
        await page.emulateMedia({ media: "print" });
        expect(await page.locator("nav").first().isVisible()).toBe(false);
        await page.emulateMedia({ media: "screen" });
      } finally {
        await own.close();
        reader.close();
      }
      await page
        .getByRole("status")
        .getByText(/^Not connected: this is how it was at \d\d:\d\d:\d\d UTC\.$/)
        .waitFor();
    }));
});

const endStory = ({ database }: Story, id: string) =>
  database
    .prepare(
      "UPDATE operations SET finished_at = ?, outcome = 'restored', exit_code = 3, message = 'not healthy' WHERE id = ?",
    )
    .run(new Date().toISOString(), id);

/** An application whose build takes a moment, and that has no service to be stopped at the end. */
function makeApplication() {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-page-"));
  const appPath = path.join(root, "app");
  fs.mkdirSync(appPath);
  const build = "build: { settings: { run: sleep 2.3 } }";
  fs.writeFileSync(path.join(appPath, "deploy.yaml"), `app: real\ndeploy_to: ../tree\nrelease_id: tag\n${build}\n`);
  const git = "git -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false";
  execSync(`git init -q && git add . && ${git} commit -qm first && git tag v1`, { cwd: appPath, stdio: "ignore" });
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(DEPLOY_|SWITCHBACK_)/.test(name)));
  return {
    treePath: path.join(root, "tree"),
    deploy: () =>
      new Promise<number | null>((resolve) => {
        const command = path.resolve(import.meta.dirname, "../../ops/release/deploy.ts");
        spawn(command, ["v1"], { cwd: appPath, env, stdio: "ignore" }).once("close", resolve);
      }),
    remove: () => fs.rmSync(root, { recursive: true, force: true }),
  };
}
