import type { WaitStep } from "../core/step.ts";

export interface GateChoice {
  /** With the services and checks that the release last ran healthy with. */
  isRecorded: boolean;
  /** The smoke requests too. */
  hasSmoke?: boolean;
  /** Only these services; default: all. */
  only?: string[];
}

/** The gate: proves that a release answers. */
export const gateStep = (releaseId: string, { isRecorded, hasSmoke, only }: GateChoice): WaitStep => ({
  kind: "wait",
  key: "gate",
  title: `Wait until ${releaseId} is healthy`,
  until: "healthy",
  releaseId,
  ...(isRecorded ? { recorded: true } : {}),
  ...(hasSmoke ? { smoke: true } : {}),
  ...(only ? { only } : {}),
});

/** `drain`: waits until the application has no work that a stop would cut; `isStrict`: no job may run behind it. */
export const drainStep = (releaseId: string, isStrict: boolean): WaitStep => ({
  kind: "wait",
  key: "drain",
  title: "Wait until the application is idle",
  until: "idle",
  releaseId,
  ...(isStrict ? { strict: true } : {}),
});
