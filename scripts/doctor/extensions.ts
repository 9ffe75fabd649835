import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import { checkCrontab } from "./crontab.ts";
import { checkBackups, checkDatabase, checkDrain, checkHold } from "./database.ts";
import { checkDependencies } from "./dependencies.ts";
import type { Finding } from "./finding.ts";
import { checkPodman } from "./podman.ts";
import { checkRegistry } from "./registry.ts";
import { checkUnits } from "./units.ts";
import { plistPrivileges } from "../launchd/privileges.ts";
import { logrotatePrivileges } from "../logs/install_logrotate.ts";
import { subjectOf } from "../render/subject.ts";
import { sitePrivileges } from "./site-privileges.ts";
import { unitPrivileges } from "../systemd/privileges.ts";
import type { RootCommands } from "./sudoers.ts";

/** One look at the host; several run at the same time. */
export type Check = (context: Context, tree: TreeFacts) => Finding[] | Promise<Finding[]>;

/** What managers and proxies look at themselves, such as whether the installed units are those of the manifest. */
export const MORE_CHECKS: readonly Check[] = [
  checkUnits,
  checkPodman,
  checkCrontab,
  checkDependencies,
  checkDatabase,
  checkBackups,
  checkHold,
  checkDrain,
  checkRegistry,
];

/** What managers and proxies have to do as root: the lines for sudoers. */
export const ROOT_COMMANDS: readonly RootCommands[] = [
  async (context) => Object.values(await unitPrivileges(context)).flat(),
  async (context) => plistPrivileges(subjectOf(context)),
  async (context) => sitePrivileges(context),
  async (context) => logrotatePrivileges(context),
];
