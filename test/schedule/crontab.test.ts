import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withBlock } from "../../scripts/schedule/crontab-block.ts";
import { quoteForCron, renderCron } from "../../scripts/schedule/crontab.ts";
import { prepareForeground } from "../../scripts/service/foreground.ts";
import { refusalOf, subjectOf } from "./subject.ts";

const HOSTILE = [
  "plain",
  "two words",
  "50%",
  "%",
  "a\\%b",
  "\\\\",
  "\\",
  "it's",
  "'\\''",
  '"quoted"',
  "$HOME ${x} $(id) `id`",
  "; rm -rf / #",
  "<&>|*?[a]{b}~",
  "ünïcödé 発売",
  "back\\slash's %n \\' \\\\%",
  "tab\there",
  "",
  "-n",
  "A=b",
];

/** What cron gives to its shell: up to the first `%` without a backslash. Crons differ on a backslash before a backslash. */
const UNESCAPES: [cron: string, unescape: (command: string) => string][] = [
  ["Vixie cron 3.0", (command) => command.replaceAll(/\\([\\%])|%[^]*/g, (_, escaped?: string) => escaped ?? "")],
  [
    "crontab(5)",
    (command) => command.replaceAll(/\\(%)|(\\[^])|%[^]*/g, (_, percent, other) => percent ?? other ?? ""),
  ],
];

/** The arguments that a command gets. */
function wordsBySh(command: string): string[] {
  const script = `set -- ${command}; for word; do printf '%s\\0' "$word"; done`;
  const { stdout, stderr, status } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout.split("\0").slice(0, -1);
}

test.each(UNESCAPES)("every word is the same behind %s and its shell", (_, unescape) => {
  expect(wordsBySh(unescape(HOSTILE.map(quoteForCron).join(" ")))).toEqual(HOSTILE);
});

test.each<[what: string, data: Record<string, unknown>, hold: string]>([
  ["migrated", { migrate: { run: "x" } }, " --hold /srv/shop/run/migrating-jobs --"],
  ["restored", { database: { sqlite: "a.db" } }, " --hold /srv/shop/run/migrating-jobs --"],
  ["left alone", {}, "/srv/shop/current --env-file -/srv/shop/current/RELEASE.env --"],
])("a job of data that may be %s waits for it, or for nothing", (_, data, hold) => {
  const job = { run: "bin/job", schedule: "0 3 * * *" };
  expect(renderCron(subjectOf({ ...data, services: { job } }))[0]?.content).toContain(`${hold} bin/job`);
});

const NIGHTLY = {
  nightly: {
    run: `bin/job --all '50% \\off' "it's \${NAME} \\$5"`,
    dir: "backend",
    env: { GREETING: "häl lo %d '$x' \\%", EMPTY: "" },
    env_file: [".env", "-/etc/shop.env"],
    port: 8100,
    schedule: "*/5 1-3 * * mon",
  },
};

const lines = (manifest: Record<string, unknown>) =>
  renderCron(subjectOf(manifest)).flatMap(({ content }) => content.split("\n"));

test("one block between markers, and a line for every job", () => {
  const services = { web: { run: "bin/web" }, ...NIGHTLY };
  const [file] = renderCron(subjectOf({ services, prune: { schedule: "0 3 * * *" }, logs: {} }));
  expect(file?.place).toBe("cron/crontab");
  expect(file?.content).toBe(fs.readFileSync(path.join(import.meta.dirname, "../golden/cron/crontab"), "utf8"));
});

test("no jobs, no file", () => expect(renderCron(subjectOf({ services: { web: { run: "x" } } }))).toEqual([]));

describe("the command of a job", () => {
  let folder: string;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "switchback-cron-"));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  test.each(UNESCAPES)("is what the manifest says behind %s, its shell and the launcher", (_, unescape) => {
    const at = (place: string) => path.join(folder, place);
    fs.mkdirSync(at("current/backend/bin"), { recursive: true });
    fs.writeFileSync(at("current/backend/bin/job"), "#!/bin/sh\n", { mode: 0o755 });
    fs.writeFileSync(at("current/.env"), 'NAME="a \' b"\n');
    fs.writeFileSync(at("current/RELEASE.env"), "RELEASE_ID=r7\n");
    const line =
      lines({ deploy_to: folder, services: NIGHTLY }).find((one) => one.startsWith("*/5 1-3 * * mon ")) ?? "";
    const words = wordsBySh(unescape(line.slice("*/5 1-3 * * mon ".length)).replace(/ >>.*$/, ""));
    const launcher = words.findIndex((word) => word.endsWith("/ops/service/launch.ts"));
    expect(words[0]).toBe("env");
    const given = Object.fromEntries(words.slice(1, launcher).map((word) => word.split(/=([^]*)/)));
    const [options, run] = [words.slice(launcher + 1, words.indexOf("--")), words.slice(words.indexOf("--") + 1)];
    const valuesOf = (name: string) =>
      options.flatMap((word, index) => (word === name ? [options[index + 1] ?? ""] : []));
    const [dir = ""] = valuesOf("--dir");
    const back = process.cwd();
    const prepared = prepareForeground(
      { dir, envFiles: valuesOf("--env-file"), port: Number(valuesOf("--port")[0]), words: run },
      given as NodeJS.ProcessEnv,
    );
    process.chdir(back);
    expect(prepared.cwd).toBe(at("current/backend"));
    expect(prepared.words.slice(1)).toEqual(["--all", "50% \\off", "it's a ' b $5"]);
    expect(prepared.environment).toEqual({
      PATH: "/usr/local/bin:/usr/bin:/bin",
      ...NIGHTLY.nightly.env,
      NAME: "a ' b",
      RELEASE_ID: "r7",
      PORT: "8100",
      SWITCHBACK_JOB: `${folder}:nightly`,
    });
  });
});

test("its own PATH wins, and its two logs are its own", () => {
  const job = {
    run: "x",
    env: { PATH: "/opt/bin" },
    stdout: "/var/log/a b.log",
    stderr: "log/err.log",
    schedule: "1 1 * * *",
  };
  expect(lines({ services: { job } })[2]).toMatch(
    /^1 1 \* \* \* env PATH=\/opt\/bin SWITCHBACK_JOB=\/srv\/shop:job \/srv\/shop\/ops\/.* >>'\/var\/log\/a b\.log' 2>>\/srv\/shop\/current\/log\/err\.log$/,
  );
});

test.each<[manifest: Record<string, unknown>, refusal: RegExp]>([
  [
    { schedule: { cron: "1 1 * * *", random_delay: "5m" } },
    /schedule.*random_delay|: a crontab cannot express this: cron starts a job at its time$/,
  ],
  [{ env: { A: "two\nlines" } }, /a crontab's line cannot hold a line break$/],
  [{ run: "x 'two\nlines'" }, /a crontab's line cannot hold a line break$/],
  [{ run: "x; y" }, /character 2: ; means nothing without a shell/],
  [{ user: "ben" }, /it is anna's, and cron runs all of it as anna$/],
  [{ group: "ben" }, /it is anna's, and cron runs all of it as anna$/],
  [{ instances: ["a"] }, /a job has no instances/],
  [{ container: "image" }, /it runs programs$/],
  [{ env: { LONG: "x".repeat(900) } }, /a crontab takes commands of up to 998 bytes, and this one has 1\d\d\d$/],
])("%j is refused at its place", (more, refusal) => {
  const job = { run: "x", schedule: "1 1 * * *", ...more };
  expect(refusalOf(() => renderCron(subjectOf({ services: { job } })))).toMatch(refusal);
  expect(refusalOf(() => renderCron(subjectOf({ services: { job } })))).toMatch(/^deploy\.yaml:\d+:\d+: /);
});

test("anna's own jobs may say so", () =>
  expect(lines({ services: { job: { run: "x", user: "anna", group: "anna", schedule: "1 1 * * *" } } })).toHaveLength(
    5,
  ));

const hasCrontab = /-n/.test(spawnSync("crontab", ["-h"], { encoding: "utf8" }).stderr ?? "");

test.skipIf(!hasCrontab)(
  "Debian's crontab takes the longest command, and no longer one (skipped without a crontab -n)",
  () => {
    const take = (length: number) => {
      const job = (name: string) => ({ run: `x ${name}`, schedule: "1 1 * * *" });
      const empty = lines({ services: { job: job("") } })[2]?.length ?? 0;
      const line = lines({ services: { job: job("y".repeat(length - empty + "1 1 * * * ".length - 1)) } })[2] ?? "";
      expect(line.slice("1 1 * * * ".length)).toHaveLength(length);
      return spawnSync("crontab", ["-n", "-"], { input: `${line}\n` }).status === 0;
    };
    expect(take(998)).toBe(true);
    expect(() => take(999)).toThrow("998 bytes");
  },
);

const BLOCK = "# BEGIN switchback shop /srv/shop\n0 3 * * * new\n# END switchback shop /srv/shop\n";
const OLD = "# BEGIN switchback store /srv/shop\n1 2 * * * old\n# END switchback store /srv/shop\n";
const OTHER = "# BEGIN switchback shop /srv/shop2\n1 2 * * * other\n# END switchback shop /srv/shop2\n";

describe("the block of a tree", () => {
  test.each<[what: string, now: string, wanted: string]>([
    ["is all of an empty crontab", "", BLOCK],
    [
      "goes in front of what there is",
      "SHELL=/bin/zsh\n\n  5 4 * * * x # \t\r\n",
      `${BLOCK}SHELL=/bin/zsh\n\n  5 4 * * * x # \t\r\n`,
    ],
    [
      "takes the place of an older one, whatever the application was called",
      `a\n${OLD}${OTHER}b\n`,
      `a\n${BLOCK}${OTHER}b\n`,
    ],
    ["stays as it is", `a\n${BLOCK}b\n`, `a\n${BLOCK}b\n`],
    ["gives the last line the end that crontab(1) wants", "1 1 * * * x", `${BLOCK}1 1 * * * x\n`],
  ])("%s", (_, now, wanted) => {
    expect(withBlock(now, "/srv/shop", BLOCK)).toBe(wanted);
    expect(withBlock(wanted, "/srv/shop", BLOCK)).toBe(wanted);
  });

  test("goes, and leaves the rest", () => {
    expect(withBlock(`a\n${OLD}${OTHER}b`, "/srv/shop", "")).toBe(`a\n${OTHER}b\n`);
    expect(withBlock(BLOCK, "/srv/shop", "")).toBe("");
    expect(withBlock(OTHER, "/srv/shop", "")).toBe(OTHER);
  });

  test.each([
    `${BLOCK}${OLD}`,
    BLOCK.replace("# END", "#END"),
    "# END switchback shop /srv/shop\n# BEGIN switchback shop /srv/shop\n",
  ])("that is not one pair is refused", (now) =>
    expect(() => withBlock(now, "/srv/shop", BLOCK)).toThrow(
      /the crontab has \d BEGIN and \d END lines of \/srv\/shop/,
    ),
  );
});
