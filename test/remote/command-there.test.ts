import { expect, test } from "vitest";
import { environmentOf } from "../../scripts/remote/command-there.ts";
import type { Header } from "../../scripts/remote/header.ts";

test("a command on a host has the login's environment, without what would lead it to another tree", () => {
  const login = {
    PATH: "/bin",
    SSH_CONNECTION: "x",
    DEPLOY_ROOT: "/srv/other",
    DEPLOY_CURRENT_LINK: "/srv/link",
    DEPLOY_RELEASES_DIR: "/srv/releases",
    DEPLOY_MANIFEST: "/srv/x.yaml",
    REPO_ROOT: "/srv/repo",
    DEPLOY_SERVICES: "of the login",
  };
  const header = { environment: "prod", env: { DEPLOY_SERVICES: "web" } } as unknown as Header;
  expect(environmentOf(header, login)).toEqual({ PATH: "/bin", SWITCHBACK_TYPED: "prod", DEPLOY_SERVICES: "web" });
});
