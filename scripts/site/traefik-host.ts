import path from "node:path";
import type { Subject } from "../render/subject.ts";
import { maintenanceFlagPath } from "./flag.ts";
import { isInMaintenance, type Proxy, type ProxyHost } from "./proxy.ts";
import { checkTraefik } from "./traefik-check.ts";
import { renderTraefik, TRAEFIK_COMMAND } from "./traefik.ts";

/**
 * Traefik watches a folder, and may run in a container: it is told nothing. `SWITCHBACK_TRAEFIK_DYNAMIC` is another folder than
 * /etc/traefik/dynamic.
 */
export const traefikHost = (env: NodeJS.ProcessEnv): ProxyHost => ({
  folder: path.resolve(env["SWITCHBACK_TRAEFIK_DYNAMIC"] || "/etc/traefik/dynamic"),
  ending: ".yml",
  testLines: () => [],
  reloadLines: [],
  rootOrders: [],
});

/** Traefik, for those who install its sites. */
export const traefikProxy: Proxy = {
  kind: "traefik",
  title: "Traefik",
  command: TRAEFIK_COMMAND,
  render: (subject: Subject) =>
    renderTraefik(subject, { isMaintenance: isInMaintenance(maintenanceFlagPath(subject.paths)) }),
  check: checkTraefik,
  observe: traefikHost,
};
