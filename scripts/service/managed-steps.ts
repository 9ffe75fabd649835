import type { Context } from "../core/context.ts";
import type { Step } from "../core/step.ts";
import { type LaunchdFacts, launchdGuards, launchdSteps } from "../launchd/plist-steps.ts";
import { textsOf } from "../render/file.ts";
import { changesOf } from "../render/installed.ts";
import { logSteps, unitChanges, type UnitFacts, unitSteps } from "../systemd/unit-steps.ts";

/** What service managers know of a tree, and what they have to know for a manifest. */
export interface ManagedFacts {
  /** systemd's, one for each scope that is concerned. */
  units: UnitFacts[];
  /** launchd's, where it is concerned. */
  plists: LaunchdFacts[];
  /** Services whose socket stays open while they restart. */
  held: string[];
}

/** Nothing but pid files. */
export const UNMANAGED: ManagedFacts = { units: [], plists: [], held: [] };

/** Makes what the managers know what they have to know. */
export const managedSteps = (context: Context, { units, plists }: ManagedFacts): Step[] => [
  ...units.flatMap((facts) => [...logSteps(facts), ...unitSteps(context, unitChanges(facts).there)]),
  ...plists.flatMap((facts) => launchdSteps(context, { ...facts, from: facts.installed, to: textsOf(facts.wanted) })),
];

/** Refuses, before anything is touched, what a manager could do only by ending a job that runs. */
export const jobGuards = ({ plists }: ManagedFacts): Step[] =>
  plists.flatMap((facts) => launchdGuards({ ...facts, from: facts.installed, to: textsOf(facts.wanted) }));

/** Makes it what it was. */
export const managedBack = (context: Context, { units, plists }: ManagedFacts): Step[] => [
  ...units.flatMap((facts) => unitSteps(context, unitChanges(facts).back)),
  ...plists.flatMap((facts) => launchdSteps(context, { ...facts, from: textsOf(facts.wanted), to: facts.installed })),
];

/** What changes outside the tree, a line for each file. */
export const managedNotes = ({ units, plists }: ManagedFacts): string[] => [...units, ...plists].flatMap(changesOf);
