import type { HostState, ListedOperation, Reader } from "../api/reader.ts";
import type { ReleaseRow } from "../registry/releases.ts";
import { observeDeploys, observeTarget } from "./deploys.ts";

/** Releases on a page. */
export const PAGE_SIZE = 25;

/** What the first page tells. */
export interface HomeFacts {
  hosts: HostState[];
  releases: ReleaseRow[];
  deploys: Map<string, ListedOperation>;
  /** Of all hosts, where they run the same release. */
  target: string | undefined;
  atWork: ListedOperation[];
  last: ListedOperation | undefined;
  /** The page begins below the row of this number. */
  before: number | undefined;
  hasOlder: boolean;
}

/** Looks at what runs, at what is at work, and at a page of releases: the newest ones, or those below a row. */
export async function observeHome(reader: Reader, before: number | undefined): Promise<HomeFacts> {
  const [hosts, found, latest] = await Promise.all([
    reader.hosts(),
    reader.releases({ limit: PAGE_SIZE + 1, before }),
    reader.operations({ limit: 10 }),
  ]);
  const releases = found.slice(0, PAGE_SIZE);
  const running = runningOf(hosts);
  return {
    hosts,
    releases,
    deploys: await observeDeploys(reader, releases, before === undefined),
    target: running.length === 1 ? await observeTarget(reader, running[0] ?? "") : undefined,
    atWork: latest.filter(({ outcome }) => outcome === null),
    last: latest.find(({ outcome }) => outcome !== null),
    before,
    hasOlder: found.length > PAGE_SIZE,
  };
}

/** The releases that run on any host, each once. */
export const runningOf = (hosts: HostState[]): string[] => [
  ...new Set(hosts.flatMap(({ release_id }) => (release_id === null ? [] : [release_id]))),
];
