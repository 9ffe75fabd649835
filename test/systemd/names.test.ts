import { expect, test } from "vitest";
import {
  allUnits,
  proxyUnitOf,
  socketUnitOf,
  timerUnitOf,
  unitFileOf,
  unitOf,
  unitsToEnable,
} from "../../scripts/systemd/names.ts";
import { renderContainers } from "../../scripts/podman/render.ts";
import { loadText, SEEDS, seed, subjectFor, textsOf, unitsOf } from "./subjects.ts";

const manifestOf = (services: string) => loadText(`app: shop\ndeploy_to: /srv/shop\nservices:\n${services}`).manifest;

test("a service's unit is named after the application, unless it has a name of its own", () => {
  const manifest = manifestOf(
    "  web: { run: x }\n  api: { run: x, unit: medc-annot }\n  old: { run: x, unit: legacy.service }\n",
  );
  expect(["web", "api", "old"].map((name) => unitOf(manifest, name))).toEqual([
    "shop-web.service",
    "medc-annot.service",
    "legacy.service",
  ]);
  expect(socketUnitOf(manifest, "api")).toBe("medc-annot.socket");
  expect(proxyUnitOf(manifest, "web")).toBe("shop-web-proxy.service");
  expect(timerUnitOf(manifest, "old")).toBe("legacy.timer");
});

test.each(["oroboros-web", "oroboros-web@", "oroboros-web@main", "oroboros-web@%i.service"])(
  "unit: %s with instances is a template",
  (unit) => {
    const manifest = manifestOf(`  web: { run: x, unit: "${unit}", instances: [main, admin] }\n`);
    expect(unitFileOf(manifest, "web@main")).toBe("oroboros-web@.service");
    expect(unitOf(manifest, "web@admin")).toBe("oroboros-web@admin.service");
    expect(socketUnitOf(manifest, "web@main")).toBe("oroboros-web@main.socket");
    expect(proxyUnitOf(manifest, "web@main")).toBe("oroboros-web-proxy@main.service");
    expect(unitsToEnable(manifest)).toEqual(["oroboros-web@main.service", "oroboros-web@admin.service"]);
  },
);

test.each(["a@b@c", "@x", "a%b", "a@%n"])("unit: %s is refused, at its place", (unit) => {
  for (const instances of ["", ", instances: main"])
    expect(() => unitsOf(`services:\n  web: { run: x, unit: "${unit}"${instances} }\n`)).toThrow(
      /^deploy\.yaml:4:24: services\.web\.unit is /,
    );
});

test("a template's name wants instances", () => {
  expect(() => unitsOf('services:\n  web: { run: x, unit: "web@" }\n')).toThrow(/name its instances/);
  expect(Object.keys(unitsOf('services:\n  web: { run: x, unit: "web@main" }\n'))).toEqual(["web@main.service"]);
});

test("two that would be the same unit are refused", () => {
  expect(() => unitsOf("services:\n  a: { run: x, unit: one }\n  b: { run: x, unit: one.service }\n")).toThrow(
    /services\.b would be one\.service, which is the unit of services\.a already/,
  );
  expect(() => unitsOf('services:\n  prune: { run: x }\nprune: { schedule: "0 3 * * *" }\n')).toThrow(
    /demo-prune\.service, which is the unit of services\.prune/,
  );
});

test("sockets, services and timers are enabled; proxies and jobs are started by them", () => {
  const { manifest } = loadText(`app: shop
deploy_to: /srv/shop
services:
  api: { run: x, socket: "127.0.0.1:8000" }
  web: { run: x, port: 8002, socket: { listen: "127.0.0.1:8001", proxy: true } }
  nightly: { run: x, schedule: "0 3 * * *" }
  box: { container: img }
prune: { schedule: "0 4 * * *" }
`);
  const enabled = [
    "shop-api.socket",
    "shop-api.service",
    "shop-web.socket",
    "shop-web.service",
    "shop-box.service",
    "shop-nightly.timer",
    "shop-prune.timer",
  ];
  expect(unitsToEnable(manifest)).toEqual(enabled);
  expect(allUnits(manifest)).toEqual([
    ...enabled,
    "shop-web-proxy.service",
    "shop-nightly.service",
    "shop-prune.service",
  ]);
});

test.each(SEEDS)("every unit of %s has its file, and every file its unit", (name) => {
  const subject = subjectFor(seed(name));
  const containers = renderContainers(subject, "service").map(({ place }) => place.replace("podman/", ""));
  const files = [...Object.keys(textsOf(subject)).filter((file) => !file.includes("/")), ...containers];
  const templates = allUnits(subject.manifest).map((unit) => unit.replace(/@.+\./, "@."));
  expect([...new Set(templates)].toSorted()).toEqual(files.toSorted());
});
