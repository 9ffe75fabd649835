import path from "node:path";
import type { Context } from "../core/context.ts";
import { folderWords, isRoot, refuseForbidden, removeWords, writeWords } from "../core/as-root.ts";
import { byHandPath } from "../render/installed.ts";
import { definitionsOf } from "../service/definitions.ts";
import { serviceOf } from "../service/definition.ts";
import { wantedUnits } from "./manager.ts";
import { proxyUnitOf, registryUnitOf, socketUnitOf, unitOf, unitsToEnable } from "./names.ts";
import { scopeOf, systemctlWords } from "./systemctl.ts";
import { DROP_INS, ORDERS } from "./unit-steps.ts";

/** What an owner other than root may need root for: to run the services, and to install their units. */
export interface Privileges {
  running: string[][];
  installing: string[][];
}

/** Every systemctl, tee, mv, … that this manifest's commands give through sudo, word by word; none outside the system's scope. */
export async function unitPrivileges(context: Context): Promise<Privileges> {
  const { manifest } = context;
  if (scopeOf(manifest) !== "system") return { running: [], installing: [] };
  const order = (words: string[]) => systemctlWords("system", ...words);
  const enabled = unitsToEnable(manifest);
  const files = (await wantedUnits(context, manifest, "system")).map((file) => file.path);
  const folders = [...new Set(files.map((file) => path.dirname(file)))].filter((folder) => DROP_INS.test(folder));
  return {
    running: definitionsOf(manifest)
      .flatMap(({ name }) => runningOrders(context, name))
      .map(order),
    installing: [
      order(ORDERS.reload),
      ...enabled.flatMap((unit) => [ORDERS.enable, ORDERS.enableNow, ORDERS.disable].map((make) => order(make(unit)))),
      ...(manifest.registry.serve ? [order(ORDERS.restart(registryUnitOf(manifest)))] : []),
      ...folders.map(folderWords),
      ...files.flatMap((file) => [...writeWords(file), ...writeWords(byHandPath(file)), removeWords(file)]),
    ],
  };
}

function runningOrders({ manifest }: Context, name: string): string[][] {
  const unit = unitOf(manifest, name);
  const { socket } = manifest.services[serviceOf(name)] ?? {};
  const held = socket ? [socketUnitOf(manifest, name)] : [];
  const proxy = socket?.proxy ? [proxyUnitOf(manifest, name)] : [];
  return [
    ...["reset-failed", "start", "stop", "restart"].map((verb) => [verb, unit]),
    ...held.flatMap((one) => ["start", "stop"].map((verb) => [verb, one])),
    ...proxy.flatMap((one) => [
      ["stop", one],
      ["kill", "--signal=STOP", one],
      ["kill", "--signal=CONT", one],
    ]),
  ];
}

/**
 * Refuses what could not be carried out: the owner may not give one of the orders as root.
 * @throws UsageError before anything is touched
 */
export async function refuseWithoutPrivileges(context: Context, hasChanges: boolean): Promise<void> {
  if (isRoot() || scopeOf(context.manifest) !== "system") return;
  const { running, installing } = await unitPrivileges(context);
  refuseForbidden(context, [...running.slice(0, 1), ...(hasChanges ? installing.slice(0, 1) : [])]);
}
