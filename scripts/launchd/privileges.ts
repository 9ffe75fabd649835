import path from "node:path";
import { removeWords, writeWords } from "../core/as-root.ts";
import type { Subject } from "../render/subject.ts";
import { rootOrders } from "./launchctl.ts";
import { DAEMONS, targetOfFile } from "./names.ts";
import { wantedPlists } from "./render.ts";

/** What an owner other than root may need root for: the daemons of a manifest, word by word; agents are the owner's own. */
export function plistPrivileges(subject: Subject): string[][] {
  if (subject.manifest.supervisor !== "launchd") return [];
  const daemons = wantedPlists(subject)
    .map((file) => file.path)
    .filter((file) => path.dirname(file) === DAEMONS);
  return daemons.flatMap((file) => [
    ...rootOrders(targetOfFile(file, subject.owner)),
    ...writeWords(file),
    removeWords(file),
  ]);
}
