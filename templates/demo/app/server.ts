// A small web application: it counts its visits in an SQLite file that outlives every release.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";

/** RELEASE_ID and PORT are in the environment of every service. */
const { RELEASE_ID: release, PORT: port } = process.env;
const { greeting, database: file } = JSON.parse(readFileSync("settings.json", "utf8"));

function openDatabase(): DatabaseSync {
  const database = new DatabaseSync(file);
  database.exec("CREATE TABLE IF NOT EXISTS visits (at TEXT NOT NULL, release TEXT NOT NULL)");
  return database;
}

function visit(): object {
  const database = openDatabase();
  try {
    database.prepare("INSERT INTO visits VALUES (?, ?)").run(new Date().toISOString(), release ?? "");
    const { visits } = database.prepare("SELECT count(*) AS visits FROM visits").get() as { visits: number };
    return { greeting, release, visits };
  } finally {
    database.close();
  }
}

function health(): object {
  openDatabase().close();
  return { healthy: true, release };
}

const pages: Record<string, () => object> = { "/": visit, "/health": health };

const server = createServer((request, response) => {
  const page = pages[request.url ?? ""];
  const answer = (status: number, body: object) =>
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  if (!page) return answer(404, { error: "not found" });
  try {
    answer(200, page());
  } catch (error) {
    answer(503, { error: `${file}: ${(error as Error).message}` });
  }
});

server.listen(Number(port), "127.0.0.1", () => console.log(`release ${release} listens on port ${port}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
