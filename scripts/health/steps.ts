import type { WaitStep } from "../core/step.ts";

export interface GateChoice {
  /** With the services and checks that the release last ran healthy with. */
  isRecorded: boolean;
  /** The smoke requests too. */
  hasSmoke?: boolean;
}

/** The gate: proves that a release answers. */
export const gateStep = (releaseId: string, { isRecorded, hasSmoke }: GateChoice): WaitStep => ({
  kind: "wait",
  key: "gate",
  title: `Wait until ${releaseId} is healthy`,
  until: "healthy",
  releaseId,
  ...(isRecorded ? { recorded: true } : {}),
  ...(hasSmoke ? { smoke: true } : {}),
});

/** `drain`: waits until the application has no work that a stop would cut. */
export const drainStep = (releaseId: string): WaitStep => ({
  kind: "wait",
  key: "drain",
  title: "Wait until the application is idle",
  until: "idle",
  releaseId,
});
