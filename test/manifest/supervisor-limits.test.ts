import { userInfo } from "node:os";
import { expect, test } from "vitest";
import { ManifestError } from "../../scripts/manifest/load.ts";
import { notices, refuseUnsupported } from "../../scripts/manifest/supervisor-limits.ts";
import { HEAD, load } from "./manifests.ts";

function refused(text: string, environment?: string): string[] {
  try {
    refuseUnsupported(load(HEAD + text, { environment }));
  } catch (error) {
    if (error instanceof ManifestError)
      return error.message.split("\n").filter((line) => line.startsWith("deploy.yaml:"));
    throw error;
  }
  return [];
}

const BY_SYSTEMD = "is done by supervisor: systemd, systemd-user or podman only";
const REFUSED: [text: string, line: string][] = [
  ["services: {a: {run: x, socket: '127.0.0.1:1'}}\n", `3:24: "services.a.socket" ${BY_SYSTEMD}`],
  ["services: {a: {run: x, ready: notify}}\nsupervisor: launchd\n", `3:24: "services.a.ready" ${BY_SYSTEMD}`],
  ["services: {a: {run: x %i}}\n", '3:16: "services.a.run" holds %i, and the service has no instances'],
  [
    "services: {a: {run: x, user: nobody-at-all}}\n",
    '3:24: "services.a.user" other than one\'s own: supervisor: pidfile cannot',
  ],
  [
    "services: {a: {run: x, group: nobody-at-all}}\nsupervisor: systemd-user\n",
    '3:24: "services.a.group" other than one\'s own: supervisor: systemd-user cannot',
  ],
];

test.each(REFUSED)("by its supervisor: %s", (text, line) => {
  expect(refused(text)).toEqual([`deploy.yaml:${line}`]);
});

test("what systemd does is not refused under it", () => {
  const service =
    "{run: x %i, socket: '127.0.0.1:1', ready: notify, user: nobody-at-all, group: nobody-at-all, instances: [a]}";
  expect(refused(`services: {a: ${service}, b: {run: y, schedule: 1 1 * * *}}\nsupervisor: systemd\n`)).toEqual([]);
});

test("all are refused at once, in the order of the file", () => {
  expect(refused("services:\n  a: {run: x %i}\n  b: {run: x, ready: notify}\n")).toEqual([
    'deploy.yaml:4:7: "services.a.run" holds %i, and the service has no instances',
    `deploy.yaml:5:15: "services.b.ready" ${BY_SYSTEMD}`,
  ]);
});

test("an override is refused at its own line", () => {
  expect(refused("environments:\n  prod: {services: {a: {run: x %i}}}\n", "prod")).toEqual([
    'deploy.yaml:4:25: "services.a.run" holds %i, and the service has no instances',
  ]);
});

test("what this version has is not refused", () => {
  const text = `registry: {url: "postgres://x/y", password_file: pw}
database: {sqlite: data/app.db}
drain: {run: x}
hooks: {before_build: x}
smoke: [{url: "http://x/"}]
prune: {schedule: "1 1 * * *"}
services: {a: {run: x, user: ${userInfo().username}, group: "${process.getgid?.()}"}}
`;
  expect(refused(text)).toEqual([]);
});

test("keys without effect get a notice each", () => {
  const text = `${HEAD}services:
  web: {run: x, restart: always, restart_sec: 2s, harden: true, write_paths: [/x], unit: u, label: l, after: [api, network.target], wants: api}
  api: {run: y, restart: never, harden: false}
`;
  expect(notices(load(text))).toEqual([
    "web: restart is not done by the pidfile supervisor: a crashed process stays down until `ops/service/start.ts`",
    "web: restart_sec has no effect under the pidfile supervisor",
    "web: harden has no effect under the pidfile supervisor",
    "web: unit has no effect under the pidfile supervisor",
    "web: label has no effect under the pidfile supervisor",
    "web: write_paths has no effect under the pidfile supervisor",
    "web: after network.target has no effect under the pidfile supervisor: it is no service of this manifest",
  ]);
  expect(notices(load(`${text}supervisor: systemd\n`))).toEqual([]);
});

test("what a migration cannot be guarded by is said", () => {
  const without = (keys: string) => notices(load(`${HEAD}${keys}`));
  const [undone, unnoticed] = without("migrate: {run: x}\n");
  expect(undone).toMatch(/^migrate: without database/);
  expect(unnoticed).toMatch(/^migrate: without marker/);
  expect(without("migrate: {run: x, marker: y}\n")).toEqual([undone]);
  expect(without("migrate: {run: x}\ndatabase: {backup: x, restore: y}\n")).toEqual([unnoticed]);
  expect(without("migrate: {run: x}\ndatabase: {sqlite: a.db}\n")).toEqual([]);
  expect(without("database: {sqlite: a.db}\n")).toEqual([]);
});

test.each([
  ["inputs: [a]", "outputs"],
  ["outputs: [b]", "inputs"],
])("a build step with %s alone is never skipped, and that is said", (keys, missing) => {
  const { manifest, ...loaded } = load(`${HEAD}build: {app: {run: x, ${keys}}}\n`);
  expect(notices({ ...loaded, manifest })).toEqual([`build.app: without ${missing} it runs at every build`]);
});
