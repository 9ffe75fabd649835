import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { suitePath } from "../../scripts/core/context.ts";
import { renderChecklist } from "../../scripts/suite/checklist.ts";
import { PAGES, renderPage } from "../../scripts/host/command_pages.ts";
import { renderCrontab } from "../../scripts/suite/crontab.ts";
import { renderSuite } from "../../scripts/host/generate.ts";
import { starterNames } from "../../scripts/host/starters.ts";
import { suiteCommands, wantedCommands } from "../../scripts/suite/launchers.ts";
import { openNeutral } from "../../scripts/suite/neutral.ts";
import { renderRunbook } from "../../scripts/suite/runbook.ts";

const seedsPath = path.join(suitePath, "templates/manifests");
const seed = (name: string, environment?: string) =>
  openNeutral(fs.readFileSync(path.join(seedsPath, `${name}.yaml`), "utf8"), "deploy.yaml", environment);
const small = (more: string) => openNeutral(`app: shop\ndeploy_to: ~/shop\n${more}`, "deploy.yaml", undefined);

test.each(starterNames())("%s: every page is made, and names nothing of this machine", (name) => {
  const neutral = seed(name);
  for (const { path: file, content } of renderSuite(neutral, "/src/app")) {
    expect(content, file).not.toMatch(/\/@|undefined|\[object/);
    expect(content, file).not.toContain(suitePath);
  }
});

const manifests = (name: string) => [seed(name).context.manifest];

describe("the launchers are those that the manifest needs", () => {
  const all = [
    "data/backup",
    "deploy",
    "host/init",
    "launchd/install_launchd",
    "nginx/install_nginx",
    "release/prune",
    "systemd/install_systemd",
  ];
  test.each([
    ["papertok", ["deploy", "launchd/install_launchd", "release/prune"]],
    ["medc-annot", ["data/backup", "deploy", "nginx/install_nginx", "release/prune", "systemd/install_systemd"]],
    ["aqa-youtube-assistant", ["data/backup", "deploy", "release/prune", "systemd/install_systemd"]],
  ])("%s", (name, wanted) => expect(wantedCommands(all, manifests(name))).toEqual(wanted));
});

const lines = (neutral: Parameters<typeof renderCrontab>[0], folder = "/src/app") =>
  renderCrontab(neutral, folder)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

describe("crontab", () => {
  test("prunes by the manifest's schedule, by what lies in the tree", () =>
    expect(lines(small('prune: { schedule: "0 5 * * *" }\n'))).toEqual([
      '0 5 * * * "$HOME"/shop/ops/release/prune.ts --manifest "$HOME"/shop/deploy.yaml >>"$HOME"/shop/logs/cron.log 2>&1',
    ]));
  test("starts a scheduled service by the launcher, with its environment", () =>
    expect(
      lines(small("services: { nightly: { run: bin/job '50%', env: { A: it's }, schedule: 5 4 * * 1 } }\n")),
    ).toEqual([
      `5 4 * * 1 env PATH=/usr/local/bin:/usr/bin:/bin 'A=it'\\''s' SWITCHBACK_JOB="$HOME"/shop:nightly "$HOME"/shop/ops/service/launch.ts --dir "$HOME"/shop/current --env-file -"$HOME"/shop/current/RELEASE.env -- bin/job 50\\% >>"$HOME"/shop/logs/nightly.log 2>&1`,
    ]));
  test("leaves to launchd and systemd what they start by themselves", () => {
    expect(lines(seed("papertok"))).toEqual([]);
    expect(renderCrontab(seed("papertok"), "/src/app")).toContain("# supervisor: launchd starts the jobs");
  });
  test("is a proposal where nothing is scheduled", () => {
    expect(lines(small(""))).toEqual([]);
    expect(renderCrontab(small(""), "/src/app")).toMatch(/^# 0 3 \* \* \* /m);
  });
  test("escapes %, which cron takes for a line break", () =>
    expect(
      lines(
        openNeutral('app: a\ndeploy_to: /srv/50%\nprune: { schedule: "0 1 * * *" }\n', "deploy.yaml", undefined),
      )[0],
    ).toContain("/srv/50\\%/ops"));
  test("names the place of a tree inside the checkout, which cron does not know", () =>
    expect(
      lines(openNeutral('app: a\ndeploy_to: .deploy\nprune: { schedule: "0 1 * * *" }\n', "deploy.yaml", undefined))[0],
    ).toContain(" /src/app/.deploy/ops/"));
  test("makes the backups", () =>
    expect(
      lines(small('linked_dirs: [data]\ndatabase: { sqlite: data/a.db }\nbackups: { schedule: "0 4 * * *" }\n')),
    ).toEqual([
      '0 4 * * * "$HOME"/shop/ops/data/backup.ts --manifest "$HOME"/shop/deploy.yaml --scheduled >>"$HOME"/shop/logs/cron.log 2>&1',
    ]));
  test("has a line for every tree", () =>
    expect(
      lines(small('prune: { schedule: "0 1 * * *" }\nenvironments:\n  prod: {}\n  test: { deploy_to: /srv/test }\n')),
    ).toHaveLength(2));
});

test("the checklist names what this manifest asks for", () => {
  const list = renderChecklist(seed("medc-annot"));
  expect(list).toContain("`git -C /opt/medc-img-annotation-app pull --ff-only`");
  expect(list).toContain("`/opt/releases/medc-annot/shared/backend/.env` is there (mode 0600)");
  expect(list).toContain("`SECRET_KEY`, `JWT_SECRET_KEY` are set");
  expect(list).toContain("frontend: `npm ci`, `npm run build` in `frontend`");
  expect(list).toContain("`curl -fsS http://127.0.0.1:8000/api/healthz` answers");
  expect(list).toContain(
    '`POST http://127.0.0.1:8000/api/prev_image` with `{"by":"last_annotated","current_image_id":2}` answers 200 or 404',
  );
  expect(list).toContain("`nginx -t` passes");
  expect(list).toContain("`ops/release/rollback.ts`");
  const other = renderChecklist(seed("aqa-youtube-assistant", "dev"));
  expect(other).toContain("`ops/release/rollback.ts --env dev`");
  expect(other).not.toContain("pull --ff-only");
});

test("the runbook is that of its manifest and environment", () => {
  const dev = renderRunbook(seed("aqa-youtube-assistant", "dev"));
  expect(dev).toContain('"$HOME"/aqa-youtube-assistant-dev/releases');
  expect(dev).toContain("ops/release/switch_current.ts --env dev 2026");
  expect(dev).toContain("| prod | `$HOME/aqa-youtube-assistant-prod` | `ops/release/deploy.ts --env prod` |");
  expect(renderRunbook(small("keep_releases: 1\n"))).toContain("Prune to 1 good releases, step by step");
});

describe("data and packages: what the manifest has, and nothing else", () => {
  const titles = (neutral: Parameters<typeof renderRunbook>[0]) =>
    [...renderRunbook(neutral).matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  const OWN = [
    "Dependency sets",
    "What a switch waits for",
    "Roll back across a change of the schema",
    "Migration",
    "Backups, and the drill",
  ];
  const found = (more: string) => titles(small(more)).filter((title) => OWN.includes(title ?? ""));

  test("each section comes with its key", () => {
    const database = "linked_dirs: [data]\ndatabase: { sqlite: data/a.db }\n";
    const sets = "dependencies: { api: { path: venv, key: lock.txt, run: 'true' } }\n";
    const drain = "drain: { run: bin/idle, every: 1s, timeout: 2m, then: abort }\n";
    const job = "services: { nightly: { run: bin/x, schedule: 0 1 * * * } }\n";
    expect(found("")).toEqual([]);
    expect(found("dependencies: { conda: { path: env, use: /opt/conda } }\n")).toEqual([]);
    expect(found(sets)).toEqual(["Dependency sets"]);
    expect(found(drain)).toEqual(["What a switch waits for"]);
    expect(found(job)).toEqual(["What a switch waits for"]);
    expect(found("migrate: { run: bin/up }\n")).toEqual(["Migration"]);
    expect(found(database)).toEqual(["Backups, and the drill"]);
    expect(found(`${sets}${drain}${job}${database}migrate: { run: bin/up }\n`)).toEqual(OWN);
  });

  test("they say what is typed, and what becomes of the data", () => {
    const book = renderRunbook(seed("aqa-youtube-assistant"));
    expect(book).toMatch(/^ops\/release\/rollback\.ts 20261113-090000-0d4c3b2 --restore-data --yes$/m);
    expect(book).toMatch(/^ops\/release\/rollback\.ts 20261113-090000-0d4c3b2 --keep-data$/m);
    expect(book).toContain("ops/data/migrate.ts --part bring 20261120-031000-backup-3f0c");
    expect(book).toContain(
      "stays as `$HOME/aqa-youtube-assistant-prod/shared/youtube_assistant_prod.db.failed-<operation>`",
    );
    expect(book).toMatch(/^ops\/data\/restore\.ts --prove$/m);
    expect(book).toContain("# Make the dependency set backend (0f3a9c5e71b24d68)");
    expect(renderRunbook(small("migrate: { run: bin/up }\n"))).toContain("nothing is backed up before it");
    expect(renderRunbook(small("drain: { run: bin/idle, every: 1s, timeout: 2m, then: proceed }\n"))).toContain(
      "goes on all the same",
    );
  });

  test("a tree whose only job is a backup needs its crontab", () =>
    expect(
      titles(small('linked_dirs: [d]\ndatabase: { sqlite: d/a.db }\nbackups: { schedule: "0 4 * * *" }\n')),
    ).toContain("When a schedule changed"));

  test("the checklist asks for them", () => {
    const list = renderChecklist(seed("aqa-youtube-assistant"));
    expect(list).toContain(
      "dependency set backend: made anew when `backend/requirements.txt` changed; `python3>=3.11` is here",
    );
    expect(list).toContain("the database is backed up, and `venv-prod/bin/alembic upgrade head` goes through");
    expect(list).toContain("`ops/data/restore.ts --prove` says");
    expect(list).toContain("`--keep-data` starts the old release");
    expect(renderChecklist(small("migrate: { run: bin/up }\n"))).toContain("- [ ] `bin/up` goes through");
    expect(renderChecklist(small(""))).not.toMatch(/backup|dependency|keep-data/);
  });
});

describe("the page beside each command", () => {
  const changing = suiteCommands().filter((name) =>
    /core\/change\.ts|release\/pin\.ts/.test(fs.readFileSync(path.join(suitePath, "ops", `${name}.ts`), "utf8")),
  );
  test("every changing command has one", () => expect(Object.keys(PAGES).toSorted()).toEqual(changing.toSorted()));
  test.each(Object.keys(PAGES))("%s is as it would be generated (ops/_bun scripts/host/command_pages.ts)", (name) => {
    const page = fs.readFileSync(path.join(suitePath, "ops", `${name}.md`), "utf8");
    expect(page).toBe(renderPage(name));
    expect(page).not.toContain(suitePath);
  });
});
