import { setTimeout as pause } from "node:timers/promises";
import { isSameProcess } from "../processes/processes.ts";
import type { StartResult } from "./supervisor.ts";
import { connections, isAnyoneWaiting } from "../processes/tcp.ts";

/** What stands in front of a service and lets requests in. */
export interface Door {
  /** Lets nobody through; who comes waits in the queue of the socket that the manager holds. */
  close(): Promise<void>;
  open(): Promise<void>;
  /** The port at which visitors come to it. */
  front: number;
  /** The port on which the service itself listens. */
  port: number;
  /** How long it may take until it listens, in milliseconds; what comes then is the gate's to judge. */
  patience: number;
}

/** How long the room may take to empty, in milliseconds, before it is closed all the same. */
const PATIENCE = 5000;
/** Who is in the doorway gets so long, in milliseconds, to be through it. */
const PASSING = 1000;
const LOOK_EVERY = 10;
/** Where nobody has left the room for so long, in milliseconds, who is in it waits for what is in the doorway. */
const STILL = 100;

/**
 * Restarts a service behind its door when nobody is inside: the door is closed, requests that are inside are answered, and a
 * connection that was caught in the doorway is let through by opening until nobody is in it. Opened again once the service
 * listens: one that does not is about to be replaced, by what a failed gate restores or a person starts, and who waits is
 * answered by that.
 */
export async function withClosedDoor(door: Door, restart: () => Promise<StartResult>): Promise<StartResult> {
  await closeWhenEmpty(door);
  const result = await restart();
  const isListening = () => connections(door.port).isListening;
  const isGone = () => !isSameProcess(result.pid, result.startTime);
  await until(() => isListening() || isGone(), door.patience);
  if (isListening()) await door.open();
  return result;
}

/** Closes the door once those inside are answered. */
export async function closeWhenEmpty(door: Door): Promise<void> {
  const end = performance.now() + PATIENCE;
  await door.close();
  while (!(await hasEmptied(door.port)) && performance.now() < end) {
    await door.open();
    await until(() => !isAnyoneWaiting(door.front), PASSING);
    await door.close();
  }
}

/** Waits as long as people leave. */
async function hasEmptied(port: number): Promise<boolean> {
  const inside = () => connections(port).established;
  for (let before = inside(); before > 0; before = inside())
    if (!(await until(() => inside() < before, STILL))) return false;
  return true;
}

async function until(isSo: () => boolean, patience: number): Promise<boolean> {
  for (const end = performance.now() + patience; performance.now() < end; await pause(LOOK_EVERY))
    if (isSo()) return true;
  return isSo();
}
