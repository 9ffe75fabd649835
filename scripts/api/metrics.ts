import fs from "node:fs";
import { FailedError } from "../core/errors.ts";
import type { Paths } from "../core/paths.ts";
import { RELEASE_ID } from "../core/release-id.ts";
import type { Family, Sample } from "./exposition.ts";
import type { HostState } from "./reader.ts";
import type { TreeSummary } from "./tree-reader.ts";

export interface MetricsFacts {
  version: string;
  hosts: HostState[];
  /** Of one tree. */
  summary?: TreeSummary | undefined;
  tree?: TreeSize | undefined;
  requests: Sample[];
}

/** What lies in a tree. */
export interface TreeSize {
  releases: number;
  freeBytes: number;
  totalBytes: number;
}

/** Counts releases by their directories, and asks the file system: nothing that grows with their size. @throws FailedError where there is no tree. */
export function observeTreeSize({ releases }: Paths): TreeSize {
  if (!fs.existsSync(releases)) throw new FailedError(`there is no ${releases}`);
  const { bavail, blocks, bsize } = fs.statfsSync(releases);
  const ids = fs.readdirSync(releases).filter((name) => RELEASE_ID.test(name));
  return { releases: ids.length, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

const startedAt = Date.now() / 1000 - process.uptime();

/** What a scrape is told; pure but for this process's own figures. */
export const familiesOf = ({ version, hosts, summary, tree, requests }: MetricsFacts): Family[] => [
  gauge("switchback_build_info", "The version of switchback that answers.", [{ labels: { version }, value: 1 }]),
  ...hostFamilies(hosts),
  ...(summary ? operationFamilies(summary) : []),
  ...(tree ? treeFamilies(tree) : []),
  { name: "switchback_http_requests_total", type: "counter", help: "Requests to this API.", samples: requests },
  gauge("process_start_time_seconds", "Unix time at which this process started.", [{ value: startedAt }]),
  gauge("process_resident_memory_bytes", "Memory of this process.", [{ value: process.memoryUsage.rss() }]),
];

const treeFamilies = (tree: TreeSize): Family[] => [
  gauge("switchback_releases_on_disk", "Releases that stand in the tree.", [{ value: tree.releases }]),
  gauge("switchback_disk_free_bytes", "Free for the tree's owner on its file system.", [{ value: tree.freeBytes }]),
  gauge("switchback_disk_size_bytes", "Size of the tree's file system.", [{ value: tree.totalBytes }]),
];

function hostFamilies(hosts: HostState[]): Family[] {
  const deployed = hosts.filter(({ release_id }) => release_id !== null);
  return [
    gauge(
      "switchback_release_info",
      "The release that is current.",
      deployed.map(({ app, host, release_id, commit_sha }) => ({
        labels: { app, host, release_id: release_id ?? "", commit_sha: commit_sha ?? "" },
        value: 1,
      })),
    ),
    gauge(
      "switchback_serving",
      "Whether the services of the current release run; absent where that is not known.",
      deployed.flatMap(({ app, host, is_serving }) =>
        is_serving === null ? [] : [{ labels: { app, host }, value: is_serving ? 1 : 0 }],
      ),
    ),
    gauge(
      "switchback_release_since_timestamp_seconds",
      "Unix time at which the current release was made current.",
      deployed.flatMap(({ app, host, since }) =>
        since === null ? [] : [{ labels: { app, host }, value: Date.parse(since) / 1000 }],
      ),
    ),
  ];
}

function operationFamilies({ operations, open }: TreeSummary): Family[] {
  const each = (value: (one: TreeSummary["operations"][number]) => number, suffix?: string): Sample[] =>
    operations.map((one) => ({
      ...(suffix ? { suffix } : {}),
      labels: { kind: one.kind, outcome: one.outcome },
      value: value(one),
    }));
  return [
    {
      name: "switchback_operations_total",
      type: "counter",
      help: "Operations that have ended, such as deploys and rollbacks.",
      samples: each(({ count }) => count),
    },
    {
      name: "switchback_operation_duration_seconds",
      type: "summary",
      help: "How long operations took.",
      samples: [...each(({ seconds }) => seconds, "_sum"), ...each(({ count }) => count, "_count")],
    },
    gauge(
      "switchback_operation_last_end_timestamp_seconds",
      "Unix time at which the latest operation of a kind ended in a way.",
      each(({ last_end }) => last_end),
    ),
    gauge("switchback_operations_open", "Operations without an end: at work now, or cut off.", [
      { labels: { state: "at work" }, value: open.atWork },
      { labels: { state: "interrupted" }, value: open.interrupted },
    ]),
  ];
}

const gauge = (name: string, help: string, samples: Sample[]): Family => ({ name, type: "gauge", help, samples });
