import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { errorOf, HEAD, headlinesOf, makeDirectory } from "./manifests.ts";

test("an error has its place, the nearest key and a frame", () => {
  expect(errorOf(`${HEAD}keep_release: 5\n`)).toBe(
    [
      'deploy.yaml:3:1: unknown key "keep_release"; did you mean "keep_releases"?',
      "  2 | deploy_to: /srv/demo",
      "  3 | keep_release: 5",
      "    | ^^^^^^^^^^^^",
    ].join("\n"),
  );
});

test("all errors come at once, in the order of the file", () => {
  const text = `app: Demo
keep_releases: "5"
linked_files: [.env, {path: backend/.env, mode: 0600}]
linked_dirs: [data, data/x]
services:
  api:
    prot: 8000
    env: {VERSION: 1.10, DEBUG: true}
    stop_timeout: 30
build: {web: {run: 3}, b: }
smoke: [{url: localhost, expect: {statu: 200}}]
supervisor: sytemd
health: {path: /x, url: "http://x/"}
`;
  expect(headlinesOf(text)).toEqual([
    'deploy.yaml:1:1: "deploy_to" is missing',
    'deploy.yaml:1:6: app: found "Demo", wanted a name of small letters, digits and - that starts with a letter',
    'deploy.yaml:2:16: keep_releases: found "5", wanted a whole number, 1 or more: write 5 without quotes',
    'deploy.yaml:3:49: linked_files[1].mode: found 0600, wanted an octal mode in quotes, such as "0600"',
    "deploy.yaml:4:21: data/x lies inside data, which is linked already",
    'deploy.yaml:6:3: "run" is missing in services.api',
    'deploy.yaml:7:5: unknown key "prot" in services.api; did you mean "port"?',
    'deploy.yaml:8:20: services.api.env.VERSION: found 1.10, wanted text: quote it, "1.10"',
    'deploy.yaml:8:33: services.api.env.DEBUG: found true, wanted text: quote it, "true"',
    "deploy.yaml:9:19: services.api.stop_timeout: found 30, wanted a duration with its unit, such as 300ms, 5s, 2m, 1h or 7d",
    'deploy.yaml:10:20: build.web.run: found 3, wanted a line of shell, or a list of lines: quote it, "3"',
    "deploy.yaml:10:24: build.b: found nothing, wanted a map",
    'deploy.yaml:11:15: smoke[0].url: found "localhost", wanted a URL that starts with http:// or https://',
    'deploy.yaml:11:35: unknown key "statu" in smoke[0].expect; did you mean "status"?',
    'deploy.yaml:12:13: supervisor: found "sytemd", wanted one of pidfile, systemd, systemd-user, launchd, podman; did you mean "systemd"?',
    "deploy.yaml:13:1: health has path and url: give only one of them",
    "deploy.yaml:13:16: only a service has a port of its own: wanted url here, with the port in it",
  ]);
});

const ONE_LINE: [text: string, headline: string][] = [
  ["release_id: v1\n", 'deploy.yaml:3:13: release_id: found "v1", wanted one of timestamp, sha, tag'],
  ["source: {pull: rebase}\n", 'deploy.yaml:3:16: source.pull: found "rebase", wanted ff-only'],
  [
    "source: {ref: 12345e7}\n",
    'deploy.yaml:3:15: source.ref: found 12345e7, wanted a branch, tag or commit: quote it, "12345e7"',
  ],
  ["keep_releases: 0\n", "deploy.yaml:3:16: keep_releases: found 0, wanted a whole number, 1 or more"],
  [
    "services: {Api: {run: x}}\n",
    'deploy.yaml:3:12: "Api" cannot be a key here: wanted a name of small letters, digits, - and _ that starts with a letter',
  ],
  [
    "services: {api: {run: x, port: 65536}}\n",
    "deploy.yaml:3:32: services.api.port: found 65536, wanted a port from 1 to 65535",
  ],
  [
    'services: {api: {run: x, port: "80"}}\n',
    'deploy.yaml:3:32: services.api.port: found "80", wanted a port from 1 to 65535: write 80 without quotes',
  ],
  [
    "services: {api: {run: x, health: health, port: 1}}\n",
    'deploy.yaml:3:34: services.api.health: found "health", wanted a path that starts with /, such as /health',
  ],
  [
    "services: {api: {run: x, health: /h}}\n",
    'deploy.yaml:3:34: the service "api" has no port to ask: give it port, or health as a map with url, tcp or run',
  ],
  [
    "services: {api: {run: x, socket: {listen: '127.0.0.1:1', proxy: true}}}\n",
    "deploy.yaml:3:26: services.api.socket needs the service's own port, to which the proxy connects",
  ],
  [
    "services: {api: {run: x, port: 1, socket: {listen: '127.0.0.1:1', proxy: true}}}\n",
    "deploy.yaml:3:26: services.api.port 1 is the port of socket.listen too: the service behind the proxy needs a port of its own",
  ],
  [
    "services: {api: {run: x, port: 1, socket: {listen: /run/x.sock, proxy: true}}}\n",
    'deploy.yaml:3:44: services.api.socket.listen is a path, and the proxy can hold a port only, such as "127.0.0.1:8000"',
  ],
  [
    "services: {api: {run: x, schedule: '1 1 * * *', socket: '127.0.0.1:1'}}\n",
    "deploy.yaml:3:26: services.api.schedule makes it a job, which holds no socket",
  ],
  [
    "services: {api: {run: x, schedule: daily}}\n",
    'deploy.yaml:3:36: services.api.schedule: found "daily", wanted a cron schedule of five fields, such as "30 3 * * *"',
  ],
  [
    "services: {api: {run: x, restart_se: 2s}}\n",
    'deploy.yaml:3:26: unknown key "restart_se" in services.api; did you mean "restart_sec"?',
  ],
  [
    "services: {api: {run: [x, y]}}\n",
    "deploy.yaml:3:23: services.api.run: found a list, wanted a command and its arguments on one line (no shell)",
  ],
  [
    "services: {api: {run: x, env: {A-B: x}}}\n",
    `deploy.yaml:3:32: "A-B" cannot be a key here: wanted a variable's name: letters, digits and _`,
  ],
  [
    "linked_files: [a, {path: b, shared: a}]\n",
    "deploy.yaml:3:19: b and a would both be shared/a: give one of them another `shared`",
  ],
  ["linked_files: [a, ./a]\n", "deploy.yaml:3:19: a is linked twice"],
  ["linked_files: [a/b]\nlinked_dirs: [a]\n", "deploy.yaml:4:15: a/b, which is linked too, lies inside a"],
  ["linked_dirs: [.]\n", "deploy.yaml:3:15: a linked entry names something inside the release, not all of it"],
  ["linked_dirs: [deps]\n", "deploy.yaml:3:15: shared/deps holds the dependency sets: choose another `shared`"],
  [
    "linked_files: [RELEASE.json]\n",
    "deploy.yaml:3:16: RELEASE.json belongs to the release itself and cannot be linked",
  ],
  [
    "linked_files: [{path: a, mod: x}]\n",
    'deploy.yaml:3:26: unknown key "mod" in linked_files[0]; did you mean "mode"?',
  ],
  ["linked_files: [{shared: a}]\n", 'deploy.yaml:3:16: "path" is missing in linked_files[0]'],
  ["linked_files: .env\n", 'deploy.yaml:3:15: linked_files: found ".env", wanted a list of paths'],
  ["database: {sqlite: a, backup: b}\n", "deploy.yaml:3:1: database has either sqlite, or both backup and restore"],
  [
    "build: {a: {run: x, needs: node >> 20}}\n",
    `deploy.yaml:3:28: build.a.needs: found "node >> 20", wanted a command's name or path, with a version range if it matters: python>=3.13,<3.14`,
  ],
  ["build: {a: {run: [x, 7]}}\n", 'deploy.yaml:3:22: build.a.run[1]: found 7, wanted a line of shell: quote it, "7"'],
  ["hooks: {before_build: []}\n", "deploy.yaml:3:23: hooks.before_build: found a list, wanted at least one line"],
  [
    "services: {api: {run: x}}\nsites: {m: {kind: nginx, proxy: {/: {service: web}}}}\n",
    'deploy.yaml:4:47: there is no service "web"',
  ],
  [
    "services: {api: {run: x}}\nsites: {m: {kind: nginx, proxy: {/: {service: api}}}}\n",
    'deploy.yaml:4:47: the service "api" has no port and no socket',
  ],
  [
    "sites: {m: {kind: nginx, no_store: [/$uri]}}\n",
    'deploy.yaml:3:37: sites.m.no_store[0]: found "/$uri", wanted a URL path that starts with /, without spaces and {};$',
  ],
];

test.each(ONE_LINE)("%s", (text, headline) => {
  expect(headlinesOf(HEAD + text)).toEqual([headline]);
});

test("the file is named as it would be typed", () => {
  const cwd = makeDirectory();
  mkdirSync(join(cwd, "a"));
  mkdirSync(join(cwd, "b"));
  const filePath = join(cwd, "a", "deploy.yaml");
  writeFileSync(filePath, "app: demo\n");
  expect(() => loadManifest({ filePath, cwd, env: {} })).toThrow(/^a\/deploy\.yaml:1:1: /);
  expect(() => loadManifest({ filePath, cwd: join(cwd, "b"), env: {} })).toThrow(`${filePath}:1:1: `);
});
