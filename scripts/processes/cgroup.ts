import { read } from "./proc.ts";

/** A process's control group (cgroups(7)) up to its innermost unit; undefined where no unit holds it. */
function unitOf(pid: number): string | undefined {
  const lines = read(`/proc/${pid}/cgroup`)?.toString("utf8").split("\n") ?? [];
  const group = lines.find((line) => line.startsWith("0::")) ?? "";
  const unit = /^0::(.*\.service)(?:\/|$)/.exec(group)?.[1];
  // In the user's own manager all of its units lie: it is none of them.
  return unit !== undefined && /\/user@\d+\.service$/.test(unit) ? undefined : unit;
}

/** Whether a process is in the same unit of systemd as another one. */
export function isInUnitOf(pid: number, other: number): boolean {
  const unit = unitOf(other);
  return unit !== undefined && unitOf(pid) === unit;
}
