/**
 * Holds a lock in a process of its own: `hold-lock.ts FILE [pressure | child]`. Says `held`, with the pid of its child if it was asked to
 * leave one behind, and then waits to be killed.
 */
import { spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { acquireLock } from "../../scripts/core/lock.ts";

const [file = "", mode] = process.argv.slice(2);
acquireLock(file, () => "somebody");
const child = mode === "child" ? spawn("sleep", ["60"], { detached: true, stdio: "ignore" }) : undefined;
child?.unref();
writeSync(1, `held ${child?.pid ?? ""}\n`);

// What nobody refers to is collected: rounds of garbage, each with a pause in which finalizers may run.
const garbage = () => Array.from({ length: 200_000 }, (_, i) => ({ text: `${i}`, more: [i] })).length;
for (let round = 1; ; round++) {
  if (mode === "pressure") garbage();
  await new Promise((resolve) => setTimeout(resolve, mode === "pressure" ? 5 : 1000));
  if (mode === "pressure" && round === 60) writeSync(1, "collected\n");
}
