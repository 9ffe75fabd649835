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
import { jobsOf } from "../schedule/jobs.ts";
import { type Neutral, neutralShell, plain } from "./neutral.ts";
import { dataSections, dependencySections, drainSections, type Section } from "./runbook-data.ts";
import { showForPage, type Voice } from "./shown-plans.ts";
import { renderTemplate } from "../render/template.ts";

const text = z.string();
const input = z.strictObject({
  app: text,
  manifest: text,
  tree: text,
  source: text,
  supervisor: text,
  services: z.array(z.strictObject({ name: text, about: text })),
  environment: text.nullable(),
  environments: z.array(z.strictObject({ name: text, tree: text })),
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
    source: `${plain(manifest.source.repo)}, ${manifest.source.via === "git" ? manifest.source.ref : "the files as they lie there"}`,
    supervisor: manifest.supervisor,
    services: Object.entries(manifest.services).map(([name, service]) => ({ name, about: aboutService(service) })),
    environment: loaded.environment ?? null,
    environments: environments.map(({ name, loaded: { manifest: own } }) => ({ name, tree: plain(own.deploy_to) })),
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

const voiceOf = ({ manifestName }: Neutral): Voice => ({
  shell: neutralShell,
  plain,
  manifest: { file: `"$CHECKOUT"/${manifestName}`, folder: `"$CHECKOUT"` },
});

/** A command as it is typed in the checkout: `ops/release/rollback.ts --env prod`. */
const typed = ({ context }: Neutral, line: string) => {
  const [name = "", ...args] = line.split(" ");
  return [`ops/${name}.ts`, ...context.flags.map(plain), ...args].join(" ");
};

function sectionsOf({ context }: Neutral): Section[] {
  const { manifest } = context;
  const hasState = manifest.linked_files.length + manifest.linked_dirs.length > 0;
  return [
    {
      title: "Once: prepare the tree",
      text: "Links the state to the checkout, puts the manifest and the suite into the tree, touches no service. `ops/host/doctor.ts` says what is still missing.",
      commands: ["release/prepare_shared", "host/doctor"],
      plans: examplePrepare(context, "link"),
    },
    ...(hasState ? [harden(context)] : []),
    ...installs(context),
    {
      title: "Deploy",
      text: "Build, switch, gate, record, prune. A release that fails its gate is rolled back by itself, and the exit code is 3.",
      commands: ["release/deploy"],
      plans: [],
    },
    {
      title: "Build",
      text: "Touches nothing that serves.",
      commands: ["release/build_release", "release/list"],
      plans: [exampleBuild(context)],
    },
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

/** What stands outside of the tree, one section for each that the manifest asks for. */
function installs({ manifest, paths }: Neutral["context"]): Section[] {
  const { supervisor, sites, logs } = manifest;
  const kinds = [...new Set(Object.values(sites).map(({ kind }) => kind))];
  const hasJobs = jobsOf(manifest, paths).length > 0;
  const section = (title: string, words: string, commands: string[]): Section => ({
    title,
    text: words,
    commands,
    plans: [],
  });
  const manager =
    supervisor === "launchd"
      ? "launchd/install_launchd"
      : supervisor.startsWith("systemd")
        ? "systemd/install_systemd"
        : undefined;
  return [
    ...(manager
      ? [
          section(
            "When services, jobs or their settings changed",
            `A switch installs what changed by itself. This shows the difference and installs it; ${supervisor === "launchd" ? "what changed is loaded anew" : "what runs is not restarted"}.`,
            [`${manager} --dry-run`, manager],
          ),
        ]
      : []),
    ...(kinds.length > 0
      ? [
          section(
            "When a site changed",
            "Checks each site by the program itself, writes it, reloads; puts the old file back where that fails. The page, by hand, for work that takes longer:",
            [...kinds.map((kind) => `${kind}/install_${kind}`), "host/maintenance on", "host/maintenance off"],
          ),
        ]
      : []),
    ...(supervisor === "pidfile" && hasJobs
      ? [
          section("When a schedule changed", "Puts the jobs into the owner's crontab; other lines stay.", [
            "schedule/install_crontab",
          ]),
        ]
      : []),
    ...(supervisor === "systemd" && logs
      ? [section("When logs changed", "Lets logrotate rotate them.", ["logs/install_logrotate"])]
      : []),
  ];
}

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
