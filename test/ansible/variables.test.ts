import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { deployPlays } from "../../scripts/ansible/plays.ts";
import { checkedPlatforms } from "../../scripts/ansible/suite-archive.ts";
import { inventoryOf, variablesOf } from "../../scripts/ansible/variables.ts";
import { contextOf } from "../../scripts/core/context.ts";
import { exportAnsible } from "../../scripts/host/export_ansible.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";

let folder = "";
beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), "ansible-"))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

function load(environment: string, more = "", name = "prod") {
  const filePath = path.join(folder, "deploy.yaml");
  const hosts = `environments: { prod: { ${environment} }, here: {} }\n`;
  fs.writeFileSync(filePath, `app: my-shop\ndeploy_to: ~/shop\n${more}${hosts}`);
  return loadManifest({ filePath, environment: name, env: { HOME: "/home/ann" } });
}

test("an inventory names hosts as ssh does, and a group without a dash", () => {
  expect(inventoryOf(load('hosts: [web1, "root@web2:22", "[fd00::1]"], user: deploy, port: 2222'))).toEqual({
    my_shop_prod: {
      hosts: {
        web1: { ansible_user: "deploy", ansible_port: 2222 },
        web2: { ansible_user: "root", ansible_port: 22 },
        "fd00::1": { ansible_user: "deploy", ansible_port: 2222 },
      },
    },
  });
});

test("what the manifest says stays text, whatever braces it holds; no value of a secret is written", () => {
  const linked = `linked_files: [{ path: .env, value_from: { run: "pass show '{{ x }}'" } }, { path: b, value_from: { env: B_ENV } }, plain]\n`;
  const written = stringify(variablesOf(load("hosts: web1", linked), "1.2.3"), { lineWidth: 0 });
  expect(written).toContain("switchback_deploy_to: \"{{ ansible_facts['user_dir'] }}/shop\"");
  expect(written).toMatch(/word: !unsafe .*bash -euo pipefail -c .*\{\{ x \}\}/);
  expect(written).toMatch(/path: b\n {4}mode: "0600"\n {4}from: env\n {4}word: !unsafe B_ENV/);
  expect(written).not.toContain("plain");
});

test("batches are the environment's, and one failure ends them", () => {
  const [, batch] = deployPlays(load('hosts: [a, b], serial: "50%"'));
  expect(batch).toMatchObject({ serial: "50%", max_fail_percentage: 0 });
  expect(deployPlays(load("hosts: a"))[1]).toMatchObject({ serial: 1 });
});

test("what cannot be exported is refused, and nothing is written", async () => {
  const out = path.join(folder, "out");
  const tried = (loaded: ReturnType<typeof load>) => exportAnsible(contextOf(loaded), { out });
  await expect(tried(load("hosts: a", "", "here"))).rejects.toThrow(/has no hosts/);
  await expect(tried(load("hosts: a", "build: { web: { run: make, build_on: local } }\n"))).rejects.toThrow(
    /deploy\.yaml:3:10: build\.web runs here/,
  );
  await expect(exportAnsible(contextOf(load("hosts: a")), {})).rejects.toThrow(/--out DIR|into a folder/);
  expect(() => checkedPlatforms(["sunos-sparc"])).toThrow(/none of linux-x64, linux-aarch64/);
  expect(fs.existsSync(out)).toBe(false);
});
