// A small application, misbehaving as MODE says. It prints its port once it listens.
import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

const mode = process.env["MODE"] ?? "ok";
let asked = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  asked += 1;
  const say = (status: number, body: string, headers = {}) => response.writeHead(status, headers).end(body);
  if (mode === "never") return void say(503, '{"db":"down"}');
  if (mode === "flapping") return void say(asked % 2 === 1 ? 200 : 503, "now and then");
  if (mode === "hanging" || (mode === "hanging-later" && asked > 1)) return;
  if (mode === "endless") return void response.writeHead(200).write("never whole");
  if (mode === "slow") return void setTimeout(() => say(200, "ok"), 150);
  if (mode === "redirecting") return void say(302, "", { location: "/elsewhere" });
  if (mode === "dying" && asked === 2) response.on("finish", () => process.exit(7));
  if (mode === "wandering" && asked === 2) process.chdir("/");
  if (mode === "echoing") return echo(request, response);
  say(200, `ok from ${process.env["RELEASE_ID"]}`);
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request;
  let body = "";
  request.on("data", (chunk) => (body += String(chunk)));
  request.on("end", () =>
    response.end(JSON.stringify({ method, url, headers, body, items: [{ id: 1, name: "a" }, { id: 2 }] })),
  );
}

function listen(): void {
  const server = createServer(answer).listen(Number(process.env["LISTEN"] ?? 0), "127.0.0.1", () => {
    console.log((server.address() as { port: number }).port);
  });
}

if (mode === "worker") {
  setInterval(() => {}, 1000);
  console.log(0);
} else if (mode === "forking") {
  spawn(process.execPath, process.argv.slice(1), {
    detached: process.env["APART"] === "yes",
    env: { ...process.env, MODE: "ok" },
    stdio: "inherit",
  });
} else {
  setTimeout(listen, Number(process.env["LISTEN_AFTER"] ?? 0));
}
