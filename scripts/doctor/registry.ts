import type { Context } from "../core/context.ts";
import { FailedError, SwitchbackError } from "../core/errors.ts";
import { quote } from "../core/step.ts";
import { openDatabaseToRead } from "../registry/database.ts";
import { countWaiting } from "../registry/outbox.ts";
import { findPasswordOf, observePassfile } from "../registry/postgres/password.ts";
import { observeServer, type ServerFacts } from "../registry/postgres/observe.ts";
import { SCHEMA_VERSION } from "../registry/postgres/schema.ts";
import { type Target, targetOf } from "../registry/postgres/target.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

const CHECK = "registry";
const SYNC = "ops/release/release-registry.ts sync";
/** Milliseconds by which clocks may differ before the order of changes on several hosts is doubtful. */
const SKEW = 5000;

/** The server that this host's records are pushed to: is it there, may it be written to, how much waits for it. */
export async function checkRegistry(context: Context): Promise<Finding[]> {
  try {
    const target = targetOf(context, process.env);
    return target ? [...passwords(target), ...(await server(context, target))] : [];
  } catch (error) {
    if (error instanceof SwitchbackError) return [wrong(CHECK, error.message, ...error.next)];
    throw error;
  }
}

/** Where the password is kept: what is in the manifest is in git. */
function passwords({ address, file }: Target): Finding[] {
  const found = address.servers.map((one) => findPasswordOf(address, one, { file, env: process.env }).source);
  const inUrl = address.password === undefined ? [] : [inManifest(file)];
  if (found.some((source) => source !== "nowhere")) return inUrl;
  const { place, isOpen } = observePassfile(address);
  return isOpen ? [wrong(CHECK, `others may read ${place}, so it is not read`, `chmod 600 ${quote(place)}`)] : inUrl;
}

const inManifest = (file: string | undefined): Finding =>
  note(
    CHECK,
    `the password is in registry.url, and so in everything that the manifest is copied to${file === undefined ? "" : "; registry.password_file is what counts"}`,
    "install -m 600 /dev/stdin shared/registry.pw   # in the tree; the password, then Ctrl-D",
    "$EDITOR deploy.yaml   # registry: { url without it, password_file: registry.pw }",
  );

async function server(context: Context, { address, file }: Target): Promise<Finding[]> {
  const waiting = waitingIn(context);
  try {
    const facts = await observeServer(address, { file, env: process.env });
    return [...judged(facts), waits(waiting, facts.name)];
  } catch (error) {
    if (!(error instanceof FailedError)) throw error;
    const left = waiting ? `; ${waiting} records wait` : "";
    return [wrong(CHECK, `${error.message}${left}`, ...error.next)];
  }
}

function waitingIn({ paths }: Context): number | undefined {
  const database = openDatabaseToRead(paths.registry);
  try {
    return database && countWaiting(database);
  } finally {
    database?.close();
  }
}

function waits(count: number | undefined, name: string): Finding {
  if (count === undefined) return note(CHECK, `${name}: nothing was pushed from here yet`, SYNC);
  return count === 0 ? ok(CHECK, `${name}, nothing waits`) : note(CHECK, `${name}: ${count} records wait`, SYNC);
}

function judged({ skewMs, version, grants, table }: ServerFacts): Finding[] {
  const seconds = (Math.abs(skewMs) / 1000).toFixed(0);
  return [
    ...grants.map(({ why, sql }) => wrong(CHECK, why, `${sql}   # as the owner of the database`)),
    ...(version > SCHEMA_VERSION
      ? [note(CHECK, `its tables are of version ${version}, this suite's of ${SCHEMA_VERSION}: another host is newer`)]
      : []),
    ...(table === undefined ? [] : [note(CHECK, `its table releases is left alone: ${table}`)]),
    ...(Math.abs(skewMs) > SKEW
      ? [
          wrong(
            CHECK,
            `its clock and this host's are ${seconds} s apart: which host changed a release last is doubtful`,
            "timedatectl status",
          ),
        ]
      : []),
  ];
}
