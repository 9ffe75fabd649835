import { describe, expect, test } from "vitest";
import { unitsOf, valuesOf } from "./subjects.ts";

const withSocket = (socket: string, more = "") => unitsOf(`services:\n  web: { run: x, socket: ${socket}${more} }\n`);

test("a held socket outlives its service, which needs it and takes it", () => {
  const units = withSocket('"127.0.0.1:8000"');
  const socket = units["demo-web.socket"];
  expect([
    valuesOf(socket, "ListenStream"),
    valuesOf(socket, "Accept"),
    valuesOf(socket, "Service"),
    valuesOf(socket, "WantedBy"),
  ]).toEqual([["127.0.0.1:8000"], ["no"], ["demo-web.service"], ["sockets.target"]]);
  expect(socket).not.toMatch(/PartOf|BindsTo|FreeBind|SocketMode|Backlog/);
  expect(valuesOf(units["demo-web.service"], "Requires")).toEqual(["demo-web.socket"]);
  expect(valuesOf(units["demo-web.service"], "After")).toEqual(["network.target demo-web.socket"]);
});

test("a proxy holds it for a service that cannot, and stays up while that one restarts", () => {
  const units = withSocket('{ listen: "127.0.0.1:8000", proxy: true }', ", port: 8001");
  expect(valuesOf(units["demo-web.socket"], "Service")).toEqual(["demo-web-proxy.service"]);
  // Fewer than the 256 lookups that systemd-socket-proxyd can have at work.
  expect(valuesOf(units["demo-web.socket"], "Backlog")).toEqual(["192"]);
  const proxy = units["demo-web-proxy.service"];
  expect(valuesOf(proxy, "ExecStart")).toEqual([
    "/usr/lib/systemd/systemd-socket-proxyd --connections-max=4096 127.0.0.1:8001",
  ]);
  expect([valuesOf(proxy, "Requires"), valuesOf(proxy, "Wants"), valuesOf(proxy, "After")]).toEqual([
    ["demo-web.socket"],
    ["demo-web.service"],
    ["demo-web.socket demo-web.service"],
  ]);
  expect(valuesOf(units["demo-web.service"], "Requires")).toEqual([]);
});

test("one instance can hold it", () => {
  const units = withSocket(
    '{ listen: "127.0.0.1:8000", proxy: true }',
    ", port: 1, instances: { main: { port: 8001 } }",
  );
  expect(Object.keys(units)).toEqual([
    "demo-web@.service",
    "demo-web@main.service.d/port.conf",
    "demo-web@.socket",
    "demo-web-proxy@.service",
  ]);
  expect(valuesOf(units["demo-web@.socket"], "Service")).toEqual(["demo-web-proxy@%i.service"]);
  expect(valuesOf(units["demo-web-proxy@.service"], "Wants")).toEqual(["demo-web@%i.service"]);
  expect(valuesOf(units["demo-web-proxy@.service"], "ExecStart").join()).toMatch(/ 127\.0\.0\.1:8001$/);
});

test("whoever may connect to a port may connect to a path", () => {
  const socket = withSocket("/run/demo/web.sock", ", user: app, group: web")["demo-web.socket"];
  expect([valuesOf(socket, "SocketUser"), valuesOf(socket, "SocketGroup"), valuesOf(socket, "SocketMode")]).toEqual([
    ["app"],
    ["web"],
    ["0666"],
  ]);
});

test.each(["8000", "0.0.0.0:8000", "[::1]:8000", "[::]:8000"])("%s is there from the start", (listen) => {
  expect(valuesOf(withSocket(`"${listen}"`)["demo-web.socket"], "FreeBind")).toEqual([]);
});

test.each(["192.0.2.1:80", "[2001:db8::1]:80"])("%s may come up later", (listen) => {
  expect(valuesOf(withSocket(`"${listen}"`)["demo-web.socket"], "FreeBind")).toEqual(["yes"]);
});

describe("refused, at its place:", () => {
  test.each([
    ['"localhost:8000"', /has the name localhost: systemd listens on an address/],
    ['"127.0.0.1:99999"', /has the port 99999/],
    ['"127.0.0.1:0"', /has the port 0/],
    ['"1.2.3:80"', /has the name 1\.2\.3/],
    [`/run/${"x".repeat(110)}`, /more than 107 bytes/],
  ])("%s", (listen, message) => {
    expect(() => withSocket(listen)).toThrow(message);
    expect(() => withSocket(listen)).toThrow(/^deploy\.yaml:4:26: services\.web\.socket /);
  });

  test("one address for two instances", () => {
    expect(() => withSocket('"127.0.0.1:8000"', ", instances: [a, b]")).toThrow(
      /is one address, and web has 2 instances/,
    );
  });
});
