import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { wantedPlists } from "../../scripts/launchd/render.ts";
import type { InstalledFile } from "../../scripts/render/file.ts";
import { type ServiceDefinition, type ServicePlace } from "../../scripts/service/definition.ts";
import { definitionsOf } from "../../scripts/service/definitions.ts";
import { launchdSupervisor } from "../../scripts/service/launchd-supervisor.ts";
import { currentRelease } from "../../scripts/service/pidfile-supervisor.ts";
import { subjectOfText, textOf } from "./subject.ts";

const ops = path.resolve(import.meta.dirname, "../../ops");

/**
 * A tree with the releases r1 and r2, a home directory, and the double of launchctl first in PATH (bin/launchctl). The services run
 * for real, through the real launcher.
 */
export function makeMac() {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-mac-")));
  const at = (...names: string[]) => path.join(root, ...names);
  const owner = { name: "anna", uid: 501, home: at("home") };
  const env = {
    PATH: `${path.join(import.meta.dirname, "bin")}:/usr/bin:/bin`,
    FAKE_LAUNCHD: at("launchd"),
    HOME: at("home"),
  };
  for (const folder of ["home", "launchd", "tree/logs", "tree/releases/r1", "tree/releases/r2"])
    fs.mkdirSync(at(folder), { recursive: true });
  for (const id of ["r1", "r2"]) fs.writeFileSync(at("tree/releases", id, "RELEASE.env"), `RELEASE_ID=${id}\n`);
  fs.symlinkSync(ops, at("tree/ops"));
  const before = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
  Object.assign(process.env, env);
  const link = (id: string) => {
    fs.rmSync(at("tree/current"), { force: true });
    fs.symlinkSync(`releases/${id}`, at("tree/current"));
  };
  link("r1");
  const subjectOf = (manifest: Record<string, unknown>) =>
    subjectOfText(textOf({ app: "shop", deploy_to: at("tree"), supervisor: "launchd", ...manifest }), owner);
  const write = ({ path: file, content }: InstalledFile) => {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  };
  const place: ServicePlace = {
    app: "shop",
    deployTo: at("tree"),
    currentPath: at("tree/current"),
    runPath: at("tree/run"),
    logsPath: at("tree/logs"),
  };
  return {
    at,
    env,
    owner,
    link,
    subjectOf,
    place,
    write,
    /** A manifest's supervisor, with its property lists installed. */
    install(manifest: Record<string, unknown>) {
      const subject = subjectOf(manifest);
      wantedPlists(subject).forEach(write);
      const supervisor = launchdSupervisor(subject, place);
      const definitions = definitionsOf(subject.manifest);
      const one = (name: string) => definitions.find((each) => each.name === name) as ServiceDefinition;
      return { supervisor, one, release: () => currentRelease(place) };
    },
    /** What a test orders of the double: `fail-bootstrap` fails so many times. */
    order: (fault: string, times: number) => fs.writeFileSync(at("launchd", fault), String(times)),
    /** What launchctl was told since the last question. */
    calls() {
      const file = at("launchd/calls");
      const text = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
      fs.rmSync(file, { force: true });
      return text.split("\n").filter((line) => line !== "" && !line.startsWith("print "));
    },
    launchctl: (...words: string[]) => spawnSync("launchctl", words, { encoding: "utf8" }),
    log: (name = "web") => fs.readFileSync(at("tree/logs", `${name}.log`), "utf8"),
    async clear() {
      const jobs = fs.readdirSync(at("launchd")).filter((file) => file.endsWith(".json"));
      for (const job of jobs) spawnSync("launchctl", ["bootout", `gui/501/${path.basename(job, ".json")}`]);
      for (let left = 100; left > 0 && jobs.some((job) => fs.existsSync(at("launchd", job))); left--)
        await new Promise((resolve) => setTimeout(resolve, 50));
      Object.assign(process.env, before);
      fs.rmSync(root, { recursive: true, force: true });
    },
  };
}
