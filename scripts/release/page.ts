import type { Context } from "../core/context.ts";
import type { Step } from "../core/step.ts";

/** The maintenance page around a switch: turned on before services stop, off once the gate has let a release pass. */
export interface PageFacts {
  before: Step[];
  after: Step[];
}

export const NO_PAGE: PageFacts = { before: [], after: [] };

/** Looks whether a switch is to show the page; a person's own is left as it is. */
export async function observePage(context: Context): Promise<PageFacts> {
  const isShown = Object.values(context.manifest.sites).some(({ maintenance }) => maintenance?.during_switch);
  if (!isShown) return NO_PAGE;
  const { maintenanceAround, observeMaintenance } = await import("../site/maintenance.ts");
  return maintenanceAround(context, observeMaintenance(context));
}
