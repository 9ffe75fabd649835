/** Sites on a real nginx: who may install them, what visitors get, whose fault stops whom, and the page while a service is away. */
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHost, type Host } from "./host.ts";
import { allow, layApplication, type Site, type SiteOptions } from "./scenario.ts";
import { untilServed, visit } from "./served.ts";

const FOLDER = "/etc/nginx/conf.d";
const FILE = `${FOLDER}/shop-main.conf`;
const IMAGES = "/data/medc/static/img";
const PAGE = "<h1>Back in a moment</h1>\n";

interface SiteKeys {
  maxBody?: string;
  /** YAML among the keys of the site, and behind it. */
  more?: string;
  isShown?: boolean;
}

/** The site of a Flask and Vite application behind nginx; the service holds no socket. */
const siteOf = (address: string, { maxBody = "64m", more = "", isShown = false }: SiteKeys = {}): SiteOptions => ({
  socket: false,
  nginx: false,
  more: `sites:
  main:
    kind: nginx
    server_name: ${address}
    root: frontend/dist
    spa: true
    no_store: [/index.html]
    immutable: [/assets/]
    alias: { /static/img/: { path: ${IMAGES}/, max_age: 7d } }
    proxy: { /api/: { service: web, path: /, max_body: ${maxBody}, read_timeout: 120s } }
    maintenance: { page: maintenance.html, retry_after: 5s, during_switch: ${isShown} }
${more}`,
});

const OF_DEPLOY = { user: "deploy" };
let host: Host;
let site: Site;

/** A host with the application and its manifest; nothing is installed. */
async function lay(name: string): Promise<void> {
  host = await bootHost(name);
  site = await layApplication(host, siteOf(host.address));
  const files = { "frontend/dist/index.html": "the entry\n", "frontend/dist/assets/app-1a2b.js": "code\n" };
  for (const [file, text] of Object.entries({ ...files, "maintenance.html": PAGE }))
    await host.write(`${site.app}/${file}`, text, OF_DEPLOY);
  await host.write(`${IMAGES}/1.png`, "an image\n");
}
const describeSite = (keys: SiteKeys) => site.describe(siteOf(host.address, keys));
const text = (file: string) => host.must(["cat", file]);
const installed = async () => (await host.must(["ls", "-A", FOLDER])).trim();
const install = (exit = 0) => site.must("nginx/install_nginx", [], exit);
const api = () => `${site.url}api/`;

/** What doctor prints for sudoers. */
async function sudoersLines(): Promise<string[]> {
  const { stdout } = await site.op("host/doctor");
  return stdout.split("\n").flatMap((line) => (line.includes("NOPASSWD") ? line.trim() : []));
}

/** What a visitor gets: its status, what is said of keeping it and of coming again, and the text. */
async function ask(path: string, init: RequestInit = {}) {
  const headers = { connection: "close" };
  const answer = await fetch(new URL(path, site.url), { headers, signal: AbortSignal.timeout(10_000), ...init });
  const kept = answer.headers.get("cache-control");
  return [answer.status, kept, answer.headers.get("retry-after"), await answer.text()];
}

const IN_MAINTENANCE = [503, "no-store", "5", PAGE];
const UNKEPT = "no-store, no-cache, must-revalidate";

describe("an owner who is not root", () => {
  beforeAll(() => lay("site-owner"));
  afterAll(() => host.down());

  test("is told what is missing before anything is touched", async () => {
    const said = await install(2);
    expect(said).toMatch(/deploy may not give this order as root: \S*nginx -t\n/);
    expect(said).toMatch(/doctor\.ts --manifest \S+ prints the lines for sudoers/);
    expect(await installed()).toBe("");
    expect((await host.run(["test", "-e", site.tree])).status).toBe(1);
  });

  test("needs exactly the lines that doctor prints", async () => {
    const lines = await sudoersLines();
    const ofSite = lines.filter((line) => /nginx/.test(line)).map((line) => line.replace(/^.*NOPASSWD: \S*\//, ""));
    expect(ofSite).toEqual([
      "nginx -t",
      "nginx -T",
      "systemctl reload nginx",
      `tee ${FILE}.new`,
      `chmod 644 ${FILE}.new`,
      `mv -f ${FILE}.new ${FILE}`,
      `rm -f ${FILE}`,
    ]);
    for (const line of lines.filter((one) => /nginx/.test(one))) {
      await allow(host, `${lines.filter((one) => one !== line).join("\n")}\n`);
      expect(await install(2)).toContain("may not give this order as root");
      expect(await installed()).toBe("");
    }
    await allow(host, `${lines.join("\n")}\n`);
    expect((await host.run(["sudo", "-n", "true"], OF_DEPLOY)).status).not.toBe(0);
    await site.deploy("r1");
    await install();
    await untilServed(api(), /^200 r1 /);
    expect((await site.op("host/doctor")).stdout).toMatch(/✓ sudo .*may give all/);
  });

  test("turns the page on and off, changes the site and removes it with these lines", async () => {
    await site.must("host/maintenance", ["on"]);
    expect(await ask("/")).toEqual(IN_MAINTENANCE);
    await site.must("host/maintenance", ["off"]);
    expect((await ask("/"))[0]).toBe(200);
    await describeSite({ maxBody: "8m" });
    expect(await install()).toContain("-    client_max_body_size 64m;");
    expect(await text(FILE)).toContain("client_max_body_size 8m;");
    expect(await install()).toContain("as the manifest says already");
    await site.describe({ socket: false, nginx: false });
    await install();
    expect(await installed()).toBe("");
    await untilServed(site.url, new RegExp(`^200 ${host.name}`));
  });

  test.skipIf(!fs.existsSync("/usr/sbin/logrotate"))("so it is with logrotate's file", async () => {
    const [file, log] = ["/etc/logrotate.d/shop", `${site.tree}/logs/web.log`];
    await site.describe({ socket: false, nginx: false, more: "logs: { max_size: 10m, keep: 7 }" });
    await host.must(["chown", "root:", log]);
    expect(await site.must("logs/install_logrotate", [], 2)).toContain("may not give this order as root: tee");
    expect((await host.run(["test", "-e", `${file}.new`])).status).toBe(1);
    await allow(host, `${(await sudoersLines()).join("\n")}\n`);
    await site.must("logs/install_logrotate");
    expect(await text(file)).toContain(log);
    expect(await host.must(["stat", "-c", "%U", log])).toBe("deploy\n");
  });
});

describe("a site", () => {
  beforeAll(async () => {
    await lay("site");
    await allow(host);
    await site.deploy("r1");
    await install();
    await untilServed(api(), /^200 r1 /);
  });
  afterAll(() => host.down());

  test.each([
    ["/", 200, UNKEPT, "the entry\n"],
    ["/index.html", 200, UNKEPT, "the entry\n"],
    ["/no/such/page", 200, UNKEPT, "the entry\n"],
    ["/assets/app-1a2b.js", 200, "public, max-age=31536000, immutable", "code\n"],
    ["/assets/app-gone.js", 404, null, expect.stringContaining("404")],
    ["/static/img/1.png", 200, "public, max-age=604800", "an image\n"],
    ["/static/img/2.png", 404, null, expect.stringContaining("404")],
    ["/api/", 200, null, expect.stringMatching(/^r1 \d+\n$/)],
    ["/api/health", 200, null, "well\n"],
    ["/api/none", 404, null, "nothing here\n"],
  ])("answers %s with %i", async (path, status, kept, body) => {
    expect(await ask(path)).toEqual([status, kept, null, body]);
  });

  test("takes a body up to its limit, and says nothing of its version", async () => {
    const post = (bytes: number) => ask("/api/unknown", { method: "POST", body: "x".repeat(bytes) });
    const megabyte = 1024 ** 2;
    expect(await post(64 * megabyte)).toEqual([500, null, null, "sick\n"]);
    expect((await post(64 * megabyte + 1))[0]).toBe(413);
    expect((await fetch(site.url)).headers.get("server")).toBe("nginx");
  });

  test("answers with its page while it is turned on, and where the service is not there", async () => {
    await site.must("host/maintenance", ["on"]);
    for (const path of ["/", "/assets/app-1a2b.js", "/static/img/1.png", "/api/"])
      expect(await ask(path)).toEqual(IN_MAINTENANCE);
    expect(await ask("/api/count", { method: "POST", body: "x" })).toEqual(IN_MAINTENANCE);
    await site.must("host/maintenance", ["off"]);
    expect((await ask("/api/"))[0]).toBe(200);
    await site.must("service/stop");
    expect(await ask("/api/")).toEqual(IN_MAINTENANCE);
    expect((await ask("/"))[0]).toBe(200);
    await site.must("service/start");
    expect((await ask("/api/"))[0]).toBe(200);
  });
});

/** Asks a hundred times a second while something is done; counts the answers, by what they are. */
async function asked(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const kindOf = ([status, kept, again, body]: unknown[]) =>
    status === 503 && kept === "no-store" && again === "5" && body === PAGE
      ? "the page"
      : String(body).replace(/ .*|\n/gs, "");
  const one = async (turn: number) => {
    const post = { method: "POST", body: `n${turn}` };
    const answer = turn % 3 === 0 ? ask("/api/") : turn % 3 === 1 ? ask("/api/count", post) : ask("/index.html");
    const kind = (await answer.then(kindOf, String)) + (turn % 3 === 2 ? ", of files" : "");
    counts[kind] = (counts[kind] ?? 0) + 1;
  };
  const waiting: Promise<void>[] = [];
  const isDone = work().finally(() => clearInterval(timer));
  const timer = setInterval(() => waiting.push(one(waiting.length)), 10);
  await isDone;
  await Promise.all(waiting);
  return counts;
}

describe("a switch of a service that holds no socket shows the page", () => {
  beforeAll(async () => {
    await lay("site-page");
    await allow(host);
    await describeSite({ isShown: true });
    await site.deploy("r1");
    await site.deploy("r2");
    await install();
    await untilServed(api(), /^200 r2 /);
  });
  afterAll(() => host.down());

  test("and every answer is the service's or the page", async () => {
    const counts = await asked(async () => {
      await sleep(200);
      for (const id of ["r1", "r2", "r1"]) await site.must("release/switch_current", [id]);
      await sleep(200);
    });
    process.stdout.write(`three switches: ${JSON.stringify(counts)}\n`);
    expect(Object.keys(counts).toSorted()).toEqual([
      "counted",
      "r1",
      "r2",
      "the page",
      "the page, of files",
      "the, of files",
    ]);
    expect(counts["the page"]).toBeGreaterThan(20);
    expect((await ask("/api/"))[0]).toBe(200);
  });

  test("also where the release fails and is rolled back, and it is off again", async () => {
    const counts = await asked(() => site.deploy("bad", "sick", 3));
    expect(Object.keys(counts).toSorted()).toEqual([
      "counted",
      "r1",
      "the page",
      "the page, of files",
      "the, of files",
    ]);
    expect(await site.current()).toBe("r1");
    expect((await ask("/"))[0]).toBe(200);
  });

  test("which a person turned on stays on", async () => {
    await site.must("host/maintenance", ["on"]);
    await site.must("release/switch_current", ["r2"]);
    expect(await ask("/")).toEqual(IN_MAINTENANCE);
    await site.must("host/maintenance", ["off"]);
  });
});

describe("a site that is wrong", () => {
  const other = `${FOLDER}/other.conf`;
  const serving = (id: string) => async () => {
    expect(await visit(api())).toMatch(new RegExp(`^200 ${id} `));
    expect(await visit(`http://${host.address}:22600/`)).toBe("200 theirs");
  };
  let isServing: () => Promise<void>;
  let turn = 0;
  beforeAll(async () => {
    await lay("site-wrong");
    await allow(host);
    await host.write(other, 'server { listen 22600; return 200 "theirs"; }\n');
    await site.deploy("r1");
    await install();
    await untilServed(api(), /^200 r1 /);
    isServing = serving("r1");
    await isServing();
    await host.must(["systemd-run", "-q", "python3", "-m", "http.server", "22602"]);
  });
  afterAll(() => host.down());

  test("of another team keeps ours from changing, and both go on as they were", async () => {
    const before = await text(FILE);
    await host.write(other, "server { listen 22600; retrun 200; }\n");
    await describeSite({ maxBody: "8m" });
    const said = await install(1);
    expect(said).toContain('unknown directive "retrun"');
    expect(said).toContain(other);
    expect(await text(FILE)).toBe(before);
    await isServing();
    await host.write(other, 'server { listen 22600; return 200 "theirs"; }\n');
    await install();
    expect(await text(FILE)).toContain("client_max_body_size 8m;");
    await isServing();
  });

  const second = (keys: string) => `  second:\n    kind: nginx\n${keys}`;
  const listening = (listen: string) => second(`    root: .\n    listen: "${listen}"\n`);
  test.each([
    [
      "a text that is too long for nginx",
      second(`    alias: { /a/: { path: /${"x".repeat(5_000)} } }\n`),
      1,
      "site second: too long parameter",
    ],
    [
      "an address that is not this host's",
      listening("198.51.100.7:22601"),
      1,
      "site second: bind() to 198.51.100.7:22601",
    ],
    [
      "one that only root can try",
      listening("198.51.100.7:81"),
      1,
      "Let nginx test its whole configuration: exit code 1",
    ],
    ["a port that another program has", listening("22602"), 3, "nginx kept its former configuration"],
  ])("by the manifest, %s, stops nobody, and the other one is installed", async (_, more, exit, problem) => {
    const maxBody = `${++turn}m`;
    await describeSite({ maxBody, more });
    expect(await install(exit)).toContain(problem);
    expect((await installed()).split("\n")).toEqual(["other.conf", "shop-main.conf"]);
    expect(await text(FILE)).toContain(`client_max_body_size ${maxBody};`);
    await host.must(["nginx", "-tq"]);
    await isServing();
  });

  test("and after a power cut the others are found serving", async () => {
    await host.reboot({ hard: true });
    await untilServed(api(), /^200 r1 /);
    await isServing();
  });
});
