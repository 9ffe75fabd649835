/** What becomes of a command that is given for an environment with hosts. */
export type Kind =
  /** Looks: on all hosts at the same time, and a host that is down hides none of the others. */
  | "look"
  /** Goes on until it is interrupted, or is one host's own: from several hosts, one has to be named. */
  | "attach"
  /** Changes something: one host after the other, up to the first failure. */
  | "change"
  /** Is about one host's own data: of several hosts, one has to be named. */
  | "changeOne"
  /** Moves `current`: in batches, and what was switched is brought back when one fails. */
  | "switch"
  /** Begins with what is sent from here. */
  | "build"
  | "deploy"
  /** Looks from here at what the hosts have. */
  | "doctor"
  | "status"
  | "changes";

const KINDS: Record<string, Kind> = {
  "release/deploy": "deploy",
  "release/build_release": "build",
  "release/switch_current": "switch",
  "release/rollback": "switch",
  "release/status": "status",
  "release/changes": "changes",
  "release/list": "look",
  "release/verify": "look",
  "release/health_check": "look",
  "service/status": "look",
  "service/logs": "look",
  "service/launch": "attach",
  "launchd/self_test": "attach",
  "host/doctor": "doctor",
  "data/restore": "changeOne",
  "data/migrate": "changeOne",
};

/** By the command's place under `ops`, and its words without options. */
export function kindOf(name: string, bare: readonly string[], { isDry = false } = {}): Kind {
  const kind = KINDS[name] ?? (name === "release/release-registry" ? registryKind(bare[0]) : "change");
  // What a host would do is only looked at; what would be sent there is known here.
  return isDry && !["deploy", "build", "status", "changes", "doctor"].includes(kind) ? "look" : kind;
}

function registryKind(action: string | undefined): Kind {
  if (action === "serve") return "attach";
  return action === "list" || action === "get" ? "look" : "change";
}
