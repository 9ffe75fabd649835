import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { suitePath } from "../../scripts/core/context.ts";
import { renderChecklist } from "../../scripts/suite/checklist.ts";
import { wantedCommands } from "../../scripts/suite/launchers.ts";
import { openNeutral } from "../../scripts/suite/neutral.ts";
import { renderRunbook } from "../../scripts/suite/runbook.ts";

const seed = (name: string) =>
  openNeutral(
    fs.readFileSync(path.join(suitePath, `templates/manifests/${name}.yaml`), "utf8"),
    "deploy.yaml",
    undefined,
  );

describe("an environment with hosts", () => {
  const HOSTS = "environments: { dev: {}, prod: { hosts: [a.example.org, b.example.org], user: ann, port: 2222 } }\n";
  const remote = (environment: string, more = "") =>
    openNeutral(`app: shop\ndeploy_to: ~/shop\n${more}${HOSTS}`, "deploy.yaml", environment);

  test("where all environments have hosts the pages are about the first, and what is typed goes there", () => {
    const book = renderRunbook(seed("my-app"));
    expect(book).toMatch(/^ops\/deploy\.ts release v2\.0\.0 prod$/m);
    expect(book).toMatch(/^ops\/deploy\.ts rollback prod 20261113-090000-0d4c3b2$/m);
    expect(book).toMatch(/^ops\/deploy\.ts prepare prod --move$/m);
    expect(book).toMatch(/^ops\/deploy\.ts units prod$/m);
    expect(book).toContain(
      "| staging | `/home/deploy_user/web/my-app-staging` | `ops/deploy.ts release v2.0.0 staging` |",
    );
    expect(book).not.toMatch(/^ops\/(?!deploy\.ts)/m);
    expect(book).not.toContain("CHECKOUT");
    expect(book).toContain("  /home/deploy_user/web/my-app/ops/service/stop.ts web");
  });

  test("the account that generates a page is not in it", () =>
    expect(renderRunbook(seed("my-app"))).toMatch(
      /env XDG_RUNTIME_DIR="\/run\/user\/\$\(id -u\)" bash .*'podman build --tag/,
    ));

  test("its blocks are for the hosts, wherever their home is", () => {
    const book = renderRunbook(remote("prod"));
    expect(book).toContain("scp -P 2222 deploy.yaml ann@a.example.org:shop.yaml\nssh -p 2222 ann@a.example.org\n");
    expect(book).toContain("| hosts | `a.example.org`, `b.example.org` |");
    expect(book).toContain('mkdir -p -- "$HOME"/shop/releases');
    expect(book).toContain(`deploy_to=%s env=prod host=%s\\n' "$HOME"/shop "$HOME"/shop "$HOST"`);
  });

  test("what is built here is not in the host's block", () => {
    const build = "build: { here: { run: make here, build_on: local }, there: { run: make there } }\n";
    const book = renderRunbook(remote("prod", build));
    expect(book).toContain("builds here here, sends what the host does not have yet, builds there there.");
    expect(book).toContain("make there");
    expect(book).not.toContain("make here");
  });

  test("beside one that is here leaves the pages to that one", () => {
    const book = renderRunbook(openNeutral(`app: shop\ndeploy_to: ~/shop\n${HOSTS}`, "deploy.yaml", undefined));
    expect(book).toMatch(/^ops\/release\/rollback\.ts$/m);
    expect(book).toContain("| prod | `~/shop` | `ops/deploy.ts release prod` |");
    expect(book).toContain("| dev | `$HOME/shop` | `ops/release/deploy.ts --env dev` |");
  });

  test("has a checklist of its own", () => {
    const list = renderChecklist(seed("my-app"));
    expect(list).toContain("- [ ] `ops/deploy.ts doctor prod` finds nothing wrong");
    expect(list).toContain("- [ ] on vps.example.org: `podman build` makes localhost/my-app");
    expect(list).not.toContain("nothing is built");
    expect(
      renderChecklist(
        openNeutral("app: shop\ndeploy_to: ~/shop\nsource: { via: worktree }\n", "deploy.yaml", undefined),
      ),
    ).toContain("the files as they lie here");
  });

  test("has the command for the units of its containers", () =>
    expect(wantedCommands(["systemd/install_systemd"], [seed("my-app").context.manifest])).toEqual([
      "systemd/install_systemd",
    ]));
});
