import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { unitOf } from "../../scripts/systemd/names.ts";

const loadSeed = (name: string, environment?: string) =>
  loadManifest({
    filePath: fileURLToPath(new URL(`../../templates/manifests/${name}.yaml`, import.meta.url)),
    environment,
    env: { HOME: "/home/u" },
  }).manifest;

describe("each of the five systems can be written down", () => {
  test("PaperTok", () => {
    const manifest = loadSeed("papertok");
    expect(manifest.deploy_to).toBe("/home/u/papertok-deploy");
    expect(manifest.linked_dirs[1]).toEqual({
      path: "backend/.venv",
      shared: "venv",
      from: "backend/.venv",
      optional: true,
    });
    expect(manifest.drain).toMatchObject({ every: 5000, timeout: 3_600_000 });
    expect(manifest.services["daily"]).toMatchObject({ schedule: { cron: "0 9 * * *" }, label: "com.papertok.daily" });
  });

  test("a container on a VPS", () => {
    const manifest = loadSeed("my-app", "staging");
    expect(manifest).toMatchObject({
      release_id: "tag",
      keep_releases: 5,
      deploy_to: "/home/deploy_user/web/my-app-staging",
    });
    expect(manifest.services["web"]).toMatchObject({
      run: "",
      container: { image: "my-app", publish: ["127.0.0.1:8081:8080"] },
    });
    expect(manifest.sites["main"]?.maintenance).toEqual({
      page: "maintenance.html",
      retry_after: 5000,
      during_switch: true,
    });
  });

  test("a desktop with dev, test and prod side by side", () => {
    const [prod, dev, test_] = ["prod", "dev", "test"].map((name) => loadSeed("aqa-youtube-assistant", name));
    expect([prod, dev, test_].map((each) => each?.services["backend"]?.port)).toEqual([8001, 8000, 8002]);
    expect(prod?.services["backend"]?.env["CORS_ORIGINS"]).toBe("http://localhost:3001");
    expect(dev?.build["frontend"]?.env["NEXT_PUBLIC_API_URL"]).toBe("http://localhost:8000");
    expect(prod?.linked_files[0]).toMatchObject({ path: "backend/.env", from: "backend/.env.production", mode: 0o600 });
    expect(test_?.database?.sqlite).toBe("youtube_assistant_test.db");
    expect(prod?.dependencies["backend"]).toMatchObject({ path: "backend/venv-prod", needs: ["python3>=3.11"] });
  });

  test("image annotation behind nginx", () => {
    const manifest = loadSeed("medc-annot");
    expect(manifest.source).toMatchObject({ repo: "/opt/medc-img-annotation-app", ref: "main", pull: "ff-only" });
    expect(manifest.services["api"]).toMatchObject({
      restart_sec: 2000,
      env_required: expect.arrayContaining(["SECRET_KEY", "JWT_SECRET_KEY"]),
    });
    expect(manifest.services["api"]?.run).toContain("'app:create_app()'");
    expect(manifest.dependencies["backend"]).toMatchObject({ path: "backend/venv", use: "/opt/conda/envs/medc" });
    expect(manifest.smoke[1]).toMatchObject({
      url: "http://127.0.0.1:8000/api/prev_image",
      body: '{"by":"last_annotated","current_image_id":2}',
    });
    expect(manifest.sites["main"]).toMatchObject({ spa: true, alias: { "/static/img/": { max_age: 604_800_000 } } });
  });

  test("Oroboros", () => {
    const manifest = loadSeed("oroboros");
    expect(manifest).toMatchObject({
      release_id: "sha",
      health: { run: ["scripts/runtime-health-check.sh"], timeout: 60_000 },
    });
    expect(manifest.build["frontend"]?.when).toBe("npm");
    expect(Object.values(manifest.dependencies).map(({ path }) => path)).toEqual(["backend/.venv", "worker/.venv"]);
    expect(Object.keys(manifest.services).map((name) => unitOf(manifest, name))).toEqual([
      "oroboros-api.service",
      "oroboros-worker.service",
      "oroboros-web@.service",
      "oroboros-caddy.service",
    ]);
    expect(Object.keys(manifest.services["web"]?.instances ?? {})).toContain("main");
  });
});
