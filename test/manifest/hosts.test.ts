import { expect, test } from "vitest";
import { hostsOf } from "../../scripts/manifest/hosts.ts";
import { renderTreeCopy } from "../../scripts/manifest/trailer.ts";
import { HEAD, headlinesOf, load } from "./manifests.ts";

test("a host's own line says more than the environment", () => {
  expect(hostsOf({ hosts: ["a.example.org", "root@b:22", "[fd00::1]"], user: "deploy", port: 2222 })).toEqual([
    { name: "a.example.org", destination: "deploy@a.example.org", port: 2222 },
    { name: "root@b:22", destination: "root@b", port: 22 },
    { name: "[fd00::1]", destination: "deploy@[fd00::1]", port: 2222 },
  ]);
  expect(hostsOf({ hosts: ["vps"] })).toEqual([{ name: "vps", destination: "vps" }]);
});

test.each(["-oProxyCommand=x", "a b", "a@b@c", "a:99999999", "@x", "$(x)"])("%s is no host", (name) => {
  expect(headlinesOf(`${HEAD}environments: {p: {hosts: ${JSON.stringify(name)}}}\n`)[0]).toContain(
    "wanted a host as ssh knows it",
  );
});

const PROD = `${HEAD}environments: {prod: {hosts: vps, deploy_to: ~/demo}}\n`;

test("the tree of an environment with hosts is theirs to find; the copy that lies there is about itself", () => {
  const there = load(PROD, { environment: "prod" });
  expect([there.manifest.deploy_to, there.hosts.map(({ name }) => name)]).toEqual(["~/demo", ["vps"]]);
  const sent = renderTreeCopy({
    ...there,
    basePath: "/home/d/demo",
    host: "vps",
    manifest: { ...there.manifest, deploy_to: "/home/d/demo" },
  });
  const here = load(sent);
  expect([here.manifest.deploy_to, here.host, here.hosts]).toEqual(["/home/d/demo", "vps", []]);
  expect(load(sent, { environment: "prod" }).hosts).toEqual([]);
});
