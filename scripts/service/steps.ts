import type { RunStep } from "../core/step.ts";

/** Stops services; none: no step. */
export function stopStep(names: string[]): RunStep[] {
  if (names.length === 0) return [];
  const run = { ops: "service/stop" as const, args: names };
  return [{ kind: "run", key: "service/stop", title: `Stop ${names.join(", ")}`, run }];
}

export interface StartChoice {
  /** As the release that is current last ran healthy, instead of as the manifest in use says. */
  isRecorded: boolean;
  /** All that it then had, whatever their names. */
  isAll?: boolean;
}

/** Restarts services whose socket stays open, without waiting until they are healthy; none: no step. */
export function restartStep(names: string[], { isRecorded }: Pick<StartChoice, "isRecorded">): RunStep[] {
  if (names.length === 0) return [];
  const args = ["--no-wait", ...(isRecorded ? ["--recorded"] : []), ...names];
  const run = { ops: "service/restart" as const, args };
  const whose = names.length > 1 ? "whose sockets stay" : "whose socket stays";
  return [{ kind: "run", key: "service/restart", title: `Restart ${names.join(", ")}, ${whose} open`, run }];
}

/** Starts services of the release that is current, without waiting for them; none: no step. */
export function startStep(names: string[], { isRecorded, isAll }: StartChoice): RunStep[] {
  if (names.length === 0) return [];
  const args = ["--no-wait", ...(isRecorded ? ["--recorded"] : []), ...(isAll ? [] : names)];
  const run = { ops: "service/start" as const, args };
  return [{ kind: "run", key: "service/start", title: `Start ${names.join(", ")}`, run }];
}
