import { spawn } from "node:child_process";
import { OPERATION_MARK } from "./operation-mark.ts";

/** At work at one time; four take 0.43 of the time of one (1,000 releases of 20 files, ext4, two cores). */
const WORKERS = 4;
/** Paths for one call of rm: far from what the kernel lets one command line hold. */
const MOST = 500;

/** Removes files and directories by rm(1), several at a time. What it cannot remove it leaves, and says nothing. */
export async function removeAtOnce(places: string[], operationId: string): Promise<void> {
  const size = Math.min(MOST, Math.ceil(places.length / WORKERS));
  const left = Array.from({ length: Math.ceil(places.length / size) }, (_, i) =>
    places.slice(i * size, (i + 1) * size),
  );
  const work = async () => {
    for (let some = left.shift(); some; some = left.shift()) await rm(some, operationId);
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

// In a process group of its own: what stops the operation lets it end, as it lets one removal end.
function rm(places: string[], operationId: string): Promise<void> {
  const env = { ...process.env, [OPERATION_MARK]: operationId };
  const child = spawn("rm", ["-rf", "--", ...places], { env, stdio: "ignore", detached: true });
  return new Promise((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
}
