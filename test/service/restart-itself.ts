// An operation that a service starts itself, as a deployment by webhook does: it restarts the service that it is a part of.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { currentRelease, pidfileSupervisor } from "../../scripts/service/pidfile-supervisor.ts";

const { place, definition } = JSON.parse(fs.readFileSync(process.argv[2] ?? "", "utf8"));
const supervisor = pidfileSupervisor(place);
const { wasKilled } = await supervisor.stop(definition.name, 5_000);
const { already } = await supervisor.start(definition, currentRelease(place));
const mark = spawnSync("/bin/sh", ["-c", "echo $SWITCHBACK_SERVICE"], { encoding: "utf8" }).stdout.trim();
fs.writeFileSync(`${process.argv[2]}.done`, JSON.stringify({ wasKilled, already, mark }));
