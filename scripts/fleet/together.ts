import { BusyError, EXIT, FailedError, InterruptedError, SwitchbackError, UsageError } from "../core/errors.ts";
import type { Host } from "../manifest/loaded.ts";
import { atOnce } from "./batches.ts";
import type { Fleet } from "./fleet.ts";

/** Where all hosts say the same, that is said; an interruption is one wherever it came first. */
const ERRORS: Partial<Record<number, typeof SwitchbackError>> = {
  [EXIT.usage]: UsageError,
  [EXIT.busy]: BusyError,
  [EXIT.interrupted]: InterruptedError,
};

type Settled<R> = { value: R } | { host: Host; error: unknown };

/**
 * Does something for all hosts, `most` at the same time, to the end; what failed is told of all of them at once.
 * @param what behind the hosts' names: what is wrong
 */
export async function together<T extends { host: Host }, R>(
  fleet: Pick<Fleet, "titleOf">,
  items: readonly T[],
  what: string,
  work: (item: T) => Promise<R>,
  most = 16,
): Promise<R[]> {
  const settled = await atOnce(items, most, (item): Promise<Settled<R>> =>
    work(item).then(
      (value) => ({ value }),
      (error: unknown) => ({ host: item.host, error }),
    ),
  );
  const failed = settled.flatMap((one) => ("error" in one ? [one] : []));
  if (failed.length > 0) throw failureOf(fleet, failed, items.length, what);
  return settled.flatMap((one) => ("value" in one ? [one.value] : []));
}

function failureOf(
  fleet: Pick<Fleet, "titleOf">,
  failed: { host: Host; error: unknown }[],
  count: number,
  what: string,
): unknown {
  const known = failed.flatMap(({ host, error }) => (error instanceof SwitchbackError ? [{ host, error }] : []));
  const defect = failed.find(({ error }) => !(error instanceof SwitchbackError));
  if (defect) return defect.error;
  const [first] = known;
  // One host's own words are the best.
  if (count === 1) return first?.error;
  const exits = new Set(known.map(({ error }) => error.exit));
  const [exit] = exits.has(EXIT.interrupted) ? [EXIT.interrupted] : exits.size === 1 ? exits : [];
  return new (ERRORS[exit ?? EXIT.failed] ?? FailedError)(
    `${known.map(({ host }) => fleet.titleOf(host)).join(", ")} ${what}`,
    {
      output: known.flatMap(({ host, error }) => linesOf(fleet.titleOf(host), error)),
      next: [...new Set(known.flatMap(({ error }) => error.next))],
      cause: first?.error,
    },
  );
}

/** Most errors about a host begin with its name. */
function linesOf(title: string, { message, output }: SwitchbackError): string[] {
  const said = message.includes(title) ? message : `${title}: ${message}`;
  return [said, ...output.flatMap((text) => text.trimEnd().split("\n")).map((line) => `  ${line}`)];
}
