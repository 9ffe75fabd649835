/** Whatever a manifest's strings hold, nginx reads them back as they were meant, or they are refused at their place. */
import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Subject } from "../../scripts/render/subject.ts";
import { renderNginx } from "../../scripts/site/nginx.ts";
import { checkNginx } from "../../scripts/site/nginx-check.ts";
import { ask, hasNginx, makeFolder, startNginx, subjectOfSite } from "./nginx-server.ts";

const NAMES = [
  "a b",
  `quo"te`,
  "apo's",
  "semi;colon",
  "br{a}ce",
  "back\\slash",
  "end\\",
  "\\n\\t",
  "ünïcödé ☃",
  "#hash",
  "per%n%20cent",
  "<&>",
  "(par)",
  "~tilde",
  "=equals",
  "`tick`",
  "*?[x]",
];

const refusalOf = (subject: () => Subject) => {
  try {
    renderNginx(subject());
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  }
  return "taken";
};

describe.skipIf(!hasNginx)("read back by nginx", () => {
  test.each(NAMES)("folders, files and a tree called %j", async (name) => {
    const tree = path.join(makeFolder(), `tree ${name}`);
    const put = (place: string, content: string) => {
      fs.mkdirSync(path.dirname(path.join(tree, place)), { recursive: true });
      fs.writeFileSync(path.join(tree, place), content);
    };
    put(`releases/r1/root ${name}/index.html`, "entry");
    put(`releases/r1/root ${name}/ö (1)/a.txt`, "hashed");
    put(`releases/r1/page ${name}.html`, "page");
    put(`data ${name}/a.txt`, "alias");
    fs.symlinkSync("releases/r1", path.join(tree, "current"));
    const site = {
      listen: 22210,
      server_name: ["shop.example", "*.ünï.example"],
      root: `root ${name}`,
      no_store: ["/index.html"],
      immutable: ["/%C3%B6%20(1)/"],
      alias: { "/a/": { path: path.join(tree, `data ${name}`) } },
      proxy: { "/gone/": { service: "web" } },
      maintenance: { page: `page ${name}.html` },
    };
    const services = { web: { run: "x", port: 22299 } };
    const files = renderNginx(subjectOfSite(site, { deploy_to: tree, services }));
    expect(files.map(checkNginx)).toEqual([undefined]);
    await startNginx(files);
    const bodyOf = async (url: string) => (await ask(22210, url)).body;
    expect(await bodyOf("/")).toBe("entry");
    expect(await ask(22210, "/%c3%b6%20(1)/a.txt")).toMatchObject({
      body: "hashed",
      headers: { "cache-control": expect.stringContaining("immutable") },
    });
    expect(await bodyOf("/a/a.txt")).toBe("alias");
    expect(await ask(22210, "/gone/")).toMatchObject({ status: 503, body: "page" });
    fs.writeFileSync(path.join(tree, "maintenance"), "");
    expect(await ask(22210, "/")).toMatchObject({ status: 503, body: "page" });
  });

  test("a place that looks like a pattern or a modifier is a place", async () => {
    const places = [
      "/~x/",
      "/^~/",
      "/=/",
      "/*/",
      "/(a|b)/",
      "/a.b/",
      "/@named/",
      "/a%22b/",
      "/a%5Cb/",
      "/a%24b/",
      "/a%7Bb/",
    ];
    const data = makeFolder();
    fs.writeFileSync(path.join(data, "f"), "file");
    const alias = Object.fromEntries(places.map((place) => [place, { path: data }]));
    await startNginx(renderNginx(subjectOfSite({ listen: 22211, alias })));
    for (const place of places) expect([place, (await ask(22211, `${place}f`)).body]).toEqual([place, "file"]);
    expect((await ask(22211, "/axb/f")).status).toBe(404);
  });
});

describe("refused at their place", () => {
  const services = {
    web: { run: "x", port: 8000 },
    job: { run: "x", port: 1, schedule: "0 3 * * *" },
    none: { run: "x", instances: { a: { port: 1 }, b: {} } },
  };
  const cases: [name: string, site: Record<string, unknown>, message: RegExp, rest?: Record<string, unknown>][] = [
    ["a $ in root", { root: "a$b" }, /^deploy\.yaml:\d+:\d+: .*\$ for a variable/],
    ["a $ in an alias", { alias: { "/a/": { path: "/data/$uri" } } }, /\$ for a variable/],
    ["a $ in the page", { root: "x", maintenance: { page: "$host.html" } }, /\$ for a variable/],
    ["a $ in the tree", { root: "x" }, /^deploy\.yaml:2:\d+: .*\$ for a variable/, { deploy_to: "/srv/$shop" }],
    ["a server name that ends the directive", { server_name: "a.example; listen 81" }, /no host name/],
    ["a server name that is a variable", { server_name: "$hostname" }, /no host name/],
    ["a server name that is a pattern", { server_name: "~^(.+)$" }, /no host name/],
    ["something behind a port", { listen: "80 default_server; autoindex on" }, /is not a port, or an address/],
    ["a port that there is not", { listen: "0.0.0.0:65536" }, /is not a port, or an address/],
    ["nothing to listen on", { listen: [] }, /nothing that the site listens on/],
    ["a place that no request has", { proxy: { "/a/../b/": { service: "web" } } }, /a path that no request has/],
    ["a place with half a %", { proxy: { "/a%2/": { service: "web" } } }, /a path that no request has/],
    ["a place with a newline in it", { proxy: { "/a%0a/": { service: "web" } } }, /a path that no request has/],
    ["one place twice", { root: "x", immutable: ["/a/"], alias: { "/a": { path: "/data" } } }, /in immutable as well/],
    ["a job", { proxy: { "/": { service: "job" } } }, /job is a job/],
    ["an instance without a port", { proxy: { "/": { service: "none" } } }, /neither a port nor a socket/],
    ["a page for all without a root", { spa: true }, /no root that/],
    [
      "a page for all beside a service for all",
      { root: "x", spa: true, proxy: { "/": { service: "web" } } },
      /\/ stands in proxy/,
    ],
    ["to be asked again", { retry: {} }, /nginx cannot wait and ask again/],
    ["entry points", { entry_points: "web" }, /nginx has none/],
  ];
  test.each(cases)("%s", (_, site, message, rest = {}) => {
    expect(refusalOf(() => subjectOfSite(site, { services, ...rest }))).toMatch(message);
  });

  test("one file of two sites", () => {
    const site = { kind: "nginx", file: "/etc/nginx/conf.d/x.conf" };
    expect(refusalOf(() => subjectOfSite({}, { sites: { a: site, b: { ...site, listen: 81 } } }))).toMatch(
      /file of the site b as well/,
    );
  });

  test("a name in another script is asked for in ASCII", () => {
    const [file] = renderNginx(subjectOfSite({ server_name: ["MÜNCHEN.example", "*.Shop.example", "[::1]", "_"] }));
    expect(file?.content).toContain("server_name xn--mnchen-3ya.example *.shop.example [::1] _;");
  });
});

describe.skipIf(!hasNginx)("checked alone", () => {
  test("what is wrong is told with its directive, its file and line", () => {
    const [file] = renderNginx(subjectOfSite({ listen: 22212 }));
    const broken = {
      place: "nginx/shop-main.conf",
      content: (file?.content ?? "").replace("return 404;", "retrun 404;"),
    };
    expect(checkNginx(broken)).toMatch(/^unknown directive "retrun" in shop-main\.conf:\d+$/);
    expect(checkNginx({ ...broken, content: "server {" })).toMatch(/unexpected end of file/);
  });

  test("neither a port that another program has nor another site matters", async () => {
    const files = renderNginx(subjectOfSite({ listen: 22212 }));
    await startNginx(files);
    expect(files.map(checkNginx)).toEqual([undefined]);
  });
});
