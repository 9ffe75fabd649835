import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { ownerOf } from "../core/owner.ts";
import { readerOf } from "./access.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { scopeOf } from "../systemd/systemctl.ts";
import { probe } from "./probe.ts";

/** What the units use came with 246 (July 2020) at the latest. */
const LEAST_SYSTEMD = 246;

/** Where systemd shows what it does; others in tests. */
const PLACES = { system: "/run/systemd/system", users: "/run/user", linger: "/var/lib/systemd/linger" };

/** Whether the manager that the manifest names is here, and starts what it is given. */
export async function checkManager({ manifest, paths }: Context, places = PLACES): Promise<Finding[]> {
  const { supervisor } = manifest;
  const choose = "choose another supervisor in deploy.yaml";
  if (Object.keys(manifest.services).length === 0) return [];
  if (supervisor === "pidfile")
    return [
      note(
        "manager",
        "the suite's own: after a crash or a reboot, services stay down until somebody types",
        "ops/service/start.ts",
      ),
    ];
  if (supervisor === "launchd")
    return process.platform === "darwin" ? [] : [wrong("manager", "launchd is there on macOS only", choose)];
  const told = await systemdVersion();
  if (told === undefined || !fs.existsSync(places.system))
    return [wrong("manager", "this host does not run systemd", choose)];
  if (told < LEAST_SYSTEMD)
    return [wrong("manager", `systemd is ${told}, and ${LEAST_SYSTEMD} is needed`, "update this host")];
  const uid = ownerOf(paths.deployTo);
  const user = scopeOf(manifest) === "user" ? lingers(uid, readerOf(String(uid))?.name ?? String(uid), places) : [];
  return user.length > 0 ? user : [ok("manager", `systemd ${told}`)];
}

/** The first number of `systemd 252 (252.39-1~deb12u1)`. */
async function systemdVersion(): Promise<number | undefined> {
  const { stdout } = await probe("systemctl", ["--version"]);
  const version = /^systemd (\d+)/.exec(stdout)?.[1];
  return version === undefined ? undefined : Number(version);
}

/** Without linger a user's services end with the last login, and come up with the first. */
function lingers(uid: number, user: string, places: typeof PLACES): Finding[] {
  const enable = `sudo loginctl enable-linger ${user}`;
  if (!fs.existsSync(`${places.linger}/${user}`))
    return [
      wrong(
        "manager",
        `the services of ${user} end when ${user} logs out, and do not come up at boot: linger is off`,
        enable,
      ),
    ];
  return fs.existsSync(`${places.users}/${uid}/systemd`)
    ? []
    : [
        wrong(
          "manager",
          `no manager of ${user} runs: ${places.users}/${uid}/systemd is not there`,
          enable,
          `sudo systemctl start user@${uid}`,
        ),
      ];
}
