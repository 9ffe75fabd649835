/** `remote-call.ts MANIFEST HOST COMMAND WORD…`: one call, as a command gives it; its last line tells how it ended. READING=1: one that only looks. */
import { connect } from "../../scripts/remote/connection.ts";
import { callThere } from "../../scripts/remote/call.ts";
import { SwitchbackError } from "../../scripts/core/errors.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import type { Host } from "../../scripts/manifest/loaded.ts";
import { writeOut } from "../../scripts/terminal/output.ts";

const [filePath = "", environment = "", command = "", ...words] = process.argv.slice(2);
const loaded = loadManifest({ filePath, environment, env: {} });
try {
  const connection = await connect(loaded, loaded.hosts[0] as Host);
  writeOut(1, "CONNECTED\n");
  const ended = await callThere(connection, loaded, {
    command,
    words,
    isReading: process.env["READING"] === "1",
    onOut: (text) => writeOut(1, text),
    onErr: (text) => writeOut(2, text),
  });
  writeOut(1, `ENDED ${JSON.stringify(ended)}\n`);
} catch (error) {
  if (!(error instanceof SwitchbackError)) throw error;
  const { name, message, next, output } = error;
  writeOut(1, `ENDED ${JSON.stringify({ name, message, next, output })}\n`);
}
process.exit(0);
