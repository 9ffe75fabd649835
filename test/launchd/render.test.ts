import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { isMarked } from "../../scripts/render/mark.ts";
import { plistPrivileges } from "../../scripts/launchd/privileges.ts";
import { wantedPlists } from "../../scripts/launchd/render.ts";
import { readComments } from "../../scripts/launchd/xml.ts";
import { HOSTILE, randomStrings } from "../core/hostile.ts";
import { type Plist, readByLibplist, readByPython, rendered, subjectOfManifest, subjectOfText } from "./subject.ts";

/** A property list as both parsers read it. */
function read(xml: string | undefined): Plist {
  const [python, libplist] = [readByPython(xml ?? ""), readByLibplist(xml ?? "")];
  expect(libplist).toEqual(python);
  return python;
}

const service = (more: Record<string, unknown> = {}) => ({ services: { web: { run: "bin/server", ...more } } });
const plistOf = (manifest: Record<string, unknown>, label = "shop.web") =>
  read(rendered(subjectOfManifest(manifest))[label]);
const refusal = (manifest: Record<string, unknown>): string => {
  try {
    rendered(subjectOfManifest(manifest));
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};

const golden = path.join(import.meta.dirname, "../golden/launchd/papertok");

test("PaperTok's jobs are those that were read and kept", () => {
  const text = fs.readFileSync(path.join(import.meta.dirname, "../../templates/manifests/papertok.yaml"), "utf8");
  const files = rendered(subjectOfText(text));
  if (process.env["UPDATE_GOLDEN"]) {
    fs.mkdirSync(golden, { recursive: true });
    for (const [label, xml] of Object.entries(files)) fs.writeFileSync(path.join(golden, `${label}.plist`), xml);
  }
  expect(Object.keys(files)).toEqual([
    "com.papertok.server",
    "com.papertok.worker",
    "com.papertok.daily",
    "com.papertok.captions",
    "papertok.prune",
    "papertok.rotate-logs",
  ]);
  for (const [label, xml] of Object.entries(files)) {
    expect(xml, label).toBe(fs.readFileSync(path.join(golden, `${label}.plist`), "utf8"));
    read(xml);
  }
});

describe("what the manifest says is what launchd reads", () => {
  test("a service with everything", () => {
    const plist = plistOf(
      service({
        run: `.venv/bin/uvicorn --port \${PORT} --name '\${PORT} $$ 100%' "a b"`,
        dir: "backend",
        env: { LEVEL: "info", PATH: "/opt/bin:/bin" },
        env_file: [".env", "-/etc/shop.env"],
        port: 22104,
        user: "www",
        group: "staff",
        restart: "on-failure",
        restart_sec: "2500ms",
        stop_timeout: "1m",
        stdout: "log/out.log",
        stderr: "/var/log/shop.err",
        label: "com.shop.web",
      }),
      "com.shop.web",
    );
    const { EnvironmentVariables: env, ...rest } = plist;
    expect(rest).toEqual({
      Label: "com.shop.web",
      ProgramArguments: [
        "/srv/shop/ops/service/launch.ts",
        "--dir",
        "/srv/shop/current/backend",
        "--env-file",
        "-/srv/shop/current/RELEASE.env",
        "--env-file",
        "/srv/shop/current/.env",
        "--env-file",
        "-/etc/shop.env",
        "--port",
        "22104",
        "--",
        ".venv/bin/uvicorn",
        "--port",
        "${PORT}",
        "--name",
        "$${PORT} $$$$ 100%",
        "a b",
      ],
      WorkingDirectory: "/srv/shop",
      UserName: "www",
      GroupName: "staff",
      Umask: 18,
      ProcessType: "Interactive",
      ExitTimeOut: 60,
      RunAtLoad: true,
      ThrottleInterval: 3,
      KeepAlive: { SuccessfulExit: false },
      StandardOutPath: "/srv/shop/current/log/out.log",
      StandardErrorPath: "/var/log/shop.err",
    });
    expect(env).toMatchObject({
      LEVEL: "info",
      PATH: "/opt/bin:/bin",
      PORT: "22104",
      SWITCHBACK_SERVICE: "/srv/shop#web",
    });
  });

  test.each([
    ["always", true],
    ["on-failure", { SuccessfulExit: false }],
    ["never", undefined],
    [undefined, true],
  ])("restart: %s", (restart, kept) => {
    expect(plistOf(service(restart === undefined ? {} : { restart }))["KeepAlive"]).toEqual(kept);
  });

  test.each([
    ["0s", 1, 1],
    ["300ms", 1, 1],
    ["1s", 1, 1],
    ["90s", 90, 90],
  ])("a pause and a timeout of %s, in whole seconds, and never 0, which is for ever", (duration, throttle, exit) => {
    const plist = plistOf(service({ restart_sec: duration, stop_timeout: duration }));
    expect([plist["ThrottleInterval"], plist["ExitTimeOut"]]).toEqual([throttle, exit]);
  });

  test("instances are jobs of their own", () => {
    const web = {
      run: "bin/server %i",
      dir: "%i",
      env: { I: "%i" },
      instances: { main: { port: 22105 }, "b.2": {} },
      label: "com.web",
    };
    const files = rendered(subjectOfManifest({ services: { web } }));
    expect(Object.keys(files)).toEqual(["com.web.main", "com.web.b.2"]);
    const main = read(files["com.web.main"]);
    expect(main.ProgramArguments).toEqual(
      expect.arrayContaining(["--dir", "/srv/shop/current/main", "22105", "bin/server", "main"]),
    );
    expect(main.EnvironmentVariables).toMatchObject({
      I: "main",
      PORT: "22105",
      SWITCHBACK_SERVICE: "/srv/shop#web@main",
    });
  });

  test("a schedule becomes intervals, and a job neither runs when it is loaded nor is kept alive", () => {
    const plist = plistOf(service({ schedule: "30 3,15 * * 1" }));
    expect(plist["StartCalendarInterval"]).toEqual([
      { Weekday: 1, Hour: 3, Minute: 30 },
      { Weekday: 1, Hour: 15, Minute: 30 },
    ]);
    for (const key of ["RunAtLoad", "KeepAlive", "ThrottleInterval"]) expect(plist).not.toHaveProperty(key);
    expect(plist.EnvironmentVariables).not.toHaveProperty("SWITCHBACK_SERVICE");
  });

  test("the suite's own job runs its command without the launcher, and lowest", () => {
    const plist = plistOf({ services: {}, prune: { schedule: "* * * * *" } }, "shop.prune");
    expect(plist).toMatchObject({
      ProgramArguments: ["/srv/shop/ops/release/prune.ts", "--manifest", "/srv/shop/deploy.yaml"],
      StartCalendarInterval: [{}],
      ProcessType: "Background",
    });
  });
});

describe("whose job it is", () => {
  const paths = (manifest: Record<string, unknown>, uid = 501) =>
    wantedPlists(subjectOfManifest(manifest, { name: "anna", uid, home: "/Users/anna" })).map((file) => file.path);

  test("a service that names its user is the system's; the others are the owner's", () => {
    expect(
      paths({ services: { web: { run: "x" }, api: { run: "x", user: "www" } }, prune: { schedule: "0 5 * * *" } }),
    ).toEqual([
      "/Users/anna/Library/LaunchAgents/shop.web.plist",
      "/Library/LaunchDaemons/shop.api.plist",
      "/Users/anna/Library/LaunchAgents/shop.prune.plist",
    ]);
  });

  test("where all services are the system's, so are the suite's own jobs, as the owner", () => {
    const manifest = { services: { api: { run: "x", user: "www" } }, prune: { schedule: "0 5 * * *" } };
    expect(paths(manifest)[1]).toBe("/Library/LaunchDaemons/shop.prune.plist");
    expect(plistOf(manifest, "shop.prune")["UserName"]).toBe("anna");
  });

  test("what root owns is the system's", () => {
    expect(paths(service(), 0)).toEqual(["/Library/LaunchDaemons/shop.web.plist"]);
    const root = { name: "root", uid: 0, home: "/var/root" };
    expect(read(rendered(subjectOfManifest(service(), root))["shop.web"])).not.toHaveProperty("UserName");
  });
});

describe("what launchd cannot express is refused, with its place", () => {
  test.each([
    [
      "random_delay",
      service({ schedule: { cron: "0 3 * * *", random_delay: "5m" } }),
      /deploy\.yaml:\d+:\d+.*without a random delay/s,
    ],
    [
      "catch_up",
      service({ schedule: { cron: "0 3 * * *", catch_up: false } }),
      /deploy\.yaml:\d+:\d+.*once the host wakes/s,
    ],
    ["a schedule", service({ schedule: "0 3 1 1 1-5" }), /deploy\.yaml:\d+:\d+.*launchd/s],
    [
      "restart of a job",
      service({ schedule: "0 3 * * *", restart: "always" }),
      /deploy\.yaml:\d+:\d+.*whatever its schedule/s,
    ],
    ["a socket", service({ socket: "127.0.0.1:22106" }), /deploy\.yaml:\d+:\d+.*file descriptor 3/s],
    ["a container", { services: { web: { container: "image" } } }, /deploy\.yaml:\d+:\d+.*not containers/s],
    ["ready", service({ ready: "notify" }), /deploy\.yaml:\d+:\d+.*once it is started/s],
    ["a group without a user", service({ group: "staff" }), /deploy\.yaml:\d+:\d+.*LaunchAgent/s],
    ["words that need a shell", service({ run: "a | b" }), /deploy\.yaml:\d+:\d+.*no shell here/s],
    [
      "two of one label",
      { services: { web: { run: "x", label: "a.B" }, api: { run: "x", label: "A.b" } } },
      /deploy\.yaml:\d+:\d+.*one launchd label/s,
    ],
    [
      "a service that is called as the suite's own job",
      { services: { prune: { run: "x" } }, prune: { schedule: "0 5 * * *" } },
      /one launchd label/,
    ],
  ])("%s", (_what, manifest, message) => {
    expect(refusal(manifest as Record<string, unknown>)).toMatch(message);
  });

  test.each(["\u0001", "\u001b", "\u000b", "\ufffe"])("a character that XML cannot hold: %j", (character) => {
    const code = character.codePointAt(0)?.toString(16).padStart(4, "0").toUpperCase();
    const message = refusal(service({ env: { A: "x", B: `a${character}b` } }));
    expect(message).toMatch(new RegExp(`deploy\\.yaml:\\d+:\\d+.*U\\+${code}`, "s"));
    expect(message).toMatch(/\^/);
    expect(message).toMatch(/\| +"B": "a/);
    expect(refusal(service({ run: `x "${character}"` }))).toMatch(/\| +"run": "x/);
  });
});

// oxlint-disable-next-line no-control-regex
const isPossible = (text: string) => !/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(text);
const VALUES = [
  ...HOSTILE.filter(isPossible),
  "%n%i",
  "$x ${X} $$",
  "]]>",
  "<!-- -- -->",
  "&amp;&#13;",
  "\r",
  "a\r\nb\rc",
  "\u0085\u007f",
  " x ",
];

describe("hostile values come back as they were", () => {
  test("in env, all in one file", () => {
    const env = Object.fromEntries([...VALUES, ...randomStrings(300)].map((value, index) => [`V${index}`, value]));
    const found = plistOf(service({ env })).EnvironmentVariables;
    for (const [name, value] of Object.entries(env)) expect(found[name], JSON.stringify(value)).toBe(value);
  });

  test("as words of run, each through the launcher's own reading", async () => {
    const { prepareForeground } = await import("../../scripts/service/foreground.ts");
    const words = [...VALUES, ...randomStrings(100)].filter((word) => !word.includes("\n"));
    const run = ["/bin/echo", ...words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`)].join(" ");
    const args = plistOf(service({ run })).ProgramArguments;
    const given = args.slice(args.indexOf("--") + 1);
    expect(prepareForeground({ dir: "/", envFiles: [], words: given }, {}).words).toEqual(["/bin/echo", ...words]);
  });

  test.each(["/srv/a--b", "/srv/a-", "/srv/<&>\"'é\u{1f600}", "/srv/%n $x;", "/srv/a\\b"])(
    "as deploy_to: %s",
    (deployTo) => {
      const xml =
        rendered(subjectOfManifest({ deploy_to: deployTo, ...service({ stdout: "l<&>--g" }) }))["shop.web"] ?? "";
      expect(read(xml)).toMatchObject({ WorkingDirectory: deployTo, StandardOutPath: `${deployTo}/current/l<&>--g` });
      expect(isMarked(readComments(xml), deployTo)).toBe(true);
      expect(isMarked(readComments(xml), "/srv/a")).toBe(false);
    },
  );
});

test("a property list that differs has another mark, and an equal one the same", () => {
  const mark = (more: Record<string, unknown>) => plistOf(service(more)).EnvironmentVariables["SWITCHBACK_PLIST"];
  expect(mark({})).toBe(mark({}));
  expect(mark({ env: { A: "1" } })).not.toBe(mark({}));
  expect(mark({ stop_timeout: "11s" })).not.toBe(mark({}));
});

test("daemons need root for each order and each file, agents for nothing", () => {
  const privileges = (more: Record<string, unknown>) =>
    plistPrivileges(subjectOfManifest({ ...service(more), supervisor: "launchd" })).map((words) => words.join(" "));
  expect(privileges({})).toEqual([]);
  const daemon = privileges({ user: "www" });
  expect(daemon).toContain("launchctl bootstrap system /Library/LaunchDaemons/shop.web.plist");
  expect(daemon).toContain("tee /Library/LaunchDaemons/shop.web.plist.new");
  expect(daemon).toContain("rm -f /Library/LaunchDaemons/shop.web.plist");
});
