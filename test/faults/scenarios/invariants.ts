import fs from "node:fs";
import { type Application, currentId } from "../host.ts";
import { registry } from "./scenario.ts";

/** Good releases that a way back may lead to: what serves, and what served before it. */
export function goodReleases(app: Application): string[] {
  const id = currentId(app);
  const [row] = registry(app, "SELECT previous_release_id AS before FROM releases WHERE release_id = ?", id);
  return [id, ...(typeof row?.["before"] === "string" ? [row["before"]] : [])].filter((one) => isComplete(app, one));
}

const isComplete = (app: Application, id: string) =>
  fs.existsSync(`${app.tree}/releases/${id}/RELEASE.json`) && !fs.existsSync(`${app.tree}/releases/${id}/.building`);

/** What a fault has taken away of releases that were good before it. */
export const lostOf = (app: Application, good: string[]): string | undefined => {
  const lost = good.filter((id) => !isComplete(app, id));
  return lost.length > 0 ? `${lost.join(" and ")} ${lost.length > 1 ? "are" : "is"} gone` : undefined;
};

/** The registry holds what `current` names for what serves, and nothing for being at work. */
export function registryProblem(app: Application): string | undefined {
  const id = currentId(app);
  const serving = registry(app, "SELECT release_id FROM releases WHERE status IN ('deployed', 'rolled_back')");
  if (serving.length !== 1 || serving[0]?.["release_id"] !== id)
    return `the registry holds ${JSON.stringify(serving)} for serving, and ${id} is current`;
  const open = registry(app, "SELECT id FROM operations WHERE finished_at IS NULL");
  return open.length > 0 ? `the registry holds ${JSON.stringify(open)} for being at work` : undefined;
}
