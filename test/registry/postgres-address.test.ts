import fs from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { parseAddress, showAddress } from "../../scripts/registry/postgres/address.ts";
import { findPasswordOf, type PasswordPlaces } from "../../scripts/registry/postgres/password.ts";
import { findPassword } from "../../scripts/registry/postgres/pgpass.ts";
import { makePlace } from "../core/places.ts";

test.each<[url: string, expected: object]>([
  [
    "postgres://registry@db/releases",
    { servers: [{ host: "db", port: 5432 }], user: "registry", database: "releases" },
  ],
  ["postgresql://u@db:6432/", { servers: [{ host: "db", port: 6432 }], database: "u", sslmode: "prefer" }],
  ["postgres://u:p%40ss%3A@[::1]:1/x", { servers: [{ host: "::1", port: 1 }], password: "p@ss:" }],
  ["postgres://u@a:1,b:2,c/x", { servers: [1, 2, 5432].map((port, at) => ({ host: "abc"[at], port })) }],
  ["postgres:///x?host=/run/pg&user=u", { servers: [{ host: "/run/pg", port: 5432 }], user: "u" }],
  ["postgres://u@%2Frun%2Fpg:6/x", { servers: [{ host: "/run/pg", port: 6 }] }],
  ["postgres:///x?user=u", { servers: [{ host: "/var/run/postgresql", port: 5432 }] }],
  ["postgres://u@h/x?sslmode=verify-full&sslrootcert=/ca", { sslmode: "verify-full", sslrootcert: "/ca" }],
  ["postgres://u@h/x?ssl=true", { sslmode: "require" }],
  [
    "postgres://u@h/x?connect_timeout=1&options=-csearch_path%3Dops",
    { connectTimeout: 2, options: "-csearch_path=ops" },
  ],
])("%s is read as libpq reads it", (url, expected) => {
  expect(parseAddress(url)).toMatchObject(expected);
});

test.each([
  ["postgres://u@h:0/x", "the port"],
  ["postgres://u@h:99999/x", "the port"],
  ["postgres://u@h/x?sslmod=require", '"sslmod", which is not known'],
  ["postgres://u@h/x?sslmode=yes", "an sslmode that is none of"],
  ["postgres://u@h/x?channel_binding=require", '"channel_binding"'],
  ["postgres://u:se%zzcret@h/x", "a % that two"],
  ["postgres://u@a,b/x?port=1,2,3", "as many ports"],
  ["postgres://u@h/x#y", "is no URL"],
])("%s is refused, and its password is not told", (url, message) => {
  const refused = () => parseAddress(url.replace("u@", "u:canary-1d2e@"));
  expect(refused).toThrow(message);
  expect(refused).not.toThrow("canary");
});

test("what the URL leaves out is taken from libpq's variables", () => {
  const env = { PGHOST: "other", PGPORT: "7", PGUSER: "me", PGDATABASE: "db", PGSSLMODE: "require" };
  const read = parseAddress("postgres://", env);
  expect(read).toMatchObject({ servers: [{ host: "other", port: 7 }], user: "me", database: "db", sslmode: "require" });
  expect(parseAddress("postgres://u@h:8/x", env)).toMatchObject({ servers: [{ host: "h", port: 8 }], user: "u" });
  expect(showAddress(parseAddress("postgres://u:canary@h:8,g/x"))).toBe("x at h:8, g");
});

describe("libpq's password file", () => {
  const query = { host: "db", port: 5432, database: "rel", user: "me" };
  test.each<[text: string, password: string | undefined]>([
    ["db:5432:rel:me:secret", "secret"],
    ["# db:5432:rel:me:no\n\nother:*:*:*:no\r\n*:*:*:me:yes\r\n", "yes"],
    ["*:5433:*:*:no\n*:*:*:you:no", undefined],
    [String.raw`*:*:*:*:a\:b\\c`, String.raw`a:b\c`],
    ["*:*:*:*:ends:here", "ends"],
    ["db:5432:rel:me", undefined],
    ["*:*:*:*:\n*:*:*:*:later", undefined],
    [String.raw`\*:*:*:*:no` + "\n*:*:*:*:yes", "yes"],
    ["d*:*:*:*:no", undefined],
  ])("%j", (text, password) => {
    expect(findPassword(text, query)).toBe(password);
  });

  test("takes an escaped colon in a name", () => {
    expect(findPassword(String.raw`fe80\:\:1:*:*:*:six`, { ...query, host: "fe80::1" })).toBe("six");
  });
});

describe("the password", () => {
  let place = "";
  beforeEach(() => void (place = makePlace()));
  const put = (name: string, text: string, mode = 0o600) => {
    const file = path.join(place, name);
    fs.writeFileSync(file, text, { mode });
    fs.chmodSync(file, mode);
    return file;
  };
  const find = (url: string, { file, env = {} }: Partial<PasswordPlaces>) => {
    const address = parseAddress(url);
    return findPasswordOf(address, address.servers[0] as { host: string; port: number }, { file, env });
  };

  test("is that of the manifest's file, then of the URL, of PGPASSWORD, of the password file", () => {
    const file = put("pw", "one\n");
    const passfile = put("pgpass", "*:*:*:*:four\n");
    const [bare, full] = [`postgres://u@h/x?passfile=${passfile}`, `postgres://u:two@h/x?passfile=${passfile}`];
    expect(find(full, { file }).value).toBe("one");
    expect(find(full, { env: { PGPASSWORD: "three" } })).toEqual({ source: "registry.url", value: "two" });
    expect(find(bare, { env: { PGPASSWORD: "three" } }).value).toBe("three");
    expect(find(bare, {}).value).toBe("four");
    fs.chmodSync(passfile, 0o644);
    expect(find(bare, {})).toEqual({ source: "nowhere", value: "" });
  });

  test.each([
    ["open", "canary\n", 0o640, "others may read"],
    ["empty", "\n", 0o600, "is not one line"],
    ["two", "canary\nmore\n", 0o600, "is not one line"],
  ])("in a file that is %s is refused", (name, text, mode, message) => {
    const refused = () => find("postgres://u@h/x", { file: put(name, text, mode) });
    expect(refused).toThrow(message);
    expect(refused).not.toThrow("canary");
  });

  test("in a file that is not there is asked for", () => {
    expect(() => find("postgres://u@h/x", { file: path.join(place, "none") })).toThrow("is not there");
  });
});
