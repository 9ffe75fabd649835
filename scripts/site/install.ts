import path from "node:path";
import { folderWords } from "../core/as-root.ts";
import type { Context } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { command, type Plan, type RunStep, type Step } from "../core/step.ts";
import { isMarked } from "../render/mark.ts";
import { changedOf, type InstallFacts, observeInstall, type SiteFacts, type UnwantedFacts } from "./install-facts.ts";
import type { Proxy } from "./proxy.ts";

type Host = Pick<InstallFacts, "reloadLines" | "start">;

/** The operation that makes a proxy's sites on this host what the manifest says. */
export function installOperation(proxy: Proxy): Operation<InstallFacts, object> {
  const kind = `install_${proxy.kind}`;
  return {
    kind,
    observe: (context) => observeInstall(context, proxy, kind),
    plan: (context, facts) => planInstall(context, facts, proxy),
  };
}

/** A plan for each site that changes, so that those that are in order stay when another one fails; those refused come last. */
function planInstall(context: Context, facts: InstallFacts, proxy: Proxy): Plan[] {
  const { sites, unwanted } = facts;
  const sound = sites.filter(({ problem }) => problem === undefined);
  const changed = changedOf(sites);
  const plans = [
    ...changed.map((site) => planSite(context, facts, site, proxy)),
    ...unwanted.map((file) => planRemoval(facts, file, proxy)),
  ];
  const isOwed = plans.length === 0 && facts.isReloadOwed && sound.length > 0;
  const owed = isOwed ? [planReload(facts, sound, proxy)] : [];
  return [...plans, ...owed, ending(facts, proxy, plans.length + owed.length > 0)];
}

/** Says how it ended, and refuses what was wrong. */
function ending({ sites, start }: InstallFacts, proxy: Proxy, hasChanged: boolean): Plan {
  const bad = sites.flatMap(({ key, problem }) => (problem === undefined ? [] : [`site ${key}: ${problem}`]));
  const count = sites.length === 1 ? "1 site is" : `${sites.length} sites are`;
  const state = `${count} as the manifest says${hasChanged ? "" : " already"}.`;
  const refusal = new FailedError(
    `${bad.join("\n")}\nThe file of ${bad.length === 1 ? "this site" : "these sites"} was left as it is.`,
  );
  return {
    title: `Have the ${proxy.title} sites as the manifest says`,
    steps: [],
    discard: [],
    revert: [],
    done: [
      sites.length > 0 ? state : `The manifest has no ${proxy.title} site.`,
      ...(start === undefined ? [] : [`${proxy.title} does not run: ${start}`]),
    ].join("\n"),
    ...(bad.length > 0 ? { refusal } : {}),
  };
}

function planSite(context: Context, host: Host, site: SiteFacts, proxy: Proxy): Plan {
  const { path: file, content, now, key, needsRoot } = site;
  const write = writeStep(`Write ${file}`, site, content);
  const back: Step =
    now === undefined
      ? { kind: "remove", title: `Remove ${file}`, path: file, asRoot: needsRoot }
      : writeStep(`Put back ${file} as it was`, site, now);
  return {
    title: `Install the ${proxy.title} site ${key}`,
    notes: [site.diff],
    steps: [
      ...makeFolder(site),
      ...keepByHand(context, site),
      write,
      ...testSteps(site, proxy),
      ...reloadSteps(host, proxy),
    ],
    discard: [back],
    revert: [back, ...reloadSteps(host, proxy)],
    restored: "its file is as it was",
    done: `${file} is ${host.start === undefined ? "in use" : "written"}.`,
    stranded: [...site.testLines.slice(0, 1), proxy.command],
  };
}

function planRemoval(host: Host, file: UnwantedFacts, proxy: Proxy): Plan {
  const back = writeStep(`Put back ${file.path}`, file, file.now);
  return {
    title: `Remove a site of ${proxy.title} that the manifest no longer has`,
    notes: [file.diff],
    steps: [
      { kind: "remove", title: `Remove ${file.path}`, path: file.path, asRoot: file.needsRoot },
      ...testSteps(file, proxy),
      ...reloadSteps(host, proxy),
    ],
    discard: [back],
    revert: [back, ...reloadSteps(host, proxy)],
    restored: "its file is as it was",
    done: `${file.path} is removed.`,
    stranded: [...file.testLines, proxy.command],
  };
}

const planReload = (host: Host, [site]: SiteFacts[], proxy: Proxy): Plan => ({
  title: `Let ${proxy.title} take what an installation before left`,
  steps: [...(site ? testSteps(site, proxy) : []), ...reloadSteps(host, proxy)],
  discard: [],
  revert: [],
  done: "",
});

const writeStep = (
  title: string,
  { path: file, needsRoot }: Pick<SiteFacts, "path" | "needsRoot">,
  content: string,
): Step => ({
  kind: "write",
  title,
  path: file,
  content,
  mode: 0o644,
  asRoot: needsRoot,
});

function makeFolder({ path: file, hasFolder, needsRoot }: SiteFacts): Step[] {
  if (hasFolder) return [];
  const folder = path.dirname(file);
  const title = `Make ${folder}`;
  if (!needsRoot) return [{ kind: "mkdir", title, path: folder }];
  return [{ kind: "run", title, run: { lines: [command(...folderWords(folder))], cwd: "/", env: {}, asRoot: true } }];
}

/** What a person wrote is kept in the tree: beside the file, some proxies would read it. */
function keepByHand({ paths }: Context, { path: file, now }: SiteFacts): Step[] {
  if (now === undefined || isMarked(now, paths.deployTo)) return [];
  const folder = path.join(paths.deployTo, "by-hand");
  const kept = path.join(folder, path.basename(file));
  return [
    { kind: "mkdir", title: `Make ${folder}`, path: folder },
    { kind: "write", title: `Keep ${kept}, which was written by hand`, path: kept, content: now, mode: 0o644 },
  ];
}

const runStep = (title: string, key: string, lines: string[]): RunStep[] =>
  lines.length > 0 ? [{ kind: "run", key, title, run: { lines, cwd: "/", env: {} } }] : [];

const testSteps = ({ testLines }: Pick<SiteFacts, "testLines">, { kind, title }: Proxy) =>
  runStep(`Let ${title} test its whole configuration`, `${kind}-test`, testLines);

/** From here on another configuration may serve. */
const reloadSteps = (host: Host, { kind, title }: Proxy): Step[] =>
  runStep(`Reload ${title}`, `${kind}-reload`, host.reloadLines).map((step) => ({ ...step, touches: true }));
