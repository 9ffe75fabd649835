import type { Context } from "../core/context.ts";
import { releasePath } from "../core/paths.ts";

/** What `migrate.run` and `migrate.marker` find in their environment, beside the operation's own. */
export const migrationEnvironment = ({ manifest, paths }: Context, releaseId: string): Record<string, string> => ({
  RELEASE_ID: releaseId,
  RELEASE_PATH: releasePath(paths, releaseId),
  DEPLOY_TO: paths.deployTo,
  ...manifest.migrate?.env,
});
