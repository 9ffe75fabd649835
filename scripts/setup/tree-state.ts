import { FailedError } from "../core/errors.ts";
import { quote } from "../core/step.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import { renderWithTrailer } from "../manifest/trailer.ts";
import { asOwner } from "../remote/as-owner.ts";
import type { Connection } from "../remote/connection.ts";
import { type Answer, runThere, typedSsh } from "../remote/ssh.ts";
import { noAnswer } from "../remote/unreachable.ts";

/** Runs a script, as the tree's owner, that only has to begin: what its status means is the caller's to know. @throws UnreachableError */
export async function asked(connection: Connection, script: string, timeoutMs?: number): Promise<Answer> {
  const { host } = connection;
  const answer = await runThere(host, asOwner(connection, script), timeoutMs === undefined ? {} : { timeoutMs });
  if (!answer.isBegun || answer.status === null) throw noAnswer(host, answer.status, answer.stderr);
  return answer;
}

/** @throws FailedError for a host without the two programs that the suite does not bring: rsync receives, bash runs the manifest's lines. */
export async function refuseWithoutTools(connection: Connection): Promise<void> {
  const { status } = await asked(connection, "command -v bash >/dev/null 2>&1");
  const missing = [...(status === 0 ? [] : ["bash"]), ...(connection.hasRsync ? [] : ["rsync"])];
  if (missing.length === 0) return;
  const { host, platform } = connection;
  const install = platform.startsWith("darwin") ? "brew install" : "sudo apt-get install";
  throw new FailedError(`${host.name} has no ${missing.join(" and no ")}`, {
    host: host.name,
    next: `${typedSsh(host)} -t ${install} ${missing.join(" ")}`,
  });
}

const TREE = ["releases", "shared", "logs", "run", "registry.db", "ops"];

/** What a host's tree has not yet of what `prepare_shared` makes, relative to the tree; its copy of the manifest as `deploy.yaml`. */
export async function lackingThere(connection: Connection, loaded: LoadedManifest): Promise<string[]> {
  const { linked_dirs, linked_files } = loaded.manifest;
  const linked = [...linked_dirs, ...linked_files].filter(({ optional }) => !optional);
  const places = [...TREE, ...linked.map(({ shared }) => `shared/${shared}`)];
  const script = `cd ${quote(connection.deployTo)} 2>/dev/null || exit 3
for place in ${places.map(quote).join(" ")}; do [ -e "$place" ] || printf '%s\\0' "$place"; done
printf '\\0'
cat deploy.yaml 2>/dev/null || :`;
  const { status, stdout } = await asked(connection, script);
  if (status === 3) return [...places, "deploy.yaml"];
  const end = stdout.startsWith("\0") ? 0 : stdout.indexOf("\0\0") + 1;
  const missing = stdout.slice(0, end).split("\0").filter(Boolean);
  return stdout.slice(end + 1) === treeCopy(connection, loaded) ? missing : [...missing, "deploy.yaml"];
}

/** `deploy.yaml` as the host itself writes it into its tree. */
const treeCopy = ({ deployTo, host }: Connection, { text, environment }: LoadedManifest) =>
  renderWithTrailer(text, { originPath: deployTo, deployTo, environment, host: host.name });
