import { building } from "./building.ts";
import { data } from "./data.ts";
import { releases } from "./releases.ts";
import type { Scenario } from "./scenario.ts";

export type { Scenario } from "./scenario.ts";

export const scenarios: Record<string, Scenario> = { ...releases, ...building, ...data };
