/** What systemd itself says of the units, without a running one (systemd-analyze(1)). */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hostileTree } from "./hostile.ts";
import { loadText, SEEDS, seed, subjectFor, textsOf } from "./subjects.ts";

const isThere = spawnSync("systemd-analyze", ["--version"]).status === 0;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "units-"));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** All that a manifest can ask for. */
const EVERYTHING = `app: every
deploy_to: /home/deploy/every
linked_dirs: [data]
services:
  api: { run: "x %i", instances: { a: { port: 8001 }, b: { port: 8002 } }, env_file: .env, write_paths: [/tmp/out, "/data/a:b c"] }
  held: { run: bin/x, socket: "192.0.2.1:8003", ready: notify, after: [api, mongod], wants: redis }
  path: { run: bin/x, socket: /run/every.sock }
  web: { run: npm start, port: 8005, socket: { listen: "[::1]:8004", proxy: true } }
  job: { run: x, schedule: { cron: "*/5 8-17 1 * mon", random_delay: 90s } }
prune: { schedule: "0 5 * * *" }
`;

const MANIFESTS = [
  ...SEEDS.map((name) => ({ name, subject: subjectFor(seed(name), { supervisor: "systemd" }) })),
  {
    name: "aqa-youtube-assistant-user",
    subject: subjectFor(seed("aqa-youtube-assistant"), { supervisor: "systemd-user" }),
  },
  { name: "everything", subject: subjectFor(loadText(EVERYTHING)) },
  { name: "hostile", subject: subjectFor(loadText(hostileTree("/srv/hostile").manifest)) },
];

function write(name: string, subject: Parameters<typeof textsOf>[0]): string[] {
  return Object.entries(textsOf(subject)).flatMap(([unit, text]) => {
    const file = path.join(folder, name, unit);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    return path.dirname(unit) === "." ? [file] : [];
  });
}

const analyze = (...words: string[]) =>
  spawnSync("systemd-analyze", words, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });

describe.skipIf(!isThere)(`systemd-analyze${isThere ? "" : " (skipped: not installed)"}`, () => {
  const filled = MANIFESTS.filter(({ subject }) => Object.keys(textsOf(subject)).length > 0);

  test.each(filled)("verifies $name", ({ name, subject }) => {
    const files = write(name, subject);
    const { stderr } = analyze(
      "verify",
      "--man=no",
      "--recursive-errors=no",
      ...(name.endsWith("-user") ? ["--user"] : []),
      ...files,
    );
    // Of other units of the machine, and of programs that come with a release, it speaks too.
    const said = stderr.split("\n").filter((line) => files.some((file) => line.includes(path.basename(file))));
    expect(said.filter((line) => !/is not executable: No such file|mongod\.service|redis\.service/.test(line))).toEqual(
      [],
    );
  });

  const sandboxed = MANIFESTS.filter(({ name }) => name !== "aqa-youtube-assistant-user" && name !== "hostile");
  const hardened = sandboxed.flatMap(({ name, subject }) =>
    Object.entries(textsOf(subject))
      .filter(([unit, text]) => unit.endsWith(".service") && text.includes("NoNewPrivileges=yes"))
      .map(([unit]) => ({ name, subject, unit })),
  );

  test.each(hardened)("scores $unit of $name at 1.5 or less", ({ name, subject, unit }) => {
    write(name, subject);
    const { status, stdout, stderr } = analyze(
      "security",
      "--offline=true",
      "--threshold=15",
      path.join(folder, name, unit),
    );
    expect(stderr).toBe("");
    expect([status, stdout.split("\n").findLast((line) => line.includes("exposure level"))]).toEqual([
      0,
      expect.stringMatching(/: 1\.[0-5] OK/),
    ]);
  });

  test("every OnCalendar is one", () => {
    const times = MANIFESTS.flatMap(({ subject }) =>
      Object.values(textsOf(subject)).flatMap((text) => text.match(/(?<=^OnCalendar=).*$/gm) ?? []),
    );
    expect(times.length).toBeGreaterThan(3);
    expect(analyze("calendar", ...times).status).toBe(0);
  });
});
