import fs from "node:fs";
import path from "node:path";
import { spawnSync } from "node:child_process";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { inTemporaryFolder } from "../core/temporary.ts";
import type { Plan } from "../core/step.ts";
import { refuseUnsupported } from "../manifest/supervisor-limits.ts";
import type { InstalledFile } from "../render/file.ts";
import { diffsOf } from "../render/reading.ts";
import { subjectOf } from "../render/subject.ts";
import { definitionsOf } from "../service/definitions.ts";
import { supervisorOf } from "../service/supervisors.ts";
import { observeUnits } from "./manager.ts";
import { unitFileOf } from "./names.ts";
import { isLingering, refuseWithoutManager, scopeOf } from "./systemctl.ts";
import { logSteps, QUADLET, unitChanges, type UnitFacts, unitSteps } from "./unit-steps.ts";

export interface InstallUnitsFacts {
  units: UnitFacts;
  /** What would change, a unified diff for each file. */
  diffs: string[];
  /** Services that run and whose unit differs. */
  outdated: string[];
  /** The user whose services would end with the last login. */
  notLingering?: string | undefined;
}

/** `ops/systemd/install_systemd.ts`: makes systemd's units what the manifest says. */
export const installSystemd: Operation<InstallUnitsFacts, object> = {
  kind: "install_systemd",
  observe: observeInstall,
  plan: (context, facts) => [planInstall(context, facts)],
};

async function observeInstall(context: Context): Promise<InstallUnitsFacts> {
  refuseUnsupported(context.loaded);
  const { manifest, opsPath } = context;
  const scope = scopeOf(manifest);
  if (!scope)
    throw new UsageError(`supervisor: ${manifest.supervisor}, and units are of systemd or systemd-user`, {
      next: `${opsPath}/host/render.ts --out DIR writes them to read`,
    });
  refuseWithoutManager(scope);
  const units = await observeUnits(context, manifest, scope);
  verify(units.wanted);
  const user = subjectOf(context).owner.name;
  return {
    units,
    diffs: diffsOf(units),
    outdated: await outdated(context, units),
    ...(scope === "user" && !isLingering(user) ? { notLingering: user } : {}),
  };
}

async function outdated(context: Context, { installed, wanted }: UnitFacts): Promise<string[]> {
  const { manifest } = context;
  const changed = wanted.filter(({ path: file, content }) => installed.has(file) && installed.get(file) !== content);
  const places = new Set(changed.map(({ place }) => place));
  const names = definitionsOf(manifest)
    .map(({ name }) => name)
    .filter((name) => places.has(`systemd/${unitFileOf(manifest, name)}`));
  const supervisor = supervisorOf(context);
  const states = await Promise.all(names.map((name) => supervisor.observe(name)));
  return names.filter((_, index) => states[index]?.pid !== undefined);
}

// A program that is not there yet is no fault of the unit: it comes with the first release.
const NOT_BUILT = /is not executable: No such file or directory|Failed to prepare filename .*: No such file/;

/** Lets systemd itself read the units, before they are where it would use them. @throws FailedError with what it says */
function verify(wanted: readonly InstalledFile[]): void {
  inTemporaryFolder("switchback-units", (folder) => {
    // systemd sees what podman's generator makes of a file, and not the file.
    const units = wanted.filter(({ path: place }) => !QUADLET.test(place));
    const files = units.map(({ place, content }) => {
      const file = path.join(folder, place.slice("systemd/".length));
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, content);
      return file;
    });
    const checked = files.filter((file) => path.dirname(file) === folder);
    const words = ["verify", "--man=no", "--recursive-errors=no", "--", ...checked];
    const { stderr, error } = spawnSync("systemd-analyze", words, { encoding: "utf8" });
    if (error) throw new FailedError(`systemd-analyze: ${error.message}`);
    const problems = stderr.split("\n").filter((line) => line.includes(`${folder}/`) || isOf(line, checked));
    const real = problems.filter((line) => !NOT_BUILT.test(line));
    if (real.length > 0)
      throw new FailedError("systemd does not accept the units; nothing was written", {
        output: real.map((line) => line.replaceAll(`${folder}/`, "")),
      });
  });
}

const isOf = (line: string, files: readonly string[]) =>
  files.some((file) => line.startsWith(`${path.basename(file)}:`));

function planInstall(context: Context, { units, diffs, outdated: old, notLingering }: InstallUnitsFacts): Plan {
  const { wanted } = units;
  const { there, back } = unitChanges(units);
  const steps = [...logSteps(units), ...unitSteps(context, there)];
  const linger = `the services of ${notLingering} end with the last login, and do not come up at boot: sudo loginctl enable-linger ${notLingering}`;
  const restart = `${old.join(", ")} ${old.length > 1 ? "run" : "runs"} as before until: ${context.opsPath}/service/restart.ts ${old.join(" ")}`;
  return {
    title: `Install the units of ${context.manifest.app}`,
    notes: [...diffs, ...(notLingering === undefined ? [] : [linger])],
    steps,
    discard: unitSteps(context, back),
    revert: [],
    done: [
      steps.length > 0
        ? `${wanted.length} units are as the manifest says.`
        : `${wanted.length} units were as the manifest says already.`,
      ...(old.length > 0 ? [restart] : []),
    ].join("\n"),
  };
}
