import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { clock, seconds } from "../../scripts/terminal/durations.ts";
import { fit } from "../../scripts/terminal/fit.ts";

const suite = path.resolve(import.meta.dirname, "../..");
const place = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-reporter-"));
afterAll(() => fs.rmSync(place, { recursive: true }));

/** What a terminal of so many columns is sent while a small program of ours reports; `env` as shell assignments. */
function onTerminal(lines: string, { columns = 60, flags = "{}", env = "TERM=xterm" } = {}): string {
  const program = path.join(place, "program.ts");
  fs.writeFileSync(
    program,
    `import { reporter, setReporter } from "${suite}/scripts/terminal/reporter.ts";
const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));
setReporter(${flags}, process.env);
${lines}
`,
  );
  const line = `stty cols ${columns}; ${env} '${suite}/ops/_bun' '${program}'`;
  return execFileSync("script", ["-qec", line, "/dev/null"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], SHELL: "/bin/sh" },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** What such a terminal shows in the end. */
const shown = (sent: string) =>
  sent.split("\r\n").map((line) =>
    line
      .split("\r\u001b[K")
      .at(-1)
      ?.replaceAll(/\u001b\[[0-9;]*m/g, ""),
  );

const hasScript = fs.existsSync("/usr/bin/script") && process.platform === "linux";

test.skipIf(!hasScript)("the line moves, makes room for what is said, and is gone at the end", () => {
  const sent = onTerminal(`
    reporter().begin("Build it");
    reporter().output("one\\ntw");
    await wait(150);
    reporter().output("o\\n10 %\\r20 %");
    reporter().say("said");
    reporter().end("Build it", 1234, "done");`);
  expect(shown(sent)).toEqual(["one", "two", "20 %", "said", "✓ Build it (1.23 s)", ""]);
  expect(sent).toContain("\r\u001b[K… Build it (0 s)");
});

test.skipIf(!hasScript)("NO_COLOR: no colour, though the line moves", () => {
  const sent = onTerminal(`reporter().begin("Build it"); reporter().end("Build it", 1, "done");`, {
    env: "TERM=xterm NO_COLOR=1",
  });
  expect(sent.replaceAll("\r\u001b[K", "")).not.toContain("\u001b");
  expect(shown(sent)).toEqual(["✓ Build it (0.00 s)", ""]);
});

test.skipIf(!hasScript).each([
  ["a dumb terminal", { env: "TERM=dumb" }],
  ["JSON", { flags: "{ json: true }" }],
])("%s has plain timed lines", (_, options) => {
  const sent = onTerminal(
    `reporter().begin("Build it"); reporter().output("no end"); reporter().note("busy"); reporter().end("Build it", 1, "done");`,
    options,
  );
  expect(sent.replaceAll(/\d\d:\d\d:\d\d/g, "T")).toBe("no end\r\nT busy\r\nT ✓ Build it (0.00 s)\r\n");
});

test.skipIf(!hasScript)("--quiet: nothing at all", () => {
  const sent = onTerminal(`reporter().begin("B"); reporter().output("x"); reporter().end("B", 1, "done");`, {
    flags: "{ quiet: true }",
  });
  expect(sent).toBe("");
});

test.skipIf(!hasScript).each([
  [20, "… Build a wide 発…"],
  [0, "… Build a wide 発発発発 title (0 s)"],
])("a terminal of %i columns", (columns, line) => {
  const sent = onTerminal(`reporter().begin("Build a wide 発発発発 title"); reporter().takeAway();`, { columns });
  expect(sent).toBe(`\r\u001b[K${line}\r\u001b[K`);
});

test.skipIf(!hasScript)("a terminal that is made narrower: the line follows", () => {
  const sent = onTerminal(`
    reporter().begin("Build something that is long");
    await wait(150);
    (await import("node:child_process")).execFileSync("stty", ["cols", "12"], { stdio: "inherit" });
    await wait(250);
    reporter().takeAway();`);
  expect(sent).toContain("… Build something that is long (0 s)");
  expect(sent).toContain("\u001b[K… Build so…");
});

test.skipIf(!hasScript)("what it says goes into the log without escapes, each step with its time", () => {
  const log = path.join(place, "log");
  onTerminal(`
    reporter().logTo("${log}");
    reporter().begin("Build it");
    reporter().note("busy: job reindex");
    reporter().end("Build it", 1, "done");
    reporter().end("Write it", 1, "minor");`);
  const lines = fs.readFileSync(log, "utf8").replaceAll(/\d\d:\d\d:\d\d/g, "T");
  expect(lines).toBe("T busy: job reindex\nT ✓ Build it (0.00 s)\n  T ✓ Write it (0.00 s)\n");
});

test.each([
  ["plain", 5, "plain"],
  ["plainer", 5, "plai…"],
  ["発発発", 6, "発発発"],
  ["発発発", 5, "発発…"],
  ["ünïcödé", 7, "ünïcödé"],
  ["a\u001b[2Jb\nc", 20, "a�[2Jb�c"],
  ["x", 0, ""],
])("%j in %i columns", (text, columns, wanted) => expect(fit(text, columns)).toBe(wanted));

test.each([
  [400, "0.40 s", "0 s"],
  [41_400, "41 s", "41 s"],
  [60_000, "60 s", "1 m 0 s"],
  [179_600, "3 m 0 s", "3 m 0 s"],
  [7_500_000, "125 m 0 s", "2 h 5 m"],
  [273_600_000, "4560 m 0 s", "3 d 4 h"],
])("%i ms", (ms, took, running) => expect([seconds(ms), clock(ms)]).toEqual([took, running]));
