import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { rootLine } from "../core/as-root.ts";
import { FailedError } from "../core/errors.ts";
import { command } from "../core/step.ts";
import type { RenderedFile } from "../render/file.ts";
import type { Subject } from "../render/subject.ts";
import type { SiteModel } from "./model.ts";

/** A proxy that sites are installed for. */
export interface Proxy {
  kind: SiteModel["kind"];
  title: string;
  /** `ops/nginx/install_nginx.ts`: stands in the mark of its files. */
  command: string;
  render(subject: Subject): RenderedFile[];
  /** What the proxy itself says against one of its files, alone; undefined: nothing. */
  check(file: RenderedFile): Promise<string | undefined> | string | undefined;
  /** Reads how the proxy of this host is told of its sites. @throws FailedError where it is not installed */
  observe(env: NodeJS.ProcessEnv): ProxyHost;
}

/** How the proxy of a host is told of its sites. */
export interface ProxyHost {
  /** Where a site is installed that names no file. */
  folder: string;
  /** `.conf`. */
  ending: string;
  /** Why this file would not be read where it is to be installed. */
  problemOf?: (filePath: string) => string | undefined;
  /** Lines that fail where the whole configuration is wrong, or does not have this file in it. */
  testLines(filePath: string): string[];
  /** Lines that make it take the configuration, and fail where it does not. None: it sees by itself, or does not run. */
  reloadLines: string[];
  /** Which orders in those lines only root may give, word by word. */
  rootOrders: string[][];
  /** What makes it run, where it does not. */
  start?: string | undefined;
}

/** Where a site is installed on a host. */
export const sitePath = ({ folder, ending }: Pick<ProxyHost, "folder" | "ending">, site: SiteModel) =>
  site.filePath ?? path.join(folder, `${site.name}${ending}`);

/** An order as whoever may give it gives it. */
export const orderLine = (needsRoot: boolean, words: string[]) =>
  needsRoot ? rootLine(command(...words)) : command(...words);

/** Folders of programs that only root has in its PATH, behind the others. */
export const withSystemPath = (env: NodeJS.ProcessEnv) => ({
  ...env,
  PATH: `${env["PATH"] ?? "/usr/bin:/bin"}:/usr/local/sbin:/usr/sbin:/sbin`,
});

/** A program's absolute path. @throws FailedError where it is not installed */
export function programOf(name: string, env: NodeJS.ProcessEnv): string {
  const folders = withSystemPath(env)
    .PATH.split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder));
  const found = folders.map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file));
  if (found) return found;
  throw new FailedError(`${name} is not installed here`, { next: `sudo apt-get install ${name}` });
}

/** The proxy of this host, where it is installed. */
export function hostOf(proxy: Proxy): ProxyHost | undefined {
  try {
    return proxy.observe(process.env);
  } catch (error) {
    if (error instanceof FailedError) return undefined;
    throw error;
  }
}

/** Whether systemd runs this host. */
export const hasSystemd = () => fs.existsSync("/run/systemd/system");

/** Whether systemd keeps a unit up. */
export const isActiveUnit = (unit: string) =>
  hasSystemd() && spawnSync("systemctl", ["is-active", "--quiet", unit], { stdio: "ignore" }).status === 0;

/** Whether the tree's sites are to answer with their maintenance page. */
export const isInMaintenance = (flagPath: string) => fs.existsSync(flagPath);
