import * as z from "zod";
import type { Manifest } from "../../manifest.schema.ts";
import {
  exampleBuild,
  examplePrepare,
  examplePrune,
  exampleRestore,
  exampleRollback,
  exampleStart,
  exampleSwitch,
  names,
  NEW_ID,
  OLD_ID,
} from "./example-facts.ts";
import { exits } from "../host/exits.ts";
import { type Neutral, neutralShell, plain } from "./neutral.ts";
import { hostBuild, hostSections, visitOf } from "./runbook-hosts.ts";
import { installSections } from "./runbook-installs.ts";
import { dataSections, dependencySections, drainSections, type Section } from "./runbook-data.ts";
import { showForPage, type Voice } from "./shown-plans.ts";
import { renderTemplate } from "../render/template.ts";
import { quote } from "../core/step.ts";
import { runtimePath } from "../systemd/systemctl.ts";
import { typed } from "./typed.ts";

const text = z.string();
const input = z.strictObject({
  app: text,
  manifest: text,
  tree: text,
  source: text,
  supervisor: text,
  services: z.array(z.strictObject({ name: text, about: text })),
  environment: text.nullable(),
  environments: z.array(z.strictObject({ name: text, tree: text, command: text })),
  hosts: z.array(text),
  visit: z.array(text),
  list: text,
  newId: text,
  oldId: text,
  sections: z.array(
    z.strictObject({
      title: text,
      text: text,
      commands: z.array(text),
      plans: z.array(z.strictObject({ title: text, steps: text })),
    }),
  ),
  exits: z.array(z.strictObject({ code: z.number(), meaning: text, todo: text })),
});

/** `ops/RUNBOOK.md`: what a person types for this manifest, and the steps behind it, from the plans themselves. */
export function renderRunbook(neutral: Neutral): string {
  const { context, environments, manifestName } = neutral;
  const { manifest, loaded } = context;
  return renderTemplate("suite/RUNBOOK.md", input, {
    app: manifest.app,
    manifest: manifestName,
    tree: plain(manifest.deploy_to),
    source: sourceOf(neutral),
    supervisor: manifest.supervisor,
    services: Object.entries(manifest.services).map(([name, service]) => ({ name, about: aboutService(service) })),
    environment: loaded.environment ?? null,
    environments: environments.map(({ name, loaded: { manifest: own, hosts } }) => ({
      name,
      tree: plain(own.deploy_to),
      command: hosts.length > 0 ? `ops/deploy.ts release ${refOf(own)}${name}` : `ops/release/deploy.ts --env ${name}`,
    })),
    hosts: neutral.hosts.map(({ name }) => name),
    visit: visitOf(neutral),
    list: typed(neutral, "release/list"),
    newId: NEW_ID,
    oldId: OLD_ID,
    sections: sectionsOf(neutral).map(({ title, text: words, commands, plans }) => ({
      title,
      text: plain(words),
      commands: commands.map((line) => typed(neutral, line)),
      plans: showForPage(context, plans, voiceOf(neutral)),
    })),
    exits,
  });
}

function aboutService({ port, run, health }: Manifest["services"][string]): string {
  const gate = health?.path ? `, \`${health.path}\`` : "";
  return [
    run ? `\`${run.replaceAll("|", "\\|")}\`` : "a container",
    ...(port === undefined ? [] : [`port ${port}${gate}`]),
  ].join(", ");
}

// Where the tag is the id, a commit without one cannot be released.
const refOf = ({ release_id: how }: Neutral["context"]["manifest"]) => (how === "tag" ? "v2.0.0 " : "");

/** On a host what is built lies in the tree; where it comes from is known to the checkout alone. */
function sourceOf({ context: { manifest }, hosts }: Neutral): string {
  const { repo, via, ref } = manifest.source;
  const place = hosts.length > 0 && repo === manifest.deploy_to ? "this checkout" : `\`${plain(repo)}\``;
  return `${place}, ${via === "git" ? `\`${ref}\`` : "the files as they lie there"}`;
}

// The account that carries a page out is not the one that generated it.
const RUNTIME = new RegExp(`XDG_RUNTIME_DIR=${runtimePath()}(?= )`, "g");
const shell = (lines: string) => neutralShell(lines.replaceAll(RUNTIME, 'XDG_RUNTIME_DIR="/run/user/$(id -u)"'));

const voiceOf = ({ manifestName, hosts, context }: Neutral): Voice => ({
  shell,
  plain,
  manifest:
    hosts.length > 0
      ? { file: `"$MANIFEST"`, folder: quote(context.paths.deployTo) }
      : { file: `"$CHECKOUT"/${manifestName}`, folder: `"$CHECKOUT"` },
});

function sectionsOf(neutral: Neutral): Section[] {
  const { context, hosts } = neutral;
  const { manifest } = context;
  const hasState = manifest.linked_files.length + manifest.linked_dirs.length > 0;
  const once = hosts.length > 0 ? hostSections(neutral) : [prepare(context), ...(hasState ? [harden(context)] : [])];
  return [
    ...once,
    ...installSections(context),
    {
      title: "Deploy",
      text: "Build, switch, gate, record, prune. A release that fails its gate is rolled back by itself, and the exit code is 3.",
      commands: [`release/deploy ${refOf(context.manifest)}`.trim()],
      plans: [],
    },
    hosts.length > 0 ? hostBuild(neutral) : build(context),
    ...dependencySections(context),
    {
      title: "Switch",
      text: `Makes a release that is built current.`,
      commands: [`release/switch_current ${NEW_ID}`],
      plans: [exampleSwitch(context)],
    },
    ...drainSections(context),
    {
      title: "Roll back",
      text: "To the release that served before; typed again, further back. With an id, to that one.",
      commands: ["release/rollback", `release/rollback ${OLD_ID}`],
      plans: [exampleRollback(context)],
    },
    ...dataSections(context),
    {
      title: "Prune",
      text: `Keeps ${manifest.keep_releases} good releases, and never removes the current one, the good one before it, a pinned one, or one in use.`,
      commands: ["release/prune"],
      plans: [examplePrune(context)],
    },
    {
      title: "After a crash",
      text: "Every command that changes something first finishes or undoes what was interrupted, and says so. To do only that:",
      commands: ["release/recover --dry-run", "release/recover"],
      plans: [exampleRestore(context)],
    },
    ...(names(context).length > 0 ? [services(context)] : []),
  ];
}

const prepare = (context: Neutral["context"]): Section => ({
  title: "Once: prepare the tree",
  text: "Links the state to the checkout, puts the manifest and the suite into the tree, touches no service. `ops/host/doctor.ts` says what is still missing.",
  commands: ["release/prepare_shared", "host/doctor"],
  plans: examplePrepare(context, "link"),
});

const build = (context: Neutral["context"]): Section => ({
  title: "Build",
  text: "Touches nothing that serves.",
  commands: ["release/build_release", "release/list"],
  plans: [exampleBuild(context)],
});

const harden = (context: Neutral["context"]): Section => ({
  title: "Once: make the state the tree's own",
  text: "Replaces the links to the checkout by copies, so that nobody's work in the checkout can touch what serves. Stops and starts the services.",
  commands: ["release/prepare_shared --harden"],
  plans: examplePrepare(context, "harden"),
});

const services = (context: Neutral["context"]): Section => ({
  title: "Services",
  text: "What runs, what it writes, and starting it again after the machine was restarted.",
  commands: ["release/status", "service/logs", "service/start", "service/stop", "service/restart"],
  plans: [exampleStart(context)],
});
