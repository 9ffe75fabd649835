import fs from "node:fs";
import path from "node:path";
import { userName } from "./account.ts";
import { UsageError } from "./errors.ts";
import { command } from "./step.ts";
import { isOpen } from "./access.ts";

/** Why a tree that is not there cannot be made by this account; undefined when it can, or is there. */
export function whyNoTree(deployTo: string): UsageError | undefined {
  const above = existingAbove(deployTo);
  if (above === deployTo || isOpen(above)) return undefined;
  const user = userName();
  return new UsageError(`${deployTo} is not there, and ${user} may not make it in ${above}`, {
    next: `sudo ${command("install", "-d", "-o", user, deployTo)}`,
  });
}

const existingAbove = (place: string): string =>
  fs.existsSync(place) || place === path.dirname(place) ? place : existingAbove(path.dirname(place));
