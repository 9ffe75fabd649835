import type { SiteModel } from "./model.ts";

/** How often, and after which pause, a service is asked again: what the site says, or enough for a quick restart where it has a page. */
export const retryOf = ({ retry, maintenance }: Pick<SiteModel, "retry" | "maintenance">) =>
  retry ?? (maintenance ? { attempts: 4, intervalMs: 100 } : undefined);
