import { describe, expect, test } from "vitest";
import { command } from "../../scripts/core/step.ts";
import { ownWords, privilegesOf as logPrivileges } from "../../scripts/logs/privileges.ts";
import { caddyHost } from "../../scripts/site/caddy-host.ts";
import { nginxHost } from "../../scripts/site/nginx-host.ts";
import { privilegesOf } from "../../scripts/site/privileges.ts";
import { traefikHost } from "../../scripts/site/traefik-host.ts";

const NGINX = { program: "/usr/sbin/nginx", configPath: "/etc/nginx/nginx.conf", pidPath: "/run/nginx.pid" };
const CADDY = { program: "/usr/bin/caddy", configPath: "/etc/caddy/Caddyfile", imports: [] };
const shown = (orders: string[][]) => orders.map((words) => command(...words));

describe("the orders of root that a proxy needs", () => {
  test.each([
    ["by systemd", { isOther: false, hasSystemd: true, manager: "systemd" as const }, "systemctl reload nginx"],
    ["not running", { isOther: false, hasSystemd: true, manager: undefined }, "systemctl reload nginx"],
    ["by itself", { isOther: false, hasSystemd: true, manager: "itself" as const }, "/usr/sbin/nginx -s reload"],
    ["without systemd", { isOther: false, hasSystemd: false, manager: undefined }, "/usr/sbin/nginx -s reload"],
  ])("nginx, %s", (_, facts, reload) => {
    const { rootOrders } = nginxHost({ ...NGINX, ...facts });
    expect(shown(rootOrders)).toEqual(["/usr/sbin/nginx -t", "/usr/sbin/nginx -T", reload]);
  });

  test("another nginx is its owner's, Caddy only of systemd's needs root, and Traefik is told nothing", () => {
    expect(nginxHost({ ...NGINX, isOther: true, hasSystemd: true, manager: "itself" }).rootOrders).toEqual([]);
    const caddy = (manager?: "systemd" | "itself") => caddyHost({ ...CADDY, hasSystemd: true, manager }).rootOrders;
    expect([caddy("systemd"), caddy("itself"), caddy()].map(shown)).toEqual([
      ["systemctl reload caddy"],
      [],
      ["systemctl reload caddy"],
    ]);
    expect(traefikHost({}).rootOrders).toEqual([]);
  });

  test.each([["systemd" as const], ["itself" as const]])(
    "every line that asks for sudo is one of them: %s",
    (manager) => {
      const facts = { isOther: false, hasSystemd: true, manager };
      const hosts = [nginxHost({ ...NGINX, ...facts }), caddyHost({ ...CADDY, ...facts })];
      for (const host of hosts) {
        const { reloadLines, rootOrders } = host;
        const lines = [...host.testLines("/etc/x/shop-main.conf"), ...reloadLines].map((line) =>
          line.replace(/^sudo -n /, ""),
        );
        const given = shown(rootOrders).filter((order) =>
          lines.some((line) => line === order || line.startsWith(`${order} 2>`)),
        );
        expect(given).toEqual(shown(rootOrders));
      }
    },
  );
});

describe("the files", () => {
  const host = { rootOrders: [["reload"]] };

  test("only those in folders of root's, and a folder that is not there once", () => {
    const places = [
      { path: "/etc/a/1", needsRoot: true, hasFolder: false },
      { path: "/etc/a/2", needsRoot: true, hasFolder: false },
      { path: "/home/deploy/3", needsRoot: false, hasFolder: false },
    ];
    expect(shown(privilegesOf(host, places))).toEqual([
      "reload",
      "mkdir -p /etc/a",
      ...["/etc/a/1", "/etc/a/2"].flatMap((file) => [
        `tee ${file}.new`,
        `chmod 644 ${file}.new`,
        `mv -f ${file}.new ${file}`,
        `rm -f ${file}`,
      ]),
    ]);
    expect(privilegesOf(host, [])).toEqual([]);
  });

  test("logrotate's, and each log that is not its owner's", () => {
    const facts = { path: "/etc/logrotate.d/shop", foreign: ["/srv/a log"], owner: "1500:1500" };
    expect(logPrivileges(facts).slice(-2)).toEqual(ownWords("/srv/a log", "1500:1500"));
    expect(shown(logPrivileges(facts))).toContain("mv -f /etc/logrotate.d/shop.new /etc/logrotate.d/shop");
  });
});
