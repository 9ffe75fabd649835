import fs from "node:fs";
import { type Application, currentId, must, shell } from "../host.ts";
import { commit, editManifest, type Scenario, serves, verifyProblem } from "./scenario.ts";

const PACKAGES = 120;

/** A dependency set whose install writes many files. */
export const DEPENDENCIES = `dependencies:
  packages:
    path: packages
    key: packages.lock
    run: "mkdir packages; for i in $(seq ${PACKAGES}); do sed s/lock/$i/ packages.lock >packages/$i; done"
`;

const isLink = (place: string) => fs.lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true;

/** Changes the lockfile and everything that a commit changes. */
export function commitPackages(app: Application, round: number): void {
  fs.writeFileSync(`${app.path}/packages.lock`, `lock of ${round}\n`);
  commit(app, round);
}

/** A release's packages are those of its lockfile, all of them, in a set that counts. */
export function packagesProblem(app: Application, id: string): string | undefined {
  const release = `${app.tree}/releases/${id}`;
  if (!isLink(`${release}/packages`)) return `${id} has no link to its packages`;
  const set = fs.realpathSync(`${release}/packages`);
  if (!fs.existsSync(`${set}/../.complete`)) return `the packages of ${id} are in a set that is not complete`;
  const wanted = fs.readFileSync(`${release}/packages.lock`, "utf8");
  for (let i = 1; i <= PACKAGES; i++)
    if (!fs.existsSync(`${set}/${i}`) || fs.readFileSync(`${set}/${i}`, "utf8") !== wanted.replace("lock", String(i)))
      return `package ${i} of ${id} is not what its lockfile says`;
  return undefined;
}

/** After a prune, every set that is left is complete, and some release has it. */
export function setsProblem(app: Application): string | undefined {
  const sets = fs.readdirSync(`${app.tree}/shared/deps/packages`);
  const unfinished = sets.filter((key) => !fs.existsSync(`${app.tree}/shared/deps/packages/${key}/.complete`));
  if (unfinished.length > 0) return `unfinished sets: ${unfinished.join(" ")}`;
  const releases = fs.readdirSync(`${app.tree}/releases`).length;
  return sets.length > releases ? `${sets.length} sets for ${releases} releases` : undefined;
}

const sharing = (hasStep: boolean): Scenario => ({
  command: "release/build_release",
  prepare(app, round) {
    if (round === 1) {
      if (!hasStep) editManifest(app, "", /^build:\n {2}.*\n/m);
      shell(app, "mkdir many && for i in $(seq 40); do echo file $i >many/$i; done; echo dist/ >>.gitignore");
      commit(app, 0);
      must(app, "release/deploy", ["--id", "base"]);
    }
    fs.writeFileSync(`${app.path}/many/1`, `changed in ${round}\n`);
    commit(app, round);
    return ["--id", `shared-${round}`];
  },
  async check(app, [, id], round) {
    const release = `${app.tree}/releases/${id}`;
    if (!fs.existsSync(`${release}/RELEASE.json`)) return `${id} is not built`;
    if (fs.readFileSync(`${release}/many/1`, "utf8") !== `changed in ${round}\n`) return "what changed was shared";
    const inodes = ["base", id].map((one) => fs.statSync(`${app.tree}/releases/${one}/many/2`));
    const isReflinked = inodes[1]?.nlink === 1;
    if (!isReflinked && inodes[0]?.ino !== inodes[1]?.ino) return "what did not change is not shared";
    const { own_bytes, bytes } = JSON.parse(fs.readFileSync(`${release}/RELEASE.json`, "utf8")) as Record<
      string,
      number
    >;
    if (!((own_bytes ?? 0) < (bytes ?? 0))) return "nothing is shared";
    return verifyProblem(app, "base", id as string);
  },
});

/** Whatever makes a release: sets of packages, and files that it shares. */
export const building: Record<string, Scenario> = {
  dependencies: {
    command: "release/deploy",
    prepare(app, round) {
      if (round === 1) editManifest(app, DEPENDENCIES);
      commitPackages(app, round);
      return ["--id", `packed-${round}`];
    },
    async check(app, [, id]) {
      const wrong = (await serves(app, id as string)) ?? packagesProblem(app, id as string);
      if (wrong) return wrong;
      must(app, "release/prune");
      const packed = fs.readdirSync(`${app.tree}/releases`).filter((name) => name.startsWith("packed-"));
      return setsProblem(app) ?? packed.map((name) => packagesProblem(app, name)).find(Boolean);
    },
  },
  promote: {
    command: "release/promote",
    prepare(app, round) {
      const manifest = `${app.path}/deploy.yaml`;
      if (round === 1) {
        editManifest(app, DEPENDENCIES);
        shell(app, "cp deploy.yaml own.yaml; echo packages/ >>.gitignore; mkdir packages; echo mine >packages/mine");
        shell(app, `ln -s ${app.path}/packages ${app.tree}/shared/packages`);
        editManifest(app, "linked_dirs: [data, packages]", /^linked_dirs: .*$/m);
        editManifest(app, "", /^dependencies:\n(?: .*\n)*/m);
        shell(app, "cp deploy.yaml borrowing.yaml");
      }
      fs.copyFileSync(`${app.path}/borrowing.yaml`, manifest);
      commitPackages(app, round);
      must(app, "release/deploy", ["--id", `borrowing-${round}`]);
      fs.copyFileSync(`${app.path}/own.yaml`, manifest);
      return [];
    },
    recovered(app) {
      const id = currentId(app);
      const isOwn = fs.readlinkSync(`${app.tree}/releases/${id}/packages`).includes("/deps/");
      return verifyProblem(app, id) ?? (isOwn ? packagesProblem(app, id) : undefined);
    },
    async check(app, _, round) {
      const id = `borrowing-${round}`;
      const left = fs.readdirSync(`${app.tree}/releases/${id}`).filter((name) => /^\.(kept|relist|switch)-/.test(name));
      if (left.length > 0) return `left: ${left.join(" ")}`;
      return (await serves(app, id)) ?? packagesProblem(app, id) ?? setsProblem(app) ?? verifyProblem(app, id);
    },
    isDone: /leads to a dependency set already/,
  },
  shared: sharing(false),
  sealed: sharing(true),
};
