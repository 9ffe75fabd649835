import type { Sample } from "./exposition.ts";

/** Counts what was asked and how it was answered. */
export class Requests {
  private readonly counts = new Map<string, Required<Pick<Sample, "labels" | "value">>>();

  /** `route` is a pattern of ours, never what was asked for: that would have no end. */
  count(method: string, route: string, status: number): void {
    const labels = { method: KNOWN.has(method) ? method : "other", route, status: String(status) };
    const key = Object.values(labels).join(" ");
    const known = this.counts.get(key) ?? { labels, value: 0 };
    known.value++;
    this.counts.set(key, known);
  }

  samples = (): Sample[] => [...this.counts.values()];
}

const KNOWN = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
