import path from "node:path";
import type { Context } from "../core/context.ts";
import { FailedError, type SwitchbackError, UsageError } from "../core/errors.ts";
import { command, quote } from "../core/step.ts";
import { hostsOf } from "../manifest/hosts.ts";
import type { SharedFact } from "./entries.ts";

/** A linked file that is not in `shared/`, and that nothing there will make. */
export const isMissing = ({ kind, state, optional }: SharedFact) =>
  kind === "file" && !optional && (state === "absent" || state === "dangling");

/**
 * Why phase 1 cannot give every linked file; undefined when it can. On a host the tree is made all the same: what is copied there by
 * hand needs a place.
 */
export function whyMissing(context: Context, shared: SharedFact[]): SwitchbackError | undefined {
  const missing = shared.filter((fact) => fact.state === "dangling" || (isMissing(fact) && !isMade(fact, context)));
  if (missing.length === 0) return undefined;
  const isHost = context.loaded.host !== undefined;
  const lines = missing.map((fact) => `  ${whyOf(fact, isHost)}`);
  const message = `linked files are missing${isHost ? ` on ${context.loaded.host}` : ""}:\n${lines.join("\n")}`;
  const ErrorOf = isHost && missing.every(({ state }) => state === "absent") ? FailedError : UsageError;
  const hows = missing.map((fact) =>
    fact.state === "dangling"
      ? `rm ${quote(fact.sharedPath)}`
      : howToMake(context, fact).replace(/# then fill it$/, "$&, or mark it optional"),
  );
  return new ErrorOf(message, { next: [...new Set(hows)] });
}

/** Phase 1 makes it: a link to the checkout, or a secret. */
const isMade = ({ hasSource, value_from: from, valueProblem }: SharedFact, { loaded }: Context) =>
  from === undefined ? hasSource : loaded.host === undefined && valueProblem === undefined;

function whyOf({ state, sharedPath, sourcePath, linkedTo, valueProblem }: SharedFact, isHost: boolean): string {
  if (state === "dangling") return `${sharedPath} leads to ${linkedTo}, which is gone`;
  if (isHost) return sharedPath;
  return `${sharedPath} is missing, and ${valueProblem ?? `so is ${sourcePath}`}`;
}

/** What a person types to have a missing file; where it is on a host, on the machine that deploys. */
export function howToMake(context: Context, fact: SharedFact): string {
  const { loaded, opsPath } = context;
  const place = fact.sharedPath;
  if (fact.valueProblem !== undefined) return `${opsPath}/host/secrets.ts   # once that is there`;
  if (loaded.host !== undefined && fact.isInPlace && !fact.value_from)
    return `deploy prepare --move ${loaded.environment}`;
  if (loaded.host !== undefined)
    return fact.value_from ? `deploy secrets ${loaded.environment}` : `scp ${scpWords(context, loaded.host, fact)}`;
  if (fact.value_from) return `${opsPath}/host/secrets.ts`;
  if (fact.hasSource) return `${opsPath}/release/prepare_shared.ts`;
  return `mkdir -p ${quote(path.dirname(place))} && install -m 600 /dev/null ${quote(place)}   # then fill it`;
}

function scpWords({ loaded, manifest }: Context, name: string, { from, sharedPath }: SharedFact): string {
  const { user, port } = manifest.environments[loaded.environment ?? ""] ?? {};
  const [host] = hostsOf({ hosts: [name], user, port });
  return command(
    ...(host?.port === undefined ? [] : ["-P", String(host.port)]),
    "-p",
    from,
    `${host?.destination}:${sharedPath}`,
  );
}
