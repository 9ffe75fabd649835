import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { observeApplication } from "../../scripts/host/application.ts";
import { renderDraft } from "../../scripts/host/draft.ts";
import { init } from "../../scripts/host/init.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";

let folder = "";
beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), "shop-"))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

const put = (name: string, content: string) => {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  fs.writeFileSync(path.join(folder, name), content);
};

function drafted() {
  const filePath = path.join(folder, "deploy.yaml");
  put("deploy.yaml", renderDraft(observeApplication(folder), { app: "shop" }));
  return loadManifest({ filePath, env: { HOME: "/home/ann" } }).manifest;
}

test("a Containerfile, and nothing else that starts a server: a container, as the file says", () => {
  put("Dockerfile", "FROM a AS b\nWORKDIR /build\nFROM scratch\nWORKDIR /app\nEXPOSE 9000/tcp 9001\nCMD x\n");
  put(".env", "SECRET=x\n");
  put("data/app.db", "");
  const { supervisor, services } = drafted();
  expect(supervisor).toBe("podman");
  expect(services["web"]).toMatchObject({ port: 9000, env_file: [".env"] });
  expect(services["web"]?.container).toMatchObject({
    image: "shop",
    publish: ["127.0.0.1:9000:9000"],
    volumes: ["./data:/app/data"],
  });
});

test("one that says nothing of it", () => {
  put("Containerfile", "FROM scratch\nCOPY server /\nEXPOSE ${PORT}\n");
  expect(drafted().services["web"]).toMatchObject({ port: 8080, container: { publish: ["127.0.0.1:8080:8080"] } });
});

test("what starts a server by itself comes first", () => {
  put("Dockerfile", "FROM node\n");
  put("package.json", '{ "scripts": { "start": "node server.js" } }');
  const { supervisor, services } = drafted();
  expect(supervisor).toBe("pidfile");
  expect(services["web"]?.container).toBeUndefined();
});

test("a starter whose environments have hosts: what is typed next goes there", async () => {
  const { value } = await init(folder, { like: "my-app", dryRun: false });
  expect(value).toMatchObject({
    next: expect.arrayContaining([
      "ops/deploy.ts doctor prod",
      "ops/deploy.ts setup prod",
      "ops/deploy.ts release v1.0.0 prod",
      "ops/deploy.ts traefik prod",
    ]),
  });
});
