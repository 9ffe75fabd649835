import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Directive } from "../../scripts/doctor/nginx-config.ts";
import { directives, hostsOf, matches, parseNginx } from "../../scripts/doctor/nginx-config.ts";
import { makePlace, type Place } from "./place.ts";

let place: Place;
beforeEach(() => {
  place = makePlace();
  fs.mkdirSync(path.join(place.path, "conf.d"));
  process.env["SWITCHBACK_NGINX_CONF"] = path.join(place.path, "nginx.conf");
});
afterEach(() => {
  delete process.env["SWITCHBACK_NGINX_CONF"];
  delete process.env["SWITCHBACK_CADDY_CONF"];
  fs.rmSync(place.path, { recursive: true });
});

const isThere = (program: string) =>
  spawnSync("which", [program], { env: { PATH: `${process.env["PATH"]}:/usr/sbin` } }).status === 0;
const isRoot = process.geteuid?.() === 0;

function nginx(sites: Record<string, string>, http = "include conf.d/*.conf;"): void {
  const { path: folder } = place;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/t;`,
  );
  fs.writeFileSync(
    path.join(folder, "nginx.conf"),
    `user www-data;\npid ${folder}/pid;\nerror_log ${folder}/log;\nevents {}\nhttp {\naccess_log off;\n${temporary.join("\n")}\n${http}\n}\n`,
  );
  for (const [name, text] of Object.entries(sites)) fs.writeFileSync(path.join(folder, "conf.d", name), text);
}

const site = (more: string) =>
  place.manifest(
    `services: { api: { run: sh x, port: 22520 } }\nsites: { main: { kind: nginx, server_name: [a.test, b.test], listen: 22529, ${more} } }\n`,
  );

describe.skipIf(!isThere("nginx"))("nginx (needs nginx)", () => {
  test("its whole configuration, with the file that keeps it from being reloaded", async ({ skip }) => {
    skip(!isRoot, "only root may open nginx's logs");
    site("");
    nginx({});
    expect(await place.said("nginx")).toEqual([`ok: ${place.path}/nginx.conf is sound`]);
    nginx({ "other.conf": "server {\n  listen 22528;\n  no_such_thing on;\n}\n" });
    expect(await place.said("nginx")).toEqual([
      `wrong: nginx -t: unknown directive "no_such_thing" in ${place.path}/conf.d/other.conf:3`,
    ]);
  });

  test("a folder that is not included", async () => {
    site("");
    nginx({}, "include other/*.conf;");
    expect((await place.said("nginx")).at(-1)).toBe(
      `wrong: ${place.path}/nginx.conf does not include ${place.path}/conf.d/shop-main.conf`,
    );
  });

  // Seed 003: gunicorn at 8000 or at 5000, and an alias that leads elsewhere.
  test("a hand-written site that disagrees with the manifest", async () => {
    site("root: dist, alias: { /img/: { path: /srv/img } }, proxy: { /api/: { service: api } }");
    nginx({
      "hand.conf": `upstream backend { server 127.0.0.1:5000; }
        server { listen 22529; server_name "b.test"; root /opt/dist;
          location = /x { return 204; }
          location /img/ { alias /srv/old-img/; }
          location /api/ { proxy_pass http://backend/api/; }
          location /more/ { proxy_pass http://127.0.0.1:5001; } }
        server { listen 22528; server_name c.test; location /api/ { proxy_pass http://127.0.0.1:5002; } }`,
    });
    const hand = `wrong: ${place.path}/conf.d/hand.conf: `;
    expect((await place.said("nginx")).filter((line) => line.startsWith(hand))).toEqual([
      `${hand}/api/ of b.test goes to port 5000, and services.api is at 22520`,
      `${hand}/img/ leads to /srv/old-img/, and the manifest says /srv/img`,
      `${hand}the root is /opt/dist, and the manifest says ${place.tree}/current/dist`,
    ]);
    nginx({
      "hand.conf": `server { listen 22529; server_name a.test; location /api/ { proxy_pass http://127.0.0.1:22520/api/; } }`,
    });
    expect(await place.said("nginx")).toContain(
      `note: ${place.path}/conf.d/hand.conf serves a.test as well as sites.main would`,
    );
  });

  test("files that its account cannot read, component by component", async ({ skip }) => {
    skip(!isRoot, "only root's tree is closed to root's groups");
    site("root: dist, alias: { /img/: { path: images }, /gone/: { path: /no/such } }, maintenance: { page: m.html }");
    nginx({});
    place.deploy();
    place.put({ "releases/r1/dist/index.html": "", "releases/r1/images/a.png": "", "releases/r1/m.html": "" });
    fs.chmodSync(path.join(place.tree, "releases/r1/images"), 0o700);
    fs.chmodSync(path.join(place.tree, "releases/r1/m.html"), 0o600);
    const found = (await place.look()).filter(({ check, level }) => check === "nginx" && level === "wrong");
    const at = (name: string) => `${place.tree}/current/${name}`;
    expect(found.map(({ message }) => message)).toEqual([
      `sites.main: ${at("m.html")} cannot be served: www-data has no r on ${at("m.html")}`,
      `sites.main.alias /img/: ${at("images")} cannot be served: www-data has no rx on ${at("images")}`,
      "sites.main.alias /gone/: /no/such is not there",
    ]);
    fs.chmodSync(place.tree, 0o700);
    expect((await place.said("nginx")).slice(1)).toEqual([
      `wrong: sites.main: ${at("dist")} cannot be served: www-data has no x on ${place.tree}`,
      "wrong: sites.main.alias /gone/: /no/such is not there",
    ]);
  });
});

test.skipIf(!isThere("caddy"))("a Caddyfile that does not import the site", async () => {
  const file = path.join(place.path, "Caddyfile");
  process.env["SWITCHBACK_CADDY_CONF"] = file;
  place.manifest("sites: { main: { kind: caddy, server_name: a.test } }\n");
  fs.writeFileSync(file, ":80 {\n}\n");
  const found = (await place.look()).find(({ check }) => check === "caddy");
  expect(found?.message).toBe(`${file} does not import ${place.path}/conf.d/shop-main.caddy`);
  spawnSync("sh", ["-c", (found?.next[0] ?? "").replace("sudo ", "")]);
  expect(await place.said("caddy")).toEqual([]);
});

test("traefik's folder", async () => {
  place.manifest(`sites: { main: { kind: traefik, server_name: a.test, file: ${place.path}/dynamic/x.yml } }\n`);
  expect(await place.said("traefik")).toContain(
    `wrong: ${place.path}/dynamic is not there: traefik's file provider has to watch it`,
  );
});

describe("an nginx configuration", () => {
  const read = (text: string) => parseNginx(text, "x");
  const words = (list: Directive[]): unknown[] =>
    list.map(({ words: own, block }) => (block ? [own, words(block)] : own));

  test("is split into words as nginx does", () =>
    expect(
      words(
        read(`a "b; c" 'd\\'e' f\\;g; # no { more\nhttp{server{listen 80;if ($x ~ "^a{2}$") { set $y "\${z}k"; } } }`),
      ),
    ).toEqual([
      ["a", "b; c", "d'e", "f\\;g"],
      [
        ["http"],
        [
          [
            ["server"],
            [
              ["listen", "80"],
              [["if", "($x", "~", "^a{2}$", ")"], [["set", "$y", "${z}k"]]],
            ],
          ],
        ],
      ],
    ]));

  test("that is broken off does no harm", () => {
    expect(directives(read('server { listen 80; location / { proxy_pass "http://x'), "listen")).toHaveLength(1);
    expect(read("}}} a;")).toEqual([]);
  });

  test("upstreams of this machine, and none of another's", () => {
    const [host] = hostsOf(
      read(
        "upstream u { server 127.0.0.1:1; server localhost:2; server 10.0.0.1:3; server unix:/x; } server { location ^~ /a { proxy_pass http://u; } location ~ b { proxy_pass http://[::1]:4/; } }",
      ),
    );
    expect(host?.locations).toEqual([
      { place: "/a", ports: [1, 2] },
      { place: "", ports: [4] },
    ]);
  });

  test("includes by pattern, within one folder", () => {
    expect(matches("/etc/nginx/conf.d/*.conf", "/etc/nginx/conf.d/a.conf")).toBe(true);
    expect(matches("/etc/nginx/*", "/etc/nginx/conf.d/a.conf")).toBe(false);
    expect(matches("/etc/nginx/conf.d/a.conf", "/etc/nginx/conf.d/axconf")).toBe(false);
  });
});
