import type { Manifest } from "../../manifest.schema.ts";
import { imagesOf } from "../podman/image.ts";
import { command } from "../core/step.ts";
import { exampleBuild } from "./example-facts.ts";
import type { Neutral } from "./neutral.ts";
import type { Section } from "./runbook-data.ts";

/** How a person gets to the first host, and what the blocks of the runbook need there. */
export function visitOf({ hosts: [host], manifestName, context: { manifest } }: Neutral): string[] {
  if (!host) return [];
  const port = (flag: string) => (host.port === undefined ? [] : [flag, String(host.port)]);
  const copy = `${manifest.app}.yaml`;
  return [
    command("scp", ...port("-P"), manifestName, `${host.destination}:${copy}`),
    command("ssh", ...port("-p"), host.destination),
    `MANIFEST=$HOME/${copy} HOST=${command(host.name)}`,
  ];
}

/** What is done once, where an environment has hosts. */
export function hostSections({ context: { manifest } }: Neutral): Section[] {
  const { linked_files, linked_dirs } = manifest;
  const hasSecrets = linked_files.some(({ value_from: from }) => from !== undefined);
  const section = (title: string, text: string, commands: string[]): Section => ({ title, text, commands, plans: [] });
  return [
    section(
      "Once: set the hosts up",
      "Puts the suite with its runtime, the secrets and the tree on each host, and touches no service. Typed again it changes nothing; a first deploy does it, too. The doctor says what is still missing.",
      ["host/doctor", "host/setup --dry-run", "host/setup"],
    ),
    ...(hasSecrets
      ? [
          section(
            "When a secret changed",
            "Shows no value: only what differs. What runs reads it at its next restart.",
            ["host/secrets --check", "host/secrets", "service/restart"],
          ),
        ]
      : []),
    ...(linked_files.length + linked_dirs.length > 0
      ? [
          section(
            "Once: move in what ran in place",
            "Copies the state of an application that ran in the tree's own folder until now into `shared/` (`--move DIR`: in another one). Stop that application first; nothing of it is overwritten or removed.",
            ["release/prepare_shared --move --dry-run", "release/prepare_shared --move"],
          ),
        ]
      : []),
  ];
}

/** A build: what is done here, what is sent, and what a host does with it. */
export function hostBuild({ context }: Neutral): Section {
  const { manifest } = context;
  const isHere = ({ build_on: where = manifest.build_on }: Manifest["build"][string]) => where === "local";
  const here = Object.entries(manifest.build).flatMap(([name, step]) => (isHere(step) ? [name] : []));
  const build = Object.fromEntries(Object.entries(manifest.build).filter(([, step]) => !isHere(step)));
  const there = [...Object.keys(build), ...imagesOf(manifest).map(({ name }) => `the image ${name}`)];
  const lines = [
    ...(here.length > 0 ? [`builds ${here.join(", ")} here`] : []),
    "sends what the host does not have yet",
    ...(there.length > 0 ? [`builds ${there.join(", ")} there`] : []),
  ];
  return {
    title: "Build",
    text: `Takes the files, ${lines.join(", ")}. Touches nothing that serves.`,
    commands: ["release/build_release", "release/list"],
    plans: [exampleBuild({ ...context, manifest: { ...manifest, build } })],
  };
}
