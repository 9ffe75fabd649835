import { observeBuild } from "../build/facts.ts";
import { EXIT } from "../core/errors.ts";
import { isSetUp } from "../host/setup.ts";
import type { Host, LoadedManifest } from "../manifest/loaded.ts";
import { writeOut } from "../terminal/output.ts";
import { stagingContext } from "../upload/staging.ts";
import { inBatches, sizeOfBatch } from "./batches.ts";
import { connectAll } from "./deploy.ts";
import type { Giving } from "./give.ts";
import { serialOf } from "./switch.ts";
import { type } from "./typed.ts";
import { only } from "./words.ts";

/** What is known of a host before anything is done. */
export interface Before {
  host: Host;
  title: string;
  isSetUp: boolean;
  currentId: string | undefined;
}

export interface Step {
  title: string;
  shell: string;
}

interface Wanted {
  id: string;
  ref: string;
  /** Hosts at a time. */
  size: number;
  isSwitched: boolean;
  buildWords: string[];
  switchWords: string[];
}

/** A deployment to hosts as lines to paste, each of them one of the suite's own commands for one host. */
export function planShown(loaded: LoadedManifest, hosts: Before[], wanted: Wanted): Step[] {
  const { id, ref, size, isSwitched, buildWords, switchWords } = wanted;
  const hasSecrets = loaded.manifest.linked_files.some((file) => file.value_from !== undefined);
  const rest = hosts.filter(({ currentId }) => currentId !== id || !isSwitched);
  const line = (title: string, name: string, words: string[], { host }: Before): Step => ({
    title,
    shell: type(loaded, name, words, host),
  });
  return [
    ...hosts.filter((one) => !one.isSetUp).map((one) => line(`Set ${one.title} up`, "host/setup", [], one)),
    ...(hasSecrets ? hosts : []).map((one) =>
      line(`Create the secrets that ${one.title} lacks`, "host/secrets", ["--missing"], one),
    ),
    ...rest.map((one) =>
      line(
        `Send ${id} to ${one.title}, and build it there`,
        "release/build_release",
        [ref, "--id", id, ...buildWords],
        one,
      ),
    ),
    ...(isSwitched ? inBatches(rest, size) : []).flatMap((batch, index, all) =>
      batch.map((one) =>
        line(
          `Switch ${one.title} from ${one.currentId ?? "nothing"} to ${id}${all.length > 1 ? ` (batch ${index + 1} of ${all.length})` : ""}`,
          "release/switch_current",
          [id, ...switchWords],
          one,
        ),
      ),
    ),
    ...(isSwitched ? rest : []).map((one) => line(`Remove old releases of ${one.title}`, "release/prune", [], one)),
  ];
}

/** `--dry-run`: the hosts are looked at, and nothing is changed there or here. */
export async function showDeployment(
  giving: Giving,
  name: "release/deploy" | "release/build_release",
): Promise<number> {
  const { hosts, loaded, flags, typed } = giving;
  const connections = await connectAll(hosts, hosts.hosts);
  const { id: wantedId, cache: isCached } = flags as { id?: string; cache?: boolean };
  const choice = { ref: typed.bare[0], id: wantedId, isCached, dryRun: true, isAnew: true };
  const { id, source } = await observeBuild(stagingContext(loaded), choice);
  const before = connections.map((one) => ({
    host: one.host,
    title: hosts.titleOf(one.host),
    isSetUp: isSetUp(one),
    currentId: one.currentId,
  }));
  const steps = planShown(loaded, before, {
    id,
    ref: typed.bare[0] ?? source.ref,
    size: sizeOfBatch(serialOf(giving), before.length),
    isSwitched: name === "release/deploy",
    buildWords: only(typed.passed, "--no-cache"),
    switchWords: only(typed.passed, "--restore-data", "--keep-data", "--yes"),
  });
  const title = `${name === "release/deploy" ? "Deploy" : "Build"} ${id} on ${before.map((one) => one.title).join(", ")}`;
  if (flags.json) writeOut(1, `${JSON.stringify([{ title, steps }], null, 2)}\n`);
  else
    writeOut(
      1,
      `(\n  set -eu\n  # ${title}\n${steps.map((step) => `  # - ${step.title}\n  ${step.shell}\n`).join("")})\n`,
    );
  return EXIT.done;
}
