import { expect, test } from "vitest";
import { unitsOf, valuesOf } from "./subjects.ts";

const api = (lines: string, more = "", run = "/opt/x/bin/y") => {
  const text = unitsOf(`${more}services:\n  api:\n    run: ${run}\n${lines.trim().replace(/^ */gm, "    ")}\n`)[
    "demo-api.service"
  ];
  return (key: string) => valuesOf(text, key);
};

test("what is written is what is shared, and what the service says", () => {
  const of = api(
    "write_paths: [/data/img, .next/cache, '/data/a b']",
    `linked_dirs: [data, { path: backend/.venv, shared: venv, optional: true }]
linked_files: [.env, { path: backend/app.db, shared: db/app.db, optional: true }]
database: { sqlite: db/app.db }
`,
  );
  expect(of("ReadWritePaths")).toEqual([
    "-/srv/demo/shared/data",
    "-/srv/demo/shared/venv",
    "-/srv/demo/shared/db",
    "-/data/img",
    "-/srv/demo/current/.next/cache",
    '"-/data/a b"',
  ]);
  expect(of("ReadOnlyPaths")).toEqual([]);
});

test("dependency sets stay as they were made where all of shared is written", () => {
  const of = api("", "database: { sqlite: app.db }\nlinked_dirs: [data]\n");
  expect([of("ReadWritePaths"), of("ReadOnlyPaths")]).toEqual([["-/srv/demo/shared"], ["-/srv/demo/shared/deps"]]);
});

test("of the homes only the account's own is seen, without its keys", () => {
  const of = api("");
  expect([of("ProtectHome"), of("BindReadOnlyPaths")]).toEqual([["tmpfs"], ["-/home/deploy"]]);
  expect(of("InaccessiblePaths")).toEqual(["-/home/deploy/.ssh", "-/home/deploy/.gnupg"]);
  expect(api("user: app")("BindReadOnlyPaths")).toEqual(["-/home/app"]);
});

test.each([
  ["/home/deploy/demo", ["-/home/deploy"]],
  ["/home/apps/demo", ["-/home/deploy", "-/home/apps/demo"]],
  ["/root/demo", ["-/home/deploy", "-/root/demo"]],
  ["/run/user/1500/demo", ["-/home/deploy", "-/run/user/1500/demo"]],
  ["/tmp/demo", ["-/home/deploy", "-/tmp/demo"]],
  ["/homestead/demo", ["-/home/deploy"]],
])("a tree in %s is seen", (deployTo, bound) => {
  const of = api("", `deploy_to: ${deployTo}\nlinked_dirs: [data]\n`);
  expect(of("BindReadOnlyPaths")).toEqual(bound);
  expect(of("ReadWritePaths")).toEqual([`-${deployTo}/shared/data`]);
});

test.each([
  ["/home/ann/.nvm/versions/node/v22/bin/node", "-/home/ann/.nvm"],
  ["/root/miniconda3/envs/x/bin/gunicorn", "-/root/miniconda3"],
  ["/tmp/x/bin/y", "-/tmp/x"],
])("an interpreter in somebody's home is seen: %s", (program, bound) => {
  expect(api("", "", program)("BindReadOnlyPaths")).toEqual(["-/home/deploy", bound]);
  expect(api(`env: { PATH: "${program.replace(/\/[^/]*$/, "")}:/usr/bin" }`)("BindReadOnlyPaths")).toEqual([
    "-/home/deploy",
    bound,
  ]);
});

test("what is written in a place out of sight is put there", () => {
  const of = api("write_paths: [/home/ann/out, /tmp/keep, '/tmp/from:to']");
  expect([of("BindPaths"), of("ReadWritePaths")]).toEqual([["-/home/ann/out", "-/tmp/keep", '"-/tmp/from:to"'], []]);
});

test("a port below 1024 is the only capability there is", () => {
  expect([api("port: 80")("AmbientCapabilities"), api("port: 80")("CapabilityBoundingSet")]).toEqual([
    ["CAP_NET_BIND_SERVICE"],
    ["CAP_NET_BIND_SERVICE"],
  ]);
  expect(api("port: 8080")("CapabilityBoundingSet")).toEqual([""]);
  expect(api('port: 80\nsocket: "80"')("CapabilityBoundingSet")).toEqual([""]);
});

test("off is off", () => {
  expect(api("harden: off")("NoNewPrivileges")).toEqual([]);
});
