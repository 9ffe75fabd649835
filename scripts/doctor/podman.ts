import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { ownerOf } from "../core/owner.ts";
import { hasContainers, hasQuadlet } from "../podman/quadlet.ts";
import { definitionsOf } from "../service/definitions.ts";
import { runtimePath } from "../systemd/systemctl.ts";
import { readerOf } from "./access.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { probe, whichOfRoot } from "./probe.ts";

const CHECK = "podman";

/** What the units use came with 4.0 at the latest: a container's output straight into the unit's. */
const LEAST_PODMAN = 4;

/** Ids that the accounts of an image may need beside root; podman's own default is as many. */
const LEAST_IDS = 65_536;

/** What rootless podman needs of a host; others in tests. */
export interface PodmanPlaces {
  /** Folder of subuid and subgid. */
  etc: string;
  cgroup: string;
}

const PLACES: PodmanPlaces = { etc: "/etc", cgroup: "/sys/fs/cgroup" };

/** Whether podman is here, and runs containers for the tree's owner without root. */
export async function checkPodman(context: Context): Promise<Finding[]> {
  if (!hasContainers(context.manifest)) return [];
  if (!whichOfRoot("podman"))
    return [wrong(CHECK, "podman is not installed", "sudo apt-get install podman uidmap slirp4netns")];
  const version = (await probe("podman", ["--version"])).stdout.match(/\d+(?:\.\d+)+/)?.[0] ?? "0";
  if (Number.parseInt(version, 10) < LEAST_PODMAN)
    return [wrong(CHECK, `podman is ${version}, and ${LEAST_PODMAN}.0 is needed`, "update podman")];
  const uid = ownerOf(context.paths.deployTo);
  const found = uid === 0 ? checkGroups(PLACES) : lacks(uid, readerOf(String(uid))?.name ?? String(uid), PLACES);
  const isSound = !found.some(({ level }) => level === "wrong");
  return [...found, ...(isSound ? await ask(version) : []), ...checkFiles(context)];
}

/** What keeps an account from running containers without root. */
export const lacks = (uid: number, user: string, places: PodmanPlaces): Finding[] => [
  ...["subuid", "subgid"].flatMap((file) => checkIds(uid, user, path.join(places.etc, file))),
  ...["newuidmap", "newgidmap"].flatMap((program) =>
    whichOfRoot(program) ? [] : [wrong(CHECK, `${program} is not installed`, "sudo apt-get install uidmap")],
  ),
  ...checkGroups(places),
  ...(["slirp4netns", "pasta"].some((program) => whichOfRoot(program))
    ? []
    : [
        wrong(
          CHECK,
          "neither slirp4netns nor pasta is there: no port can be published",
          "sudo apt-get install slirp4netns",
        ),
      ]),
];

function checkIds(uid: number, user: string, file: string): Finding[] {
  const lines = fs.existsSync(file) ? fs.readFileSync(file, "utf8").split("\n") : [];
  const fields = lines.map((line) => line.split(":"));
  const count = fields
    .filter(([who]) => who === user || who === String(uid))
    .reduce((sum, [, , many]) => sum + (Number(many) || 0), 0);
  if (count >= LEAST_IDS) return [];
  const end = Math.max(100_000, ...fields.map(([, from, many]) => Number(from) + Number(many) || 0));
  const flag = path.basename(file) === "subuid" ? "--add-subuids" : "--add-subgids";
  return [
    wrong(
      CHECK,
      `${user} has ${count} ids in ${file}, and the accounts of an image may need ${LEAST_IDS}`,
      `sudo usermod ${flag} ${end}-${end + LEAST_IDS - 1} ${user} && sudo -u ${user} podman system migrate`,
    ),
  ];
}

const checkGroups = ({ cgroup }: PodmanPlaces): Finding[] =>
  fs.existsSync(path.join(cgroup, "cgroup.controllers"))
    ? []
    : [
        wrong(
          CHECK,
          "this host has no unified control groups (cgroup v2): a unit cannot hold its container's processes",
          "boot with systemd.unified_cgroup_hierarchy=1",
        ),
      ];

interface Info {
  host?: { security?: { rootless?: boolean } };
  store?: { graphDriverName?: string };
}

/** Lets podman itself say what it found. */
async function ask(version: string): Promise<Finding[]> {
  const words = [`XDG_RUNTIME_DIR=${runtimePath()}`, "podman", "info", "--format", "json"];
  const { status, stdout, stderr } = await probe("env", words);
  if (status !== 0)
    return [wrong(CHECK, `podman info: ${stderr.trim().split("\n").at(-1) || "no answer"}`, "podman info")];
  const { host, store } = JSON.parse(stdout) as Info;
  const driver = store?.graphDriverName ?? "?";
  const units = hasQuadlet() ? "Quadlet files" : "units of its own: this podman has no Quadlet";
  const whose = host?.security?.rootless === false ? "as root" : "without root";
  const copies =
    driver === "vfs"
      ? [
          note(
            CHECK,
            "its storage is vfs, which copies each layer of each image in full",
            "sudo apt-get install fuse-overlayfs, and podman system reset (it removes all images and containers)",
          ),
        ]
      : [];
  return [ok(CHECK, `${version}, ${whose}, storage ${driver}, ${units}`), ...copies];
}

/** Podman passes on what stands behind the = as it is; systemd, and so a service outside of a container, takes the quotes away. */
function checkFiles({ manifest, paths }: Context): Finding[] {
  const files = definitionsOf(manifest)
    .filter(({ isContained }) => isContained)
    .flatMap(({ env_file: own }) => own.map((file) => path.resolve(paths.current, file)));
  return [...new Set(files)].flatMap((file) => {
    const names = fs.existsSync(file) ? quotedIn(fs.readFileSync(file, "utf8")) : [];
    const message = `${file}: podman takes the quotes around ${names.join(", ")} as a part of the value`;
    return names.length > 0 ? [note(CHECK, message, "remove the quotes there")] : [];
  });
}

/** Names of variables whose value stands in quotes. */
export const quotedIn = (text: string): string[] =>
  [...text.matchAll(/^\s*([A-Za-z_]\w*)=(["']).*\2\s*$/gm)].flatMap(([, name]) => name ?? []);
