/** What becomes of a container in both forms, read back by systemd's rules: each value has to be what the manifest says. */
import { describe, expect, test } from "vitest";
import { renderContainers } from "../../scripts/podman/render.ts";
import type { Form } from "../../scripts/podman/unit.ts";
import { VALUES, asYaml } from "../systemd/hostile.ts";
import { expand, readCommand, readUnit, readWords } from "../systemd/reader.ts";
import { loadText, seed, subjectFor, valuesOf } from "../systemd/subjects.ts";

const HEAD = "app: shop\ndeploy_to: /srv/shop\nsupervisor: podman\nservices:\n  web:\n";
const CONTROLS = "\u0001\u001b[0m\r\u007f";
const FORMS: Form[] = ["service", "container"];

function fileOf(form: Form, lines: string, head = HEAD): string {
  const subject = subjectFor(loadText(`${head}${lines}`));
  return renderContainers(subject, form)[0]?.content ?? "";
}

/** What podman run is given: by a unit's ExecStart=, or by what its generator makes of PodmanArgs=, Image= and Exec=, which it only unquotes. */
function wordsOf(file: string, form: Form): string[] {
  const start = (value: string) => readCommand(`/usr/bin/podman ${value}`, { RELEASE_ID: "r1" }).slice(1);
  if (form === "service")
    return start(
      valuesOf(file, "ExecStart")
        .join()
        .replace(/^podman /, ""),
    );
  return ["PodmanArgs", "Image", "Exec"].flatMap((key) => valuesOf(file, key)).flatMap(start);
}

test.each(FORMS)("my-app as a %s, to be read by eye", async (form) => {
  const subject = subjectFor(seed("my-app"));
  for (const { place, content } of renderContainers(subject, form))
    await expect(content).toMatchFileSnapshot(`../golden/${place}`);
});

describe.each(FORMS)("as a %s", (form) => {
  const given = (lines: string) => wordsOf(fileOf(form, lines), form);

  test.each(Object.entries({ ...VALUES, controls: CONTROLS }))("%s arrives as it is", (_, value) => {
    const words = given(
      `    container: shop\n    run: x '${value.includes("'") ? "" : "y"}'\n    env: { A: ${asYaml(value)} }\n`,
    );
    expect(words).toContain(`--env=A=${value}`);
  });

  test.each(Object.entries(VALUES).filter(([, value]) => value !== "" && !/[\n\t\u0085]/.test(value)))(
    "%s is an option, a volume, a publish and a network as it is",
    (_, value) => {
      const yaml = asYaml(`v${value}`);
      const lines = `    container: { image: shop, options: [${yaml}], volumes: [${yaml}], publish: ${yaml}, network: ${yaml} }\n`;
      const words = given(lines);
      for (const option of ["", "--volume=", "--publish=", "--network="]) expect(words).toContain(`${option}v${value}`);
    },
  );

  test("words of run are the container's, filled from what is known there; the image is of the release that is current", () => {
    const words = given(
      "    container: { image: shop, publish: '[::1]:80:8080/tcp' }\n    port: 80\n    env: { NAME: 'a b' }\n    run: 'serve ${PORT} \"${NAME}\" ${RELEASE_ID} \\$x'\n",
    );
    expect(words.slice(-6)).toEqual(["localhost/shop:r1", "serve", "8080", "a b", "r1", "$x"]);
    expect(words).toEqual(expect.arrayContaining(["--env=PORT=8080", "--env=RELEASE_ID=r1", "--pull=never"]));
  });

  test("a port is published on the loopback where nothing else is said, and where the network is the container's own", () => {
    const published = (container: string) =>
      given(`    port: 8080\n    container: ${container}\n`).filter((word) => word.startsWith("--publish"));
    expect(published("shop")).toEqual(["--publish=127.0.0.1:8080:8080"]);
    expect(published("{ image: shop, network: host }")).toEqual([]);
    expect(published("{ image: shop, publish: ['8080:80', '9090'] }")).toEqual(["--publish=8080:80", "--publish=9090"]);
  });

  test("relative volumes are those of the release: below current, or the tree's shared", () => {
    const volumes = "[./data:/d, ../../shared/data:/e, .:/f, named:/g, /abs:/h:ro, ..data:/i]";
    const words = given(`    container: { image: shop, volumes: ${volumes} }\n`);
    expect(words.filter((word) => word.startsWith("--volume="))).toEqual(
      [
        "/srv/shop/current/data:/d",
        "/srv/shop/shared/data:/e",
        "/srv/shop/current:/f",
        "named:/g",
        "/abs:/h:ro",
        "..data:/i",
      ].map((volume) => `--volume=${volume}`),
    );
  });

  test("accounts, files and times are podman's; the sandbox of a program is not the container's", () => {
    const file = fileOf(
      form,
      "    container: shop\n    user: '1000'\n    group: staff\n    env_file: [.env, /etc/x y]\n    stop_timeout: 1500ms\n    restart: on-failure\n",
    );
    expect(wordsOf(file, form)).toEqual(
      expect.arrayContaining([
        "--user=1000:staff",
        "--env-file=/srv/shop/current/.env",
        "--env-file=/etc/x y",
        "--stop-timeout=2",
      ]),
    );
    expect(valuesOf(file, "TimeoutStopSec")).toEqual(["22"]);
    expect(valuesOf(file, "Restart")).toEqual(["on-failure"]);
    for (const key of ["NoNewPrivileges", "User", "SystemCallFilter"]) expect(valuesOf(file, key)).toEqual([]);
  });

  test.each(["/srv/h%n/$x", '/srv/a "b"', "/srv/[a]*"])("a tree at %s is where the unit looks", (deployTo) => {
    const head = HEAD.replace("/srv/shop", asYaml(deployTo));
    const file = fileOf(form, "    container: { image: shop, volumes: ./d:/d }\n", head);
    expect(() => readUnit(file)).not.toThrow();
    expect(expand(valuesOf(file, "WorkingDirectory").join())).toBe(`${deployTo}/current`);
    expect(wordsOf(file, form)).toContain(`--volume=${deployTo}/current/d:/d`);
  });

  test("what starts on data that is being changed waits", () => {
    const file = fileOf(form, "    container: shop\n", `database: { sqlite: app.db }\nlinked_dirs: [data]\n${HEAD}`);
    expect(readWords(valuesOf(file, "ExecStartPre").join()).at(-1)?.text).toBe("/srv/shop/run/migrating");
    expect(valuesOf(file, "TimeoutStartSec")).toEqual(["infinity"]);
  });

  test("what podman cannot be told is refused at its place", () => {
    expect(() => given("    container: shop\n    run: x ${SECRET}\n    env_file: .env\n")).toThrow(
      /deploy\.yaml:7:10: services\.web\.run names \$\{SECRET\}/,
    );
    const head = HEAD.replace("/srv/shop", "'/srv/a:b'");
    expect(() => fileOf(form, "    container: { image: shop, volumes: ./d:/d }\n", head)).toThrow(
      /takes no : in its path/,
    );
  });
});
