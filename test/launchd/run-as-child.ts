import { prepareForeground, runInPlace } from "../../scripts/service/foreground.ts";

// A runtime that is older than process.execve.
Object.defineProperty(process, "execve", { value: undefined });
const [dir = "", file = "", ...words] = process.argv.slice(2);
process.exit(await runInPlace(prepareForeground({ dir, envFiles: [file], words }, process.env)));
