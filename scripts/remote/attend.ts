import os from "node:os";
import { EXIT, FailedError, UsageError } from "../core/errors.ts";
import { ownerOf } from "../core/owner.ts";
import { type Paths, treePaths } from "../core/paths.ts";
import { spendReserve } from "../core/reserve.ts";
import { commandWords, environmentOf } from "./command-there.ts";
import { type Controls, send } from "./controls.ts";
import { followCall } from "./follow-call.ts";
import { frame } from "./frames.ts";
import { type Header, isToken } from "./header.ts";
import { outsideLogin, startKeeper } from "./keeper.ts";
import { KeptCall } from "./kept-call.ts";
import { readThere } from "./read.ts";
import { keepManifest } from "./sent.ts";
import { tellOthers } from "./tell.ts";

/** Milliseconds until a keeper that did not begin is started another way. */
const SLOW_KEEPER = 3000;

/** What a host does for a call: begins it, once, or goes on with it; passes on what it prints, and how it ends. */
export async function attend(controls: Controls): Promise<number> {
  process.stdout.on("error", () => controls.leave());
  await send(frame("hello"));
  const header = await controls.header;
  // The connection was lost before anything was asked for.
  if (!header) return EXIT.done;
  if (!isToken(header.token)) throw new UsageError("the name of a call is 32 hexadecimal digits");
  const paths = treePaths(header.deployTo);
  const call = new KeptCall(paths, header.token);
  if (header.isDone) return forget(call);
  controls.isStopping ||= header.isStopping;
  if (!call.isThere) for (const line of tellOthers(paths, call.token)) await note(header, line);
  return header.isReading ? readThere(paths, header, controls) : keepGoing(call, header, controls);
}

const note = (header: Header, line: string) => send(frame("note", `${header.host}: ${line}\n`));

async function keepGoing(call: KeptCall, header: Header, controls: Controls): Promise<number> {
  refuseForeign(call.paths);
  const begin = withReserve(call.paths, () => prepare(call, header));
  // It was asked for twice, and this one comes when the other has seen it to its end.
  if (call.isDone) return forget(call);
  const outside = outsideLogin();
  if (outside.whyNot && call.state.isSlot) await note(header, outside.whyNot);
  if (call.state.isSlot) begin(outside.words);
  await send(frame("begun"));
  const again = { afterMs: SLOW_KEEPER, begin: () => begin([]) };
  return ended(call, header, controls, await followCall(call, controls, { offsets: header.offsets, again }));
}

/** Makes the call's folder, and what begins it. */
function prepare(call: KeptCall, header: Header): (outside: string[]) => void {
  const { command, words, environment, from, reconnectSec } = header;
  const manifest = keepManifest(call.paths, header);
  if (!call.isThere) call.make({ command, words, environment, from, reconnectSec, begunAt: new Date().toISOString() });
  const all = commandWords(header, manifest);
  return (outside) => startKeeper(call, all, { env: environmentOf(header), outside });
}

/** Tells how it ended, and forgets it once all of it has arrived. */
async function ended(
  call: KeptCall,
  header: Header,
  controls: Controls,
  exit: number | "dead" | undefined,
): Promise<number> {
  if (exit === undefined) return EXIT.done;
  if (exit === "dead") {
    await note(header, `${header.command} was cut off: it ended without an exit code (was the host restarted?)`);
    await send(frame("end", String(EXIT.stranded)));
  } else await send(frame("end", String(exit)));
  while (!controls.isDone && !controls.isGone) await controls.wait(1000);
  return controls.isDone ? forget(call) : EXIT.done;
}

async function forget(call: KeptCall): Promise<number> {
  call.remove();
  await send(frame("bye"));
  return EXIT.done;
}

/** On a full disk a rollback has to work from afar as well. */
function withReserve<Result>(paths: Paths, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    spendReserve(paths);
  }
  try {
    return work();
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    throw new FailedError(`there is no room left on ${os.hostname()} for ${paths.deployTo}`, {
      next: `df -h ${paths.deployTo}; df -i ${paths.deployTo}`,
    });
  }
}

const isNoRoom = (error: unknown) => ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");

function refuseForeign({ deployTo }: Paths): void {
  const [owner, me] = [ownerOf(deployTo), process.geteuid?.() ?? 0];
  if (me === 0 || owner === me) return;
  throw new UsageError(`${deployTo} belongs to another account of ${os.hostname()} than the one that ssh logs in to`, {
    next: `ls -ld ${deployTo}; the environment's user: in deploy.yaml is to be the tree's owner, or root`,
  });
}
