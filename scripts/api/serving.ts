import type { Context } from "../core/context.ts";
import { observeServices, type ServiceStatus } from "../service/status.ts";

/** Whether the services of the release that is current run from it; null: that cannot be told, or there are none. */
export type LookAtServices = () => Promise<boolean | null>;

/** How long a look is good for, and how long an answer waits for the next one, in ms. */
const GOOD = 2_000;
const PATIENCE = 1_000;

/** Looks when it is asked, and not again within two seconds; a manager that hangs keeps no answer waiting for more than one. */
export function servingLook(context: Context, look: LookAtServices = () => observeServing(context)): LookAtServices {
  let known: boolean | null = null;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  const begin = async () => {
    // What a host cannot tell is not known, and is no error of the page's.
    known = await look().catch(() => null);
    lookedAt = performance.now();
    looking = undefined;
  };
  return async () => {
    if (performance.now() - lookedAt < GOOD) return known;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => void (timer = setTimeout(resolve, PATIENCE, null)));
    const seen = (looking ??= begin()).then(() => known);
    return Promise.race([seen, late]).finally(() => clearTimeout(timer));
  };
}

async function observeServing(context: Context): Promise<boolean | null> {
  const { current, services } = await observeServices(context);
  return servingOf(
    current,
    services.filter(({ is_wanted }) => is_wanted),
  );
}

/** What is seen of the services of the current release; from which one a process of another account runs may be hidden. */
export function servingOf(
  current: string | null,
  services: Pick<ServiceStatus, "state" | "release_id">[],
): boolean | null {
  if (current === null || services.length === 0) return null;
  const isSeenElsewhere = (id: string | null) => id !== null && id !== current;
  if (services.some(({ state, release_id }) => state !== "running" || isSeenElsewhere(release_id))) return false;
  return services.every(({ release_id }) => release_id === current) ? true : null;
}
