import path from "node:path";
import type { Context } from "../../core/context.ts";
import { UsageError } from "../../core/errors.ts";
import { type Address, parseAddress } from "./address.ts";

/** The server that a manifest names, and where its password is. */
export interface Target {
  address: Address;
  /** Absolute. */
  file?: string | undefined;
}

type Place = Pick<Context, "manifest" | "paths">;

/** The server of a manifest. @throws UsageError where it has none, or where there is no manifest. */
export function wantedTarget(place: Place | undefined): Target {
  if (!place)
    throw new UsageError("DEPLOY_ROOT names the tree, and the server of several hosts is in a manifest", {
      next: "ops/release/release-registry.ts list --all-hosts --manifest deploy.yaml",
    });
  const target = targetOf(place, process.env);
  if (target) return target;
  throw new UsageError("the manifest has no registry.url: there is no registry of several hosts", {
    next: "$EDITOR deploy.yaml   # registry: { url: postgres://registry@db.example.org/releases }",
  });
}

/** Undefined without `registry.url`. @throws UsageError for a URL that libpq would not take. */
export function targetOf({ manifest, paths }: Place, env: NodeJS.ProcessEnv): Target | undefined {
  const { url, password_file: file } = manifest.registry;
  if (url === undefined) return undefined;
  try {
    return {
      address: parseAddress(url, env),
      ...(file === undefined ? {} : { file: path.resolve(paths.shared, file) }),
    };
  } catch (error) {
    throw new UsageError(`registry.url ${(error as Error).message}`, { next: "$EDITOR deploy.yaml   # registry.url" });
  }
}
