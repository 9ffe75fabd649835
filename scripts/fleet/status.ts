import type { ReleaseStatus } from "../release/status.ts";
import { renderStatus } from "../release/status.ts";
import type { Host } from "../manifest/loaded.ts";
import { writeOut } from "../terminal/output.ts";
import { reporter } from "../terminal/reporter.ts";
import { showAge, showTime } from "../text/amounts.ts";
import { type Column, renderTable } from "../text/table.ts";
import type { Ending } from "./ending.ts";
import type { Giving } from "./give.ts";
import { exitOfLooks, headingOf, lookOnHosts, sayLost } from "./look.ts";

/** A host's answer; absent: it gave none. */
export interface HostStatus {
  title: string;
  status?: ReleaseStatus;
}

/**
 * The status of each host, and what serves where in one table. Different releases on the hosts are said; they alone do not change
 * the exit code: 1 unless every host serves.
 */
export async function statusOfHosts(giving: Giving): Promise<number> {
  const { hosts, flags, name } = giving;
  if (hosts.hosts.length === 1 || flags.json) return lookOnHosts(giving);
  const looks = hosts.hosts.map(async (host) => ({
    host,
    ...(await hosts.ask({ host, command: name, words: [] }, { isReading: true, isShown: false })),
  }));
  const [found, endings]: [HostStatus[], Ending[]] = [[], []];
  for (const [index, look] of looks.entries()) {
    const { host, ending, value, err } = await look;
    const title = hosts.titleOf(host);
    writeOut(1, headingOf(title, index === 0));
    const status = statusOf(value);
    if (status) writeOut(1, `${renderStatus(status)}\n`);
    else writeOut(2, err);
    sayLost(title, ending);
    found.push({ title, ...(status ? { status } : {}) });
    endings.push(ending);
  }
  writeOut(1, `\n${renderSummary(found).join("\n")}\n`);
  const different = differenceOf(found);
  if (different) reporter().warn(different);
  return exitOfLooks(endings);
}

/** What a host answered, if it is a status; an error is none. */
export const statusOf = (value: unknown): ReleaseStatus | undefined =>
  typeof value === "object" && value !== null && "is_serving" in value ? (value as ReleaseStatus) : undefined;

/** What a host says of itself. */
export async function lookAtStatus({ hosts }: Pick<Giving, "hosts">, host: Host): Promise<ReleaseStatus | undefined> {
  const { value } = await hosts.ask(
    { host, command: "release/status", words: [] },
    { isReading: true, isShown: false },
  );
  return statusOf(value);
}

/** One line a host. */
export function renderSummary(found: HostStatus[], now = new Date()): string[] {
  const columns: Column<HostStatus>[] = [
    { title: "HOST", cell: ({ title }) => title },
    { title: "CURRENT", cell: ({ status }) => (status ? (status.current?.release_id ?? "nothing") : "?") },
    { title: "SINCE (UTC)", cell: ({ status }) => sinceOf(status, now), drop: 1 },
    { title: "STATE", cell: ({ status }) => stateOf(status) },
  ];
  const [titles = "", ...lines] = renderTable(columns, found);
  return [
    reporter().paint("dim", titles),
    ...lines.map((line, at) => (found[at]?.status?.is_serving ? line : reporter().paint("red", line))),
  ];
}

function sinceOf(status: ReleaseStatus | undefined, now: Date): string {
  const since = status?.current?.since;
  return since ? `${showTime(since).slice(0, 16)} (${showAge(now.getTime() - Date.parse(since))} ago)` : "-";
}

function stateOf(status: ReleaseStatus | undefined): string {
  if (!status) return "did not answer";
  const open = status.open_operations.map(({ kind, outcome }) => `; ${kind}: ${outcome}`).join("");
  return `${status.is_serving ? "serves" : status.current ? "does not serve as it should" : "does not serve"}${open}`;
}

/** `web1 has r2; web2, web3 have r1`; undefined where all that answered have the same. */
export function differenceOf(found: HostStatus[]): string | undefined {
  const by = new Map<string, string[]>();
  for (const { title, status } of found) {
    if (!status) continue;
    const id = status.current?.release_id ?? "nothing";
    by.set(id, [...(by.get(id) ?? []), title]);
  }
  if (by.size < 2) return undefined;
  const parts = [...by].map(([id, titles]) => `${titles.join(", ")} ${titles.length > 1 ? "have" : "has"} ${id}`);
  return `the hosts do not have the same release: ${parts.join("; ")}`;
}
