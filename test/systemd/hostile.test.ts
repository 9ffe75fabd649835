import { describe, expect, test } from "vitest";
import { FOLDERS, hostileTree, REFUSED, VALUES, asYaml } from "./hostile.ts";
import { readCommand, readEnvironment, readPattern, readUnit, readWords, expand } from "./reader.ts";
import { loadText, subjectFor, textsOf, unitsOf, valuesOf } from "./subjects.ts";

const DIRECTIVES = new Set([
  "After",
  "BindReadOnlyPaths",
  "CapabilityBoundingSet",
  "Description",
  "Environment",
  "EnvironmentFile",
  "ExecStart",
  "Group",
  "InaccessiblePaths",
  "KillMode",
  "LockPersonality",
  "NoNewPrivileges",
  "PrivateDevices",
  "PrivateMounts",
  "PrivateTmp",
  "ProtectClock",
  "ProtectControlGroups",
  "ProtectHome",
  "ProtectHostname",
  "ProtectKernelLogs",
  "ProtectKernelModules",
  "ProtectKernelTunables",
  "ProtectProc",
  "ProtectSystem",
  "ReadWritePaths",
  "RemoveIPC",
  "Restart",
  "RestartSec",
  "RestrictAddressFamilies",
  "RestrictNamespaces",
  "RestrictRealtime",
  "RestrictSUIDSGID",
  "StandardError",
  "StandardOutput",
  "StartLimitIntervalSec",
  "SystemCallArchitectures",
  "SystemCallErrorNumber",
  "SystemCallFilter",
  "TimeoutStopSec",
  "Type",
  "User",
  "WantedBy",
  "WorkingDirectory",
]);

/** A value that is one path in a list, which may be absent. */
const listed = (value: string) => readWords(value, "keep").map(({ text }) => expand(text).replace(/^-/, ""));

describe.each(["/srv/hostile", "/home/deploy/hostile", '/home/o:t "h%n/$x/hostile'])("below %s", (deployTo) => {
  const { manifest, services } = hostileTree(deployTo);
  const units = textsOf(subjectFor(loadText(manifest)));

  test.each(services)("$name is given what the manifest says", ({ name, out, words, env, dirPath, stdout }) => {
    const unit = units[`hostile-${name}.service`];
    const file = readUnit(unit ?? "");
    expect(file.filter(([, key]) => !DIRECTIVES.has(key))).toEqual([]);
    const environment = readEnvironment(valuesOf(unit, "Environment"));
    const { RELEASE_ID: _id, FROM_FILE: _file, ...own } = env;
    expect(environment).toMatchObject(own);
    const command = readCommand(valuesOf(unit, "ExecStart").join(), environment);
    const isFound = command[0] === "/usr/bin/env";
    expect(command.slice(isFound ? 1 : 0)).toEqual([`${dirPath}/probe`, out, ...words]);
    expect(expand(valuesOf(unit, "WorkingDirectory").join())).toBe(dirPath);
    expect(expand(valuesOf(unit, "StandardOutput").join())).toBe(`append:${stdout}`);
  });

  test.each(Object.values(FOLDERS))("the folder %j is a path wherever one stands", (folder) => {
    const at = Object.values(FOLDERS).indexOf(folder);
    const unit = units[`hostile-folder${at}.service`];
    const current = `${deployTo}/current`;
    expect(valuesOf(unit, "EnvironmentFile").map((one) => readPattern(one))).toEqual([
      `${current}/${folder}/vars`,
      `${current}/RELEASE.env`,
    ]);
    expect(valuesOf(unit, "ReadWritePaths").flatMap(listed)).toEqual([
      `${deployTo}/shared/out`,
      `${current}/${folder}`,
    ]);
    const bound = valuesOf(unit, "BindReadOnlyPaths").flatMap(listed);
    expect(bound.some((one) => `${deployTo}/`.startsWith(`${one}/`))).toBe(deployTo.startsWith("/home"));
  });
});

test.each(Object.entries(REFUSED))("%s is refused in a variable, at its place", (_, value) => {
  expect(() => unitsOf(`services:\n  api:\n    run: x\n    env:\n      A: b\n      BAD: ${asYaml(value)}\n`)).toThrow(
    /deploy\.yaml:8:12: services\.api\.env\.BAD .*put it into a file of env_file/,
  );
});

test.each(Object.entries(VALUES))("%s is a variable of an instance as it is, but for its %%i", (_, value) => {
  const units = unitsOf(`services:\n  web:\n    run: x\n    instances: main\n    env: { A: ${asYaml(value)} }\n`);
  const environment = readEnvironment(valuesOf(units["demo-web@.service"], "Environment"), { i: "main" });
  expect(environment).toEqual({ A: value.replaceAll("%i", "main") });
});

test.each(["a ", "a\t", "a\\"])("a path that ends as %j does is refused where nothing can be quoted", (folder) => {
  const place = asYaml(folder);
  if (!folder.includes("\t"))
    for (const key of ["dir", "stdout", "stderr", "env_file"])
      expect(() => unitsOf(`services:\n  api:\n    run: x\n    ${key}: ${place}\n`)).toThrow(
        /deploy\.yaml:6:\d+: services\.api\..*ends in a blank or a backslash/,
      );
});
