// Starts a service and ends, as an operation does: started by tests in a process of its own.
import { currentRelease, pidfileSupervisor } from "../../scripts/service/pidfile-supervisor.ts";

const { place, definition } = JSON.parse(process.argv[2] ?? "");
const { pid } = await pidfileSupervisor(place).start(definition, currentRelease(place));
console.log(pid);
if (process.argv[3] === "stay") setInterval(() => {}, 1_000);
