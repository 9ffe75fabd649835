import path from "node:path";
import type { Paths } from "../core/paths.ts";

/**
 * While this file is there, the tree's sites answer with their maintenance page. It lies beside `current`, so whoever may
 * serve files below `current` can see it too.
 */
export const maintenanceFlagPath = ({ deployTo }: Pick<Paths, "deployTo">) => path.join(deployTo, "maintenance");
