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
  /** What each of those does at this moment, by its id. */
  doing: Map<string, string>;
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
  const atWork = latest.filter(({ outcome }) => outcome === null);
  return {
    hosts,
    releases,
    deploys: await observeDeploys(reader, releases, before === undefined),
    target: running.length === 1 ? await observeTarget(reader, running[0] ?? "") : undefined,
    atWork,
    doing: await observeDoing(reader, atWork),
    last: latest.find(({ outcome }) => outcome !== null),
    before,
    hasOlder: found.length > PAGE_SIZE,
  };
}

/** The title of the step that each operation is at, where that is one that takes its time. */
async function observeDoing(reader: Reader, atWork: ListedOperation[]): Promise<Map<string, string>> {
  const found = atWork.map(async ({ id }): Promise<[string, string][]> => {
    const step = (await reader.operation(id))?.steps.findLast(({ outcome }) => outcome === null);
    return step ? [[id, step.title]] : [];
  });
  return new Map((await Promise.all(found)).flat());
}

/** The releases that run on any host, each once. */
export const runningOf = (hosts: HostState[]): string[] => [
  ...new Set(hosts.flatMap(({ release_id }) => (release_id === null ? [] : [release_id]))),
];

/** A release, and whose row it is where the reader tells of several hosts. */
export type HostedRow = ReleaseRow & Partial<Pick<HostState, "host" | "deploy_to">>;

/** Hosts that run a row's release: of those that the row is about. */
export function reachOf(row: HostedRow, hosts: HostState[]) {
  const about = hosts.filter(
    ({ host, deploy_to }) => row.host === undefined || (host === row.host && deploy_to === row.deploy_to),
  );
  const on = about.filter(({ release_id }) => release_id === row.release_id);
  return { on: on.length, of: about.length, isStopped: isStopped(on) };
}

/** Whether a release is current, and is seen not to serve, on all hosts that have one. */
export function isStopped(hosts: HostState[]): boolean {
  const deployed = hosts.filter(({ release_id }) => release_id !== null);
  return deployed.length > 0 && deployed.every(({ is_serving }) => is_serving === false);
}
