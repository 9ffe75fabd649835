import fs from "node:fs";
import path from "node:path";
import { refuseForbidden } from "../core/as-root.ts";
import type { Context } from "../core/context.ts";
import { openDatabaseToRead } from "../registry/database.ts";
import type { InstalledFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import { otherTreeIn } from "../render/other-trees.ts";
import { subjectOf } from "../render/subject.ts";
import { diffTexts } from "../text/diff.ts";
import { type SiteModel, sitesOf } from "./model.ts";
import { privilegesOf } from "./privileges.ts";
import { type Proxy, type ProxyHost, sitePath } from "./proxy.ts";
import { isWritable, textOf } from "../render/reading.ts";

/** A site of the manifest, and how its file stands. */
export interface SiteFacts extends InstalledFile {
  /** Its key in the manifest. */
  key: string;
  /** What stands at its path now. */
  now?: string | undefined;
  /** Lines that fail where the proxy's whole configuration is wrong, or does not have this file in it. */
  testLines: string[];
  /** Its folder is there. */
  hasFolder: boolean;
  /** Only root may write there. */
  needsRoot: boolean;
  /** Why it cannot be installed. */
  problem?: string | undefined;
  /** What would change, as a unified diff. */
  diff: string;
}

/** A file with this tree's mark that the manifest has no site for. */
export type UnwantedFacts = Pick<SiteFacts, "path" | "needsRoot" | "diff" | "testLines"> & { now: string };

export interface InstallFacts extends Pick<ProxyHost, "reloadLines" | "start"> {
  sites: SiteFacts[];
  unwanted: UnwantedFacts[];
  /** The last installation did not come to its end: what it wrote may not be what is served. */
  isReloadOwed: boolean;
}

/** Sites whose file is to be written. */
export const changedOf = (sites: SiteFacts[]) =>
  sites.filter(({ problem, now, content }) => problem === undefined && now !== content);

/** Looks at the installed files of a proxy's sites, and lets the proxy check each of those that would change, alone. @throws UsageError for what may not be done */
export async function observeInstall(context: Context, proxy: Proxy, kind: string): Promise<InstallFacts> {
  const subject = subjectOf(context);
  const host = proxy.observe(process.env);
  const models = sitesOf(subject, proxy.kind);
  const files = proxy.render(subject);
  const sites: SiteFacts[] = [];
  for (const [index, model] of models.entries()) {
    const file = files[index];
    if (file) sites.push(await observeSite(context, proxy, host, model, { ...file, path: sitePath(host, model) }));
  }
  const unwanted = observeUnwanted(context, proxy, host, sites);
  const isOwed = isReloadOwed(context, kind);
  const touched = [...changedOf(sites), ...unwanted];
  const reload = isOwed ? host.rootOrders : [];
  refuseForbidden(context, touched.length > 0 ? privilegesOf(host, touched) : reload);
  return { reloadLines: host.reloadLines, start: host.start, sites, unwanted, isReloadOwed: isOwed };
}

async function observeSite(
  { paths }: Context,
  proxy: Proxy,
  host: ProxyHost,
  { key }: SiteModel,
  file: InstalledFile,
): Promise<SiteFacts> {
  const now = textOf(file.path);
  const folder = path.dirname(file.path);
  const check = () => (now === file.content ? undefined : proxy.check(file));
  return {
    ...file,
    key,
    now,
    testLines: host.testLines(file.path),
    hasFolder: fs.existsSync(folder),
    needsRoot: !isWritable(folder),
    problem: othersProblem(paths.deployTo, key, file.path, now) ?? host.problemOf?.(file.path) ?? (await check()),
    diff: diffTexts(file.path, { now: now ?? "", wanted: file.content }, "as the manifest says"),
  };
}

function othersProblem(deployTo: string, key: string, file: string, now = ""): string | undefined {
  const others = otherTreeIn(now, deployTo);
  if (others === undefined) return undefined;
  return `${file} belongs to ${others}: give sites.${key} a file of its own`;
}

/** What this tree installed for the proxy, in the folders where its sites are, and no longer wants. */
export function observeUnwanted(
  { paths }: Context,
  proxy: Proxy,
  host: ProxyHost,
  sites: Pick<SiteFacts, "path">[],
): UnwantedFacts[] {
  const mark = markOf(paths.deployTo, proxy.command);
  const wanted = new Set(sites.map((site) => site.path));
  const folders = new Set([host.folder, ...sites.map((site) => path.dirname(site.path))]);
  const files = [...folders].flatMap((one) =>
    fs.existsSync(one) ? fs.readdirSync(one).map((name) => path.join(one, name)) : [],
  );
  return files.flatMap((file) => {
    const now = wanted.has(file) || fs.lstatSync(file).isSymbolicLink() ? undefined : textOf(file);
    if (now === undefined || !now.includes(mark)) return [];
    const diff = diffTexts(file, { now, wanted: "" }, "as the manifest says: not there");
    const testLines = host.testLines(file).slice(0, 1);
    return [{ path: file, now, needsRoot: !isWritable(path.dirname(file)), diff, testLines }];
  });
}

function isReloadOwed({ paths }: Context, kind: string): boolean {
  const database = openDatabaseToRead(paths.registry);
  if (!database) return false;
  try {
    const last = database
      .prepare("SELECT outcome FROM operations WHERE kind = ? ORDER BY started_at DESC, rowid DESC LIMIT 1")
      .get(kind) as { outcome: string | null } | undefined;
    return last !== undefined && last.outcome !== "done";
  } finally {
    database.close();
  }
}
