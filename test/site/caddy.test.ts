import fs from "node:fs";
import path from "node:path";
import { domainToASCII } from "node:url";
import { describe, expect, test } from "vitest";
import { ManifestError } from "../../scripts/manifest/load.ts";
import type { Subject } from "../../scripts/render/subject.ts";
import { renderCaddy } from "../../scripts/site/caddy.ts";
import { checkCaddy } from "../../scripts/site/caddy-check.ts";
import { HOSTILE, randomStrings } from "../core/hostile.ts";
import { adapted, formatted, hasCaddy } from "./caddy-server.ts";
import { subjectOfSite, subjectOfText } from "./nginx-server.ts";

const golden = (name: string) => path.join(import.meta.dirname, "../golden/caddy", name);
const subjectOf = (site: Record<string, unknown>, rest: Record<string, unknown> = {}) =>
  subjectOfSite({ kind: "caddy", ...site }, rest);
const contentOf = (subject: Subject) => renderCaddy(subject).map(({ content }) => content)[0] ?? "";
const render = (site: Record<string, unknown>) => contentOf(subjectOf(site));

/** Every key that a site has. */
const EVERYTHING = {
  server_name: ["shop.example.org", "*.shop.example.org"],
  listen: [8080, "127.0.0.1:8081"],
  root: "dist",
  spa: true,
  no_store: ["/index.html", "/config/"],
  immutable: "/assets/",
  alias: { "/static/img/": { path: "/data/my images/", max_age: "7d" } },
  proxy: {
    "/api/": { service: "web", path: "/v1/", max_body: "64m", read_timeout: "120s" },
    "/held": { service: "held" },
    "/many/": { service: "many" },
  },
  retry: { attempts: 20, interval: "250ms" },
  maintenance: { page: "pages/back soon.html", retry_after: "5s" },
};
const SERVICES = {
  web: { run: "bin/server", port: 8000 },
  held: { run: "bin/server", socket: "/run/shop/held.sock" },
  many: { run: "bin/server", port: 8001, instances: { a: { port: 8001 }, b: { port: 8002 } } },
};

describe("a Caddyfile for a site", () => {
  test("of the third system: two services behind one name, with a certificate", async () => {
    const seed = fs.readFileSync(path.join(import.meta.dirname, "../../templates/manifests/oroboros.yaml"), "utf8");
    const files = renderCaddy(subjectOfText(seed));
    expect(files.map(({ place }) => place)).toEqual(["caddy/oroboros-main.caddy"]);
    await expect(files[0]?.content).toMatchFileSnapshot(golden("oroboros-main.caddy"));
  });

  test("with every key", async () => {
    const content = contentOf(subjectOf(EVERYTHING, { services: SERVICES }));
    await expect(content).toMatchFileSnapshot(golden("every-key.caddy"));
  });

  test.each([
    [{ listen: 80, server_name: "a.example" }, "http://a.example"],
    [{ listen: 8080, server_name: ["a.example", "b.example"] }, "http://a.example:8080, http://b.example:8080"],
    [{ listen: 443, server_name: "a.example" }, "https://a.example"],
    [{ listen: [80, 443], server_name: "a.example" }, "a.example"],
    [{ listen: [80, 8080, 443], server_name: "a.example" }, "a.example, http://a.example:8080"],
    [{ listen: 80 }, "http://:80"],
    [{ listen: 8080, server_name: "_" }, "http://:8080"],
    [{ server_name: "bücher.example" }, "http://xn--bcher-kva.example"],
  ])("listens as the manifest says: %j", (site, address) => {
    expect(render(site)).toContain(`\n${address} {\n`);
  });

  test("binds to the addresses that it listens on, each in a block of its own", () => {
    const content = render({ listen: ["127.0.0.1:8080", "[::1]:8080", 8081], server_name: "a.example" });
    expect(content.match(/^http.*\n(?:\tbind .*)?/gm)).toEqual([
      "http://a.example:8080 {\n\tbind 127.0.0.1",
      "http://a.example:8080 {\n\tbind ::1",
      "http://a.example:8081 {\n",
    ]);
  });

  test.each([
    [{ listen: 443 }, /deploy\.yaml:\d+:\d+: .*certificate/],
    [{ entry_points: "web" }, /deploy\.yaml:\d+:\d+: Caddy has none/],
    [{ maintenance: { page: "m.html", service: "web" } }, /serves the page itself/],
    [{ root: "a{b" }, /placeholder/],
    [{ root: "a[b" }, /pattern/],
    [{ root: "dist", immutable: "/a*/" }, /pattern/],
    [{ alias: { "/a/": { path: "/data/*" } } }, /pattern/],
    [{ proxy: { "/a%25/": { service: "web" } } }, /pattern/],
    [{ proxy: { "/": { service: "none" } } }, /service/],
  ])("refuses what Caddy would take for something else: %j", (site, message) => {
    expect(() => render(site)).toThrow(ManifestError);
    expect(() => render(site)).toThrow(message);
  });
});

/** A key of a site that takes text: a site with the text there, and what Caddy has to read. */
type Key = [name: string, make: (text: string) => Subject, read: (subject: Subject) => string[]];

const only = <T>(map: Record<string, T>) => Object.entries(map)[0] as [string, T];
const siteOf = ({ manifest }: Subject) => manifest.sites["main"] as Subject["manifest"]["sites"][string];
const current = ({ paths }: Subject, file: string) => path.resolve(paths.current, file);

const KEYS: Key[] = [
  [
    "server_name",
    (server_name) => subjectOf({ server_name }),
    (subject) => siteOf(subject).server_name.map((name) => domainToASCII(name)),
  ],
  ["root", (root) => subjectOf({ root }), (subject) => [current(subject, siteOf(subject).root as string)]],
  [
    "no_store",
    (text) => subjectOf({ root: "dist", no_store: `/x${text}` }),
    (subject) => siteOf(subject).no_store.map(decodeURIComponent),
  ],
  [
    "immutable",
    (text) => subjectOf({ root: "dist", immutable: `/x${text}/` }),
    (subject) => siteOf(subject).immutable.map((place) => `${decodeURIComponent(place)}*`),
  ],
  [
    "alias",
    (text) => subjectOf({ alias: { "/a/": { path: text } } }),
    (subject) => [current(subject, only(siteOf(subject).alias)[1].path)],
  ],
  [
    "proxy",
    (text) => subjectOf({ proxy: { [`/x${text}`]: { service: "web" } } }),
    (subject) => [`${decodeURIComponent(only(siteOf(subject).proxy)[0])}*`],
  ],
  [
    "path",
    (text) => subjectOf({ proxy: { "/a/": { service: "web", path: `/x${text}/` } } }),
    (subject) => [decodeURIComponent(only(siteOf(subject).proxy)[1].path as string)],
  ],
  [
    "page",
    (page) => subjectOf({ maintenance: { page } }),
    (subject) => [`/${siteOf(subject).maintenance?.page.split("/").map(encodeURIComponent).join("/")}`],
  ],
  [
    "deploy_to",
    (text) => subjectOf({ root: "dist" }, { deploy_to: `/srv/${text}` }),
    (subject) => [current(subject, "dist")],
  ],
];

const CADDY = [
  "{$HOME}",
  "{env.HOME}",
  "{http.request.uri}",
  "}",
  " {",
  "a\\",
  'a\\"b',
  "a`b",
  "<<EOT",
  "import x",
  "a #b",
  "%20{",
];
const TEXTS = [...HOSTILE, ...CADDY, ...randomStrings(25), "a b", "a'b", 'a"b', "ünï", "a%20b", "a;b"];

/** What is accepted of a key's texts; everything else was refused with its place. */
function accepted([, make]: Key): Subject[] {
  return TEXTS.flatMap((text) => {
    try {
      const subject = make(text);
      renderCaddy(subject);
      return [subject];
    } catch (error) {
      expect(error).toBeInstanceOf(ManifestError);
      expect((error as Error).message).toMatch(/deploy\.yaml:\d+:\d+/);
      return [];
    }
  });
}

/** The rest of what Caddy read, without the strings. */
const shapeOf = (server: unknown, strings: string[]) =>
  strings.reduce((text, one) => text.replaceAll(JSON.stringify(one), '"VALUE"'), JSON.stringify(server));

type Servers = { apps: { http: { servers: Record<string, { listen: string[] }> } } };

/** Several sites in one file, a port each, as Caddy reads them. */
function serversOf(contents: string[]): unknown[] {
  const at = (index: number) => 10_000 + index;
  const whole = contents.map((content, index) =>
    content.replace(/^http:\/\/.* \{$/m, (line) => `${line.slice(0, -2)}:${at(index)} {`.replace(":80:", ":")),
  );
  const { servers } = (adapted(whole.join("\n")) as Servers).apps.http;
  const byPort = new Map(Object.values(servers).map((server) => [server.listen[0], { ...server, listen: [] }]));
  return contents.map((_, index) => byPort.get(`:${at(index)}`));
}

describe.skipIf(!hasCaddy)("as Caddy reads it (skipped where caddy is not installed)", () => {
  test.each(KEYS)("%s is what the manifest said, whatever it holds", (...key) => {
    const [, make, read] = key;
    const plain = make(key[0] === "server_name" ? "plain.example" : "plain");
    const subjects = [plain, ...accepted(key)];
    const [first, ...servers] = serversOf(subjects.map(contentOf));
    expect(subjects.length).toBeGreaterThan(key[0] === "server_name" ? 1 : 8);
    for (const [index, server] of servers.entries()) {
      const subject = subjects[index + 1] as Subject;
      expect(shapeOf(server, read(subject))).toBe(shapeOf(first, read(plain)));
    }
  });

  test.each([EVERYTHING, { ...EVERYTHING, listen: [80, 443] }, { server_name: "a.example" }, { root: "dist" }])(
    "it is valid, and written as caddy fmt writes it: %#",
    (site) => {
      const [file] = renderCaddy(subjectOf(site, { services: SERVICES }));
      expect(file && checkCaddy(file)).toBeUndefined();
      expect(formatted(file?.content ?? "")).toBe(file?.content);
    },
  );

  test("what is wrong is told, with the line", () => {
    const check = (content: string) => checkCaddy({ place: "caddy/shop-main.caddy", content });
    expect(check("http://a.example {\n\troot * /srv\n\tbogus\n}\n")).toMatch(/^shop-main\.caddy:3.*bogus/);
    expect(check("http://a.example {\n")).toMatch(/shop-main\.caddy/);
    // Only what looks further than the syntax sees this one.
    expect(check("http://a.example {\n\t@x path_regexp (\n\trespond @x 404\n}\n")).toMatch(/missing closing/);
  });

  test("a Caddy that is not there is told", () => {
    const { PATH } = process.env;
    try {
      process.env["PATH"] = "/nowhere";
      expect(checkCaddy({ place: "caddy/shop-main.caddy", content: "" })).toBe("caddy is not installed here");
    } finally {
      process.env["PATH"] = PATH;
    }
  });
});
