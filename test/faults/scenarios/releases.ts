import fs from "node:fs";
import { answerOf, currentId, must, shell } from "../host.ts";
import { commit, type Scenario, serves } from "./scenario.ts";

/** Operations on releases, and on what lies in shared/. */
export const releases: Record<string, Scenario> = {
  switch: {
    command: "release/switch_current",
    prepare: (app) => [currentId(app) === "one" ? "two" : "one"],
    check: (app, [id]) => serves(app, id as string),
  },
  rollback: {
    command: "release/rollback",
    prepare(app) {
      must(app, "release/switch_current", ["two"]);
      return ["one"];
    },
    check: (app) => serves(app, "one"),
    isDone: /is current already/,
  },
  build: {
    command: "release/build_release",
    prepare: (app, round) => (commit(app, round), ["--id", `built-${round}`]),
    check: async (app, [, id]) =>
      fs.existsSync(`${app.tree}/releases/${id}/RELEASE.json`) ? undefined : `${id} is not built`,
  },
  deploy: {
    command: "release/deploy",
    prepare: (app, round) => (commit(app, round), ["--id", `deployed-${round}`]),
    check: (app, [, id]) => serves(app, id as string),
  },
  harden: {
    command: "release/prepare_shared",
    prepare(app) {
      const link = (name: string) =>
        `rm -rf ${app.tree}/shared/${name} && ln -s ${app.path}/${name} ${app.tree}/shared/${name}`;
      must(app, "service/stop");
      shell(app, `date > data/state && ${link("data")} && ${link(".env")}`);
      must(app, "service/start");
      return ["--harden"];
    },
    async check(app) {
      const isReal = (name: string) => !fs.lstatSync(`${app.tree}/shared/${name}`).isSymbolicLink();
      const isSame =
        shell(app, `cmp data/state ${app.tree}/shared/data/state && cmp .env ${app.tree}/shared/.env`).status === 0;
      const left = fs.readdirSync(`${app.tree}/shared`).filter((name) => /^\.(taking|kept)/.test(name));
      if (!isReal("data") || !isReal(".env") || !isSame || left.length > 0)
        return `shared/ is not as it should be: ${left.join(" ")}`;
      return (await answerOf(app)) === currentId(app) ? undefined : "nothing serves";
    },
  },
  prune: {
    command: "release/prune",
    prepare(app, round) {
      commit(app, round);
      must(app, "release/build_release", ["--id", `old-${round}`]);
      const row = ["--release-id", `old-${round}`, "--commit-sha", "0", "--status", "deploy_failed"];
      must(app, "release/release-registry", ["upsert", ...row]);
      return [];
    },
    check: async (app) =>
      fs.readdirSync(`${app.tree}/releases`).some((name) => /^old-|^\./.test(name)) ? "something was left" : undefined,
  },
};
