/** The throw-away application of ops/launchd/self_test.ts: tells what it was started with. */
import { createServer } from "node:http";

const { PORT, RELEASE_ID, GREETING } = process.env;
const told = JSON.stringify({ pid: process.pid, release: RELEASE_ID, greeting: GREETING, cwd: process.cwd() });
createServer((_request, response) => response.end(told)).listen(Number(PORT), "127.0.0.1", () =>
  console.log(`${RELEASE_ID} listens`),
);
process.on("SIGTERM", () => {
  console.log(`${RELEASE_ID} ends by SIGTERM`);
  process.exit(0);
});
