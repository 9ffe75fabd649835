import { describe, expect, test } from "vitest";
import { readUnit } from "./reader.ts";
import { seed, subjectFor, textsOf, unitsOf, valuesOf } from "./subjects.ts";

const service = (lines: string, unit = "demo-api.service") => {
  const text = unitsOf(`services:\n  api:\n${lines.trim().replace(/^ */gm, "    ")}\n`)[unit];
  return (key: string) => valuesOf(text, key);
};

/** The unit that seed 003's team wrote by hand. */
const HAND_WRITTEN = `
[Unit]
Description=MedC Annotation Backend (Gunicorn)
After=network.target

[Service]
User=deploy
Group=deploy
WorkingDirectory=/opt/medc-img-annotation-app/backend
Environment=DISABLE_LEGACY_ROUTES=1
Environment=MONGO_URI=mongodb://127.0.0.1:27017/
Environment=MONGO_DB=medical_annotation
Environment=SECRET_KEY=your-prod-secret
Environment=JWT_SECRET_KEY=your-jwt-secret
Environment=PYTHONUNBUFFERED=1
ExecStart=/opt/conda/envs/medc/bin/gunicorn -w 4 -b 127.0.0.1:8000 'app:create_app()'
Restart=always
RestartSec=2
StandardOutput=append:/var/log/medc/gunicorn.out.log
StandardError=append:/var/log/medc/gunicorn.err.log

[Install]
WantedBy=multi-user.target
`;

test("seed 003: each directive of the hand-written unit is there, or changed for a reason", () => {
  const same = ([section, key, value]: string[]) => `[${section}] ${key}=${value?.replaceAll('"', "'")}`;
  const ours = new Set(readUnit(textsOf(subjectFor(seed("medc-annot")))["medc-annot.service"] ?? "").map(same));
  const missing = readUnit(HAND_WRITTEN)
    .map(same)
    .filter((line) => !ours.has(line));
  expect(missing).toEqual([
    "[Unit] Description=MedC Annotation Backend (Gunicorn)", // the manifest has no words for it
    "[Unit] After=network.target", // and its socket
    "[Service] WorkingDirectory=/opt/medc-img-annotation-app/backend", // current, in place of the checkout
    "[Service] Environment=SECRET_KEY=your-prod-secret", // secrets are in backend/.env
    "[Service] Environment=JWT_SECRET_KEY=your-jwt-secret",
  ]);
  for (const line of [
    "[Unit] After=network.target medc-annot.socket",
    "[Service] WorkingDirectory=/opt/releases/medc-annot/current/backend",
    "[Service] EnvironmentFile=/opt/releases/medc-annot/current/backend/.env",
  ])
    expect(ours).toContain(line);
});

test("no unit names a release", () => {
  for (const name of ["medc-annot", "oroboros", "papertok", "aqa-youtube-assistant"])
    for (const text of Object.values(textsOf(subjectFor(seed(name)))))
      expect(text.replaceAll("/opt/releases/", "")).not.toMatch(/releases\//);
});

describe("run", () => {
  test.each([
    [".venv/bin/python -m worker", "/srv/demo/current/backend/.venv/bin/python -m worker"],
    ["../bin/x", "/srv/demo/current/bin/x"],
    ["/opt/x/bin/y 'a b'", '/opt/x/bin/y "a b"'],
    ["npm start", "/usr/bin/env npm start"],
    ["./100%/x", "/srv/demo/current/backend/100%%/x"],
    ["'./my app/x'", '/usr/bin/env "/srv/demo/current/backend/my app/x"'],
    ["./a\\$b/x", "/usr/bin/env /srv/demo/current/backend/a$$b/x"],
    ["${VENV}/bin/x --on=${HOST}:${PORT}", "/usr/bin/env ${VENV}/bin/x --on=${HOST}:8000"],
    ["-x", "/usr/bin/env -- -x"],
    ["x '' ';' '$HOME' 100% @a", '/usr/bin/env x "" ";" $$HOME 100%% @a'],
  ])("%s", (run, wanted) => {
    expect(service(`run: ${JSON.stringify(run)}\nport: 8000\ndir: backend`)("ExecStart")).toEqual([wanted]);
  });

  test("a port that a file could contradict is given by env, unless it stands in the command line", () => {
    expect(service("run: npm start\nport: 3001\nenv_file: .env")("ExecStart")).toEqual([
      "/usr/bin/env PORT=3001 npm start",
    ]);
    expect(service("run: x ${PORT}\nport: 3001\nenv_file: .env")("ExecStart")).toEqual(["/usr/bin/env x 3001"]);
    expect(service("run: bin/x\nport: 3001")("ExecStart")).toEqual(["/srv/demo/current/bin/x"]);
  });

  test.each([
    ["'a=b' c", /services\.api\.run names a program with = in it/],
    ["a; b", /services\.api\.run: character 2: ; means nothing without a shell/],
  ])("%s is refused", (run, message) => {
    expect(() => service(`run: ${JSON.stringify(run)}`)).toThrow(message);
  });

  test("what npm starts is told to stop as well; others tell their workers themselves", () => {
    expect(service("run: npm start")("KillMode")).toEqual(["control-group"]);
    expect(service("run: /opt/x/bin/gunicorn app:app")("KillMode")).toEqual(["mixed"]);
  });
});

describe("environment", () => {
  test("the service's port wins over its env, its files over env, and the release's own file over all", () => {
    const of = service("run: x\nport: 80\nenv: { PORT: '1', A: b }\nenv_file: [-shared.env, /etc/x.env]");
    expect(of("Environment")).toEqual(["A=b", "PORT=80"]);
    expect(of("EnvironmentFile")).toEqual([
      "-/srv/demo/current/shared.env",
      "/etc/x.env",
      "-/srv/demo/current/RELEASE.env",
    ]);
  });
});

describe("life", () => {
  test("a service that stays up is started again for ever", () => {
    const of = service("run: x\nrestart_sec: 1500ms\nstop_timeout: 60s\nrestart: on-failure");
    expect([of("Type"), of("Restart"), of("RestartSec"), of("StartLimitIntervalSec"), of("TimeoutStopSec")]).toEqual([
      ["exec"],
      ["on-failure"],
      ["1500ms"],
      ["0"],
      ["60"],
    ]);
  });

  test("never is never, and no time to stop is not for ever", () => {
    const of = service("run: x\nrestart: never\nstop_timeout: 0s");
    expect([of("Restart"), of("RestartSec"), of("StartLimitIntervalSec"), of("TimeoutStopSec")]).toEqual([
      ["no"],
      [],
      [],
      ["1ms"],
    ]);
  });

  test("ready: notify is heard from the main process, or from what a launcher started", () => {
    const [own, launched] = ["bin/x", "npm start"].map((run) => service(`run: ${run}\nready: notify`));
    expect([own?.("Type"), own?.("NotifyAccess"), launched?.("NotifyAccess")]).toEqual([["notify"], [], ["all"]]);
  });

  test("the owner of the tree runs what names no user; under the user's own manager nobody else can", () => {
    expect(service("run: x")("User")).toEqual(["deploy"]);
    expect(service("run: x\nuser: web\ngroup: www")("Group")).toEqual(["www"]);
    const own = textsOf(subjectFor(seed("aqa-youtube-assistant"), { supervisor: "systemd-user" }))[
      "aqa-youtube-assistant-backend.service"
    ];
    expect([valuesOf(own, "User"), valuesOf(own, "After"), valuesOf(own, "WantedBy")]).toEqual([
      [],
      [],
      ["default.target"],
    ]);
    expect(own).not.toMatch(/Protect|Private|Bind|Paths|Capabilit/);
  });
});

describe("order", () => {
  const units = unitsOf(`services:
  db: { run: x, unit: postgres }
  web: { run: x, instances: [a, b] }
  api: { run: x, after: [db, web, web@a, mongod, redis.service, network-online.target], wants: [web@b, network-online.target] }
  each: { run: x, instances: [a], after: "web@%i", wants: "cache@%i" }
`);

  test("a service of the manifest is its unit, or all of its instances; another unit is itself", () => {
    expect(valuesOf(units["demo-api.service"], "After")).toEqual([
      "network.target postgres.service demo-web@a.service demo-web@b.service mongod.service redis.service network-online.target",
    ]);
    expect(valuesOf(units["demo-api.service"], "Wants")).toEqual(["demo-web@b.service network-online.target"]);
    expect(valuesOf(units["demo-each@.service"], "After")).toEqual(["network.target demo-web@%i.service"]);
    expect(valuesOf(units["demo-each@.service"], "Wants")).toEqual(["cache@%i.service"]);
  });

  test.each(["a b", "a;b", "%n", "web@c", "é"])("after: %s is refused", (name) => {
    expect(() =>
      unitsOf(`services:\n  web: { run: x, instances: [a] }\n  api: { run: x, after: "${name}" }\n`),
    ).toThrow(/^deploy\.yaml:5:25: services\.api\.after has .* neither a service of this manifest nor a unit/);
  });
});

describe("instances", () => {
  test("%i stays wherever a text may hold it", () => {
    const of = service(
      "run: x --name %i '100%'\ninstances: main\ndir: web-%i\nenv: { A: '%i%n' }\nenv_file: '%i.env'\nstderr: 'err-%i.log'",
      "demo-api@.service",
    );
    expect(of("ExecStart")).toEqual(["/usr/bin/env x --name %i 100%%"]);
    expect(of("WorkingDirectory")).toEqual(["/srv/demo/current/web-%i"]);
    expect(of("Environment")).toEqual(["A=%i%%n"]);
    expect(of("EnvironmentFile")[0]).toBe("/srv/demo/current/%i.env");
    expect([...of("StandardOutput"), ...of("StandardError")]).toEqual([
      "append:/srv/demo/logs/api@%i.log",
      "append:/srv/demo/current/err-%i.log",
    ]);
  });

  test("without instances it is two characters", () => {
    expect(service("run: x\nenv: { A: '%i' }")("Environment")).toEqual(["A=%%i"]);
  });

  test("ports of their own are drop-ins, which also win over a file", () => {
    const lines = "services:\n  web: { run: 'x ${PORT}', port: 8000, instances: { a: { port: 8001 }, b: {} }";
    const units = unitsOf(`${lines} }\n`);
    expect(valuesOf(units["demo-web@.service"], "ExecStart")).toEqual(["/usr/bin/env x ${PORT}"]);
    expect(valuesOf(units["demo-web@a.service.d/port.conf"], "Environment")).toEqual(["PORT=8001"]);
    expect(valuesOf(units["demo-web@b.service.d/port.conf"], "Environment")).toEqual(["PORT=8000"]);
    const withFile = unitsOf(`${lines}, env_file: .env }\n`);
    expect(valuesOf(withFile["demo-web@a.service.d/port.conf"], "ExecStart")).toEqual(["", "/usr/bin/env x 8001"]);
  });
});

describe("jobs", () => {
  const units = unitsOf(`services:
  nightly: { run: "bin/job now", schedule: { cron: "30 3 1 * mon", random_delay: 5m, catch_up: false } }
prune: { schedule: "0 5 * * *" }
`);

  test("a job ends by itself, and its timer starts it", () => {
    const job = units["demo-nightly.service"];
    expect([valuesOf(job, "Type"), valuesOf(job, "Restart"), valuesOf(job, "WantedBy")]).toEqual([["oneshot"], [], []]);
    const timer = units["demo-nightly.timer"];
    expect(valuesOf(timer, "OnCalendar")).toHaveLength(2);
    expect([
      valuesOf(timer, "Persistent"),
      valuesOf(timer, "RandomizedDelaySec"),
      valuesOf(timer, "Unit"),
      valuesOf(timer, "WantedBy"),
    ]).toEqual([["no"], ["300"], ["demo-nightly.service"], ["timers.target"]]);
  });

  test("the suite's own job may do what an operator may", () => {
    const job = units["demo-prune.service"];
    expect(valuesOf(job, "ExecStart")).toEqual(["/srv/demo/ops/release/prune.ts --manifest /srv/demo/deploy.yaml"]);
    expect(valuesOf(job, "NoNewPrivileges")).toEqual([]);
  });

  test("a job has no instances", () => {
    expect(() => unitsOf('services:\n  job: { run: x, schedule: "0 3 * * *", instances: a }\n')).toThrow(
      /services\.job\.instances has no meaning/,
    );
  });
});
