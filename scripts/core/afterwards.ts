import type { Context } from "./context.ts";
import { reporter } from "../terminal/reporter.ts";

const due: (() => Promise<void>)[] = [];

/**
 * Leaves the records for the server of `registry.url`, where there is one, until the command has answered, its lock is free and its
 * exit code stands: nothing of it can be changed by that.
 */
export function pushAfterwards(
  context: Pick<Context, "manifest" | "paths" | "opsPath">,
  { isOften = false } = {},
): void {
  if (context.manifest.registry.url === undefined) return;
  due.push(async () => (await import("../registry/postgres/after.ts")).pushAfter(context, { isOften }));
}

/** Does what was left; what fails of it is told as a warning. */
export async function doAfterwards(): Promise<void> {
  for (const work of due.splice(0)) await work().catch((error: Error) => reporter().warn(error.message));
}
