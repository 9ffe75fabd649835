import path from "node:path";
import { refuseForbidden, writeWords } from "../core/as-root.ts";
import type { Context } from "../core/context.ts";
import type { Step } from "../core/step.ts";
import { isMarked } from "../render/mark.ts";
import { subjectOf } from "../render/subject.ts";
import { maintenanceFlagPath } from "./flag.ts";
import { type SiteModel, sitesOf } from "./model.ts";
import { hostOf, sitePath } from "./proxy.ts";
import { isWritable, textOf } from "../render/reading.ts";
import { renderTraefik } from "./traefik.ts";
import { traefikHost, traefikProxy } from "./traefik-host.ts";
import { caddyProxy } from "./caddy-host.ts";
import { nginxProxy } from "./nginx-host.ts";

/** What the flag's file says: who turned the page on. A switch takes back only its own. */
const BY = { person: "on\n", switch: "on for a switch\n" } as const;

export interface MaintenanceFacts {
  /** Who turned it on; undefined: it is off. */
  by?: keyof typeof BY | undefined;
  /** Files of Traefik, which looks for no flag, as they are installed: path → whether only root may write there. */
  traefik: Map<string, { needsRoot: boolean }>;
}

/** Looks whether the page is on, and which of Traefik's files have to say so. @throws UsageError for one that may not be written */
export function observeMaintenance(context: Context): MaintenanceFacts {
  const { paths } = context;
  const flag = textOf(maintenanceFlagPath(paths));
  const host = traefikHost(process.env);
  const files = sitesOf(subjectOf(context), "traefik").map((site) => sitePath(host, site));
  const installed = files.filter((file) => isMarked(textOf(file) ?? "", paths.deployTo));
  const ofRoot = installed.filter((file) => !isWritable(path.dirname(file)));
  refuseForbidden(context, ofRoot.flatMap(writeWords));
  return {
    by: flag === undefined ? undefined : flag === BY.switch ? "switch" : "person",
    traefik: new Map(installed.map((file) => [file, { needsRoot: ofRoot.includes(file) }])),
  };
}

/** Keys of the sites that have a page, and of which no installed file with it is found. */
export function observePageless(context: Context): string[] {
  const subject = subjectOf(context);
  return [nginxProxy, caddyProxy, traefikProxy].flatMap((proxy) => {
    const sites = sitesOf(subject, proxy.kind).filter((site) => site.maintenance);
    // The page can be turned on before its proxy is there.
    const host = sites.length > 0 ? hostOf(proxy) : undefined;
    const textAt = (site: SiteModel) => (host && textOf(sitePath(host, site))) ?? "";
    return sites.filter((site) => !/maintenance/.test(textAt(site))).map(({ key }) => key);
  });
}

/** Turns the page on or off: a file in the tree, which nginx and Caddy look for at every request, and Traefik's own files. */
export function maintenanceSteps(
  context: Context,
  { traefik }: MaintenanceFacts,
  isOn: boolean,
  by: keyof typeof BY = "person",
): Step[] {
  const flagPath = maintenanceFlagPath(context.paths);
  const flag: Step = isOn
    ? { kind: "write", title: "Turn the maintenance page on", path: flagPath, content: BY[by], mode: 0o644 }
    : { kind: "remove", title: "Turn the maintenance page off", path: flagPath };
  return [flag, ...traefikSteps(context, traefik, isOn)];
}

function traefikSteps(context: Context, installed: MaintenanceFacts["traefik"], isOn: boolean): Step[] {
  if (installed.size === 0) return [];
  const subject = subjectOf(context);
  const host = traefikHost(process.env);
  const files = renderTraefik(subject, { isMaintenance: isOn });
  return sitesOf(subject, "traefik").flatMap((site, index): Step[] => {
    const file = sitePath(host, site);
    const content = files[index]?.content;
    const found = installed.get(file);
    if (!found || content === undefined || !site.maintenance) return [];
    const title = `Let Traefik ${isOn ? "show" : "no longer show"} the page of ${site.key}`;
    return [{ kind: "write", title, path: file, content, mode: 0o644, asRoot: found.needsRoot }];
  });
}

/** What a switch does before it stops services and once the gate has let it pass; nothing where a person turned the page on. */
export function maintenanceAround(context: Context, facts: MaintenanceFacts): { before: Step[]; after: Step[] } {
  if (facts.by === "person") return { before: [], after: [] };
  return {
    before: maintenanceSteps(context, facts, true, "switch"),
    after: maintenanceSteps(context, facts, false),
  };
}
