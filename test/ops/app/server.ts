// The application of these tests: answers with its release, or fails, as the file `mode` beside it says.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const mode = readFileSync("mode", "utf8").trim();
const { RELEASE_ID, PORT, VARIANT = "plain" } = process.env;

if (mode === "dying") throw new Error("no licence found");
console.log(`web ${RELEASE_ID} begins`);
createServer((request, response) => {
  const isBad = mode === "bad" || (mode === "no-orders" && request.url === "/orders");
  response.writeHead(isBad ? 503 : 200).end(isBad ? "database is down" : `${RELEASE_ID} ${VARIANT}`);
}).listen(Number(PORT), "127.0.0.1");
