import { FailedError } from "../core/errors.ts";
import { quote } from "../core/step.ts";
import { WAITING } from "../core/steps/link.ts";
import { type Connection, newerThere } from "../remote/connection.ts";
import { typedSsh } from "../remote/ssh.ts";
import { showBytes } from "../text/amounts.ts";
import { type Bundle, gather } from "./bundle.ts";
import { refuseOldRsync, type Sent } from "../upload/rsync.ts";
import { stoppable } from "../upload/stopping.ts";
import { copyThere, isSameThere, PARTIAL } from "./copy.ts";
import { asked } from "./tree-state.ts";

export interface PutOptions {
  /** A line for the person, without the host's name. */
  say: (line: string) => void;
  onProgress?: ((sent: Sent) => void) | undefined;
}

/** The suite's places on a host. */
const placesOf = ({ deployTo }: Connection, version: string) => ({
  suite: `${deployTo}/suite`,
  place: `${deployTo}/suite/${version}`,
  taking: `${deployTo}/suite/.taking-${version}`,
});

/**
 * Puts the suite that runs, with the runtime of the host's platform, into the tree there: copied under another name, made durable and
 * tried before one rename lets it count. What an interrupted copy left is gone on with. Where this version is there already it is
 * compared, and replaced only when it differs. Answers whether anything was put.
 * @throws FailedError where there is no room or no right for it, or where it does not start.
 */
export async function putSuite(connection: Connection, options: PutOptions): Promise<boolean> {
  refuseOldRsync();
  const bundle = gather(connection.platform, () => options.say(`fetching the runtime for ${connection.platform} …`));
  try {
    return await stoppable((signal) => put(connection, bundle, { ...options, signal }));
  } finally {
    bundle.remove();
  }
}

async function put(
  connection: Connection,
  bundle: Bundle,
  options: PutOptions & { signal: AbortSignal },
): Promise<boolean> {
  const { version, folder, size } = bundle;
  const { place, taking, suite } = placesOf(connection, version);
  const isThere = connection.suites.includes(version);
  if (isThere && (await isSameThere(connection, folder, place, options.signal))) return false;
  await makeRoom(connection, suite, size.bytes);
  const like = connection.suites.map((one) => placesOf(connection, one).place);
  const sent = await copyThere(connection, folder, taking, { ...options, like, size });
  await letCount(connection, version);
  options.say(`suite ${version} is there${isThere ? ", in place of one that differed" : ""} (${showBytes(sent)} sent)`);
  return true;
}

/** @throws FailedError where the tree cannot be made, or has no room for it. */
async function makeRoom(connection: Connection, suite: string, bytes: number): Promise<void> {
  const { host, deployTo } = connection;
  const script = `id -un\nmkdir -p ${quote(suite)} || exit 3\ndf -Pk ${quote(suite)} | tail -n 1`;
  const answer = await asked(connection, script);
  const [user = "", row = ""] = answer.stdout.split("\n");
  if (answer.status === 3)
    throw new FailedError(`${host.name}: ${user} may not make ${deployTo}`, {
      host: host.name,
      output: answer.stderr.trimEnd().split("\n"),
      next: `${typedSsh(host)} -t sudo install -d -o ${quote(user)} ${quote(deployTo)}`,
    });
  const free = Number(row.trim().split(/\s+/)[3]) * 1024;
  if (free < bytes)
    throw new FailedError(
      `${host.name}: the suite needs ${showBytes(bytes)} in ${suite}, and ${showBytes(free)} are free`,
      {
        host: host.name,
        next: `${typedSsh(host)} df -h ${quote(suite)}`,
      },
    );
}

/** By Capistrano's way, a link of the same name that is moved into the directory: `mv` onto a link to a directory lands inside it. */
async function letCount(connection: Connection, version: string): Promise<void> {
  const { suite, place, taking } = placesOf(connection, version);
  // The host's own jobs do not go back to an older version because somebody deploys with one.
  const isNewest = newerThere(connection.suites) === undefined;
  const [d, s, t, p] = [connection.deployTo, suite, taking, place].map(quote);
  const script = `set -eu
if [ ! -d ${t} ] && [ -d ${p} ]; then exit 0; fi
find ${t} -name ${PARTIAL} -prune -exec rm -rf {} +
chmod -R u+rwX,go+rX,go-w ${t}
${t}/ops/deploy.ts help >/dev/null || exit 3
sync -f ${t} 2>/dev/null || sync
if [ -e ${p} ]; then rm -rf ${s}/.old && mv ${p} ${s}/.old; fi
mv ${t} ${p}
rm -rf ${s}/.old
if ${isNewest ? "true" : `[ ! -e ${d}/ops ]`}; then
  new=$(mktemp -d ${d}/${WAITING}XXXXXX)
  ln -s ${quote(`suite/${version}/ops`)} "$new"/ops
  mv -f "$new"/ops ${d}/
  rmdir "$new"
fi
sync -f ${s} 2>/dev/null || sync`;
  const answer = await asked(connection, script, 300_000);
  if (answer.status === 0) return;
  const what = answer.status === 3 ? "the suite does not start there" : "the suite could not be put into its place";
  throw new FailedError(`${connection.host.name}: ${what}`, {
    host: connection.host.name,
    output: answer.stderr.trimEnd().split("\n").slice(-12),
    next: `${typedSsh(connection.host)} ${quote(`${taking}/ops/deploy.ts`)} help`,
  });
}
