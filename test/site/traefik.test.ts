import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseDocument, stringify } from "yaml";
import { ManifestError } from "../../scripts/manifest/load.ts";
import type { Subject } from "../../scripts/render/subject.ts";
import { renderTraefik } from "../../scripts/site/traefik.ts";
import { checkTraefik } from "../../scripts/site/traefik-check.ts";
import { schemaOfFile, type TraefikFile } from "../../scripts/site/traefik-schema.ts";
import { HOSTILE, randomStrings } from "../core/hostile.ts";
import { makeFolder, subjectOfSite, subjectOfText } from "./nginx-server.ts";

const golden = (name: string) => path.join(import.meta.dirname, "../golden/traefik", name);
const PROXY = { "/": { service: "web" } };
const subjectOf = (site: Record<string, unknown>, rest: Record<string, unknown> = {}) =>
  subjectOfSite({ kind: "traefik", proxy: PROXY, ...site }, rest);
const contentOf = (subject: Subject, isMaintenance = false) =>
  renderTraefik(subject, { isMaintenance }).map(({ content }) => content)[0] ?? "";
const httpOf = (subject: Subject, isMaintenance = false) =>
  (parse(contentOf(subject, isMaintenance)) as TraefikFile).http;
const seed = () =>
  subjectOfText(fs.readFileSync(path.join(import.meta.dirname, "../../templates/manifests/my-app.yaml"), "utf8"));

/** Every key that a site may have here. */
const EVERYTHING = {
  server_name: ["shop.example.org", "*.shop.example.org"],
  listen: 443,
  entry_points: ["websecure", "internal"],
  proxy: {
    "/": { service: "web" },
    "/api/": { service: "web", path: "/v1/", max_body: "64m", read_timeout: "120s" },
    "/api": { service: "many" },
  },
  retry: { attempts: 20, interval: "250ms" },
  maintenance: { page: "public/back soon.html", retry_after: "5s", service: "pages" },
};
const SERVICES = {
  web: { run: "bin/server", port: 8000 },
  many: { run: "bin/server", port: 8001, instances: { a: { port: 8001 }, b: { port: 8002 } } },
  pages: { run: "python3 -m http.server 8003", dir: "public", port: 8003 },
};
const everything = () => subjectOf(EVERYTHING, { services: SERVICES });

describe("a file for Traefik's file provider", () => {
  test.each([
    ["my-app-main.yml", seed, false],
    ["my-app-main.maintenance.yml", seed, true],
    ["every-key.yml", everything, false],
    ["every-key.maintenance.yml", everything, true],
  ] as const)("%s", async (name, subject, isMaintenance) => {
    const files = renderTraefik(subject(), { isMaintenance });
    expect(files.map(({ place }) => place)).toEqual([
      subject === seed ? "traefik/my-app-main.yml" : "traefik/shop-main.yml",
    ]);
    await expect(files[0]?.content).toMatchFileSnapshot(golden(name));
    expect(files.map((file) => checkTraefik(file))).toEqual([undefined]);
  });

  test("asks again only as often as the site says, and each instance once", () => {
    expect(httpOf(subjectOf({})).middlewares).toBeUndefined();
    const retryOf = (site: Record<string, unknown>) =>
      Object.values(httpOf(subjectOf(site, { services: SERVICES })).middlewares ?? {}).map(({ retry }) => retry);
    expect(retryOf({ maintenance: { page: "m.html" } })).toEqual([{ attempts: 4, initialInterval: "100ms" }]);
    expect(retryOf({ retry: { attempts: 30 } })).toEqual([{ attempts: 30, initialInterval: "100ms" }]);
    expect(retryOf({ retry: { attempts: 1 } })).toEqual([]);
    expect(retryOf({ proxy: { "/": { service: "many" } } })).toEqual([{ attempts: 2 }]);
  });

  test("bears no name twice", () => {
    const places = ["/", "/root", "/api/", "/api", "/API/", "/maintenance", "/é", "/api/2"];
    const proxy = Object.fromEntries(places.map((place) => [place, { service: "web", path: "/x/", max_body: "1k" }]));
    const subject = subjectOf({ proxy, maintenance: { page: "m.html", service: "web" } });
    const { routers, services, middlewares } = httpOf(subject);
    expect(Object.keys(routers).toSorted()).toEqual([
      "shop-main-api",
      "shop-main-api-2",
      "shop-main-api-2-2",
      "shop-main-api-3",
      "shop-main-maintenance-2",
      "shop-main-root",
      "shop-main-root-2",
      "shop-main-root-3",
    ]);
    expect(Object.keys(services)).toHaveLength(places.length + 1);
    expect(Object.keys(middlewares ?? {})).toHaveLength(places.length * 3 + 1);
    expect(checkTraefik({ content: contentOf(subject) })).toBeUndefined();
  });

  test.each([
    ["/api/", "/v1/", "/api/a%2Fb", "/v1/a%2Fb"],
    ["/api", "/v2", "/apix", "/v2x"],
    ["/a.b/", "/", "/a.b/c", "/c"],
    ["/a.b/", "/", "/axb/c", "/axb/c"],
    ["/é/", "/e/", "/%C3%A9/c", "/e/c"],
    ["/é/", "/e/", "/%c3%a9/c", "/e/c"],
    ["/a(b)|c/", "/é%2F/", "/a(b)%7Cc/d", "/%C3%A9%2F/d"],
  ])("replaces %s by %s", (place, target, asked, wanted) => {
    const { middlewares } = httpOf(subjectOf({ proxy: { [place]: { service: "web", path: target } } }));
    const [one] = Object.values(middlewares ?? {});
    const { regex = "", replacement = "" } = one?.replacePathRegex ?? {};
    // Go's (?i:…) is younger than JavaScript's; what is in it here is only %XX.
    const found = new RegExp(regex.replaceAll(/\(\?i:(.*?)\)/g, (_, text: string) => eitherCase(text)));
    expect(asked.replace(found, replacement)).toBe(wanted);
  });

  test.each([
    [{ root: "dist" }, /root|serves no files/],
    [{ root: "dist", spa: true }, /serves no files/],
    [{ no_store: "/index.html" }, /serves no files: the application says/],
    [{ immutable: "/assets/" }, /serves no files: the application says/],
    [{ alias: { "/a/": { path: "/data" } } }, /serves no files: put nginx/],
    [{ proxy: {} }, /nothing to do/],
    [{ listen: [80, 443] }, /entry_points/],
    [{ listen: "127.0.0.1:80" }, /entry_points/],
    [{ proxy: { "/": { service: "held" } } }, /asks ports only/],
    [{ maintenance: { page: "other/m.html", service: "pages" } }, /not below public/],
    [{ maintenance: { page: "m.html", service: "none" } }, /no service "?none/],
    [{ proxy: { "/%7B%7B/": { service: "web" } } }, /template/],
    [{ proxy: { "/%E2%80%A8/": { service: "web" } } }, /end of a line/],
  ])("refuses what Traefik has no word for: %j", (site, message) => {
    const services = { ...SERVICES, held: { run: "bin/server", socket: "/run/shop/held.sock" } };
    const render = () => renderTraefik(subjectOf(site, { services }));
    expect(render).toThrow(ManifestError);
    expect(render).toThrow(message);
    expect(render).toThrow(/deploy\.yaml:\d+:\d+/);
  });
});

const eitherCase = (text: string) => text.replaceAll(/[A-F]/g, (letter) => `[${letter}${letter.toLowerCase()}]`);

const READ = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin.buffer)), sys.stdout)";
const hasPythonYaml = spawnSync("python3", ["-c", "import yaml"]).status === 0;

/** Documents as Python's yaml reads them: with the line ends of YAML 1.1, as Traefik's parser does. */
function readByPython(content: string): unknown {
  const { status, stdout, stderr } = spawnSync("python3", ["-c", READ], { input: content, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

type Key = [name: string, make: (text: string) => Subject];

const KEYS: Key[] = [
  ["server_name", (server_name) => subjectOf({ server_name })],
  ["proxy", (text) => subjectOf({ proxy: { [`/x${text}`]: { service: "web" } } })],
  ["path", (text) => subjectOf({ proxy: { "/a/": { service: "web", path: `/x${text}/` } } })],
  ["page", (page) => subjectOf({ maintenance: { page, service: "web" } })],
  ["deploy_to", (text) => subjectOf({}, { deploy_to: `/srv/${text}` })],
];

const TRAEFIK = [
  "{{env `HOME`}}",
  '{{ env "HOME" }}',
  "a`b",
  'a"b',
  "%60",
  "%22",
  "%5C`",
  "`) || Host(`x",
  "1",
  "true",
  "~",
  "a: b",
  "- a",
  "\u0085x",
  "&a",
  "*a",
  "!!int",
];
const TEXTS = [...HOSTILE, ...TRAEFIK, ...randomStrings(25), "a b", "a%20b", "ünï"];

/** What is accepted of a key's texts; everything else was refused with its place. */
function accepted([, make]: Key): Subject[] {
  return TEXTS.flatMap((text) => {
    try {
      const subject = make(text);
      renderTraefik(subject);
      return [subject];
    } catch (error) {
      expect(error).toBeInstanceOf(ManifestError);
      expect((error as Error).message).toMatch(/deploy\.yaml:\d+:\d+/);
      return [];
    }
  });
}

/** The strings of a Go expression, by Go's rules for those that are written here. */
const stringsOf = (rule: string) =>
  [...rule.matchAll(/`([^`]*)`|"(?:[^"\\]|\\.)*"/g)].map(([text, raw]) => raw ?? (JSON.parse(text) as string));

describe.skipIf(!hasPythonYaml)("as YAML is read (skipped where python3 has no yaml)", () => {
  test.each(KEYS)("%s is what the manifest said, whatever it holds", (...key) => {
    const subjects = accepted(key);
    expect(subjects.length).toBeGreaterThan(key[0] === "server_name" ? 0 : 8);
    const contents = subjects.map((subject) => contentOf(subject));
    for (const [index, content] of contents.entries()) {
      const subject = subjects[index] as Subject;
      expect(content).not.toContain("{{");
      expect(checkTraefik({ content }, "")).toBeUndefined();
      const { http } = parse(content) as TraefikFile;
      const [router] = Object.values(http.routers);
      const site = subject.manifest.sites["main"];
      const hosts = site?.server_name.length === 0 ? [] : [stringsOf(router?.rule ?? "")[0]];
      const prefix = decodeURIComponent(Object.keys(site?.proxy ?? {})[0] ?? "");
      expect(stringsOf(router?.rule ?? "")).toEqual([...hosts, prefix]);
    }
    expect(readByPython(contents.join("---\n"))).toEqual(contents.map((content) => parse(content) as unknown));
  });
});

const plain = () => parse(contentOf(everything())) as TraefikFile;

/** The file with something of it replaced, or taken away. */
function changed(place: string[], value?: unknown): string {
  const document = parseDocument(contentOf(everything()));
  if (value === undefined) document.deleteIn(["http", ...place]);
  else document.setIn(["http", ...place], document.createNode(value));
  return String(document);
}

const WRONG: [what: string, message: RegExp, content: () => string][] = [
  ["no YAML", /at line/, () => "http: [\n"],
  ["another section", /Unrecognized key: "tcp"/, () => stringify({ ...plain(), tcp: {} })],
  ["nothing", /the file/, () => ""],
  ["a key that there is not", /Unrecognized key: "rulez"/, () => changed(["routers", "shop-main-root", "rulez"], "x")],
  ["a rule that is no text", /rule/, () => changed(["routers", "shop-main-root", "rule"], 1)],
  ["no server", /servers/, () => changed(["services", "shop-main-root", "loadBalancer"], { servers: [] })],
  [
    "a server that is no address",
    /url/,
    () => changed(["services", "shop-main-root", "loadBalancer"], { servers: [{ url: "x y" }] }),
  ],
  [
    "a middleware of two kinds",
    /one kind/,
    () => changed(["middlewares", "shop-main-maintenance", "retry"], { attempts: 2 }),
  ],
  ["a wrong type", /attempts/, () => changed(["middlewares", "shop-main-api-retry"], { retry: { attempts: "x" } })],
  ["an empty section", /an empty section/, () => changed(["middlewares"], {})],
  ["a service that there is not", /there is no service shop-main-root/, () => changed(["services", "shop-main-root"])],
  ["a middleware that there is not", /there is no middleware/, () => changed(["middlewares", "shop-main-maintenance"])],
  [
    "a transport that there is not",
    /there is no transport|empty section/,
    () => changed(["serversTransports", "shop-main-api"]),
  ],
];

describe("the check of a file", () => {
  test.each(WRONG)("finds %s", (_, message, content) => {
    expect(checkTraefik({ content: content() }, "")).toMatch(message);
  });

  test("goes by a schema as well, if it is given one", () => {
    const file = path.join(makeFolder(), "schema.json");
    const kind = {
      properties: { retry: { type: "object", properties: { attempts: { type: "integer" } } } },
      additionalProperties: false,
    };
    const schema = {
      type: "object",
      properties: {
        http: {
          type: "object",
          properties: { middlewares: { additionalProperties: { type: "object", oneOf: [kind] } } },
        },
      },
    };
    fs.writeFileSync(file, JSON.stringify(schema));
    const check = (subject: Subject) => checkTraefik({ content: contentOf(subject) }, file);
    expect(check(subjectOf({ retry: {} }))).toBeUndefined();
    expect(check(everything())).toMatch(/by the published schema, http\.middlewares/);
    expect(checkTraefik({ content: contentOf(everything()) }, `${file}.none`)).toMatch(/ENOENT/);
  });
});

const PUBLISHED = process.env["SWITCHBACK_TRAEFIK_SCHEMA"] ?? "";

describe.skipIf(!PUBLISHED)(
  "by the published schema (skipped where SWITCHBACK_TRAEFIK_SCHEMA names no copy of it)",
  () => {
    test.each([seed, everything])("what is rendered is valid: %#", (subject) => {
      for (const isMaintenance of [false, true])
        expect(checkTraefik({ content: contentOf(subject(), isMaintenance) }, PUBLISHED)).toBeUndefined();
    });

    test.each([
      ["another section", () => stringify({ ...plain(), bogus: {} })],
      ["a key that there is not", () => changed(["routers", "shop-main-root", "rulez"], "x")],
      ["a wrong type", () => changed(["middlewares", "shop-main-api-retry"], { retry: { attempts: "x" } })],
    ])("%s is not", (_, content) => {
      expect(checkBySchemaAlone(content())).toMatch(/./);
    });
  },
);

/** What the published schema says, whatever else is known of the file. */
function checkBySchemaAlone(content: string): string | undefined {
  const { error } = schemaOfFile(PUBLISHED).safeParse(parse(content));
  return error?.message;
}
