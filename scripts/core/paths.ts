import path from "node:path";

/** Every place in the tree (SPEC section 1), absolute. */
export interface Paths {
  readonly deployTo: string;
  readonly current: string;
  readonly releases: string;
  readonly shared: string;
  /** Dependency sets: `<name>/<key>/`. */
  readonly deps: string;
  /** Releases on their way from another machine: `<id>/`, and `<id>.json` once all of it is there. */
  readonly incoming: string;
  /** Backups of the database: `<backup id>/`. */
  readonly backups: string;
  readonly logs: string;
  readonly run: string;
  readonly registry: string;
  readonly lock: string;
  /** Copy of the manifest last used. */
  readonly manifest: string;
  /** The manifest with which each release last ran healthy: `<release id>.yaml`. */
  readonly manifests: string;
  readonly suite: string;
  readonly ops: string;
}

/** Names the tree once; `DEPLOY_RELEASES_DIR` and `DEPLOY_CURRENT_LINK` move two of its places (seed 004). */
export function treePaths(deployTo: string, env: NodeJS.ProcessEnv = {}): Paths {
  const at = (name: string) => path.join(deployTo, name);
  return {
    deployTo,
    current: env["DEPLOY_CURRENT_LINK"] ? path.resolve(env["DEPLOY_CURRENT_LINK"]) : at("current"),
    releases: env["DEPLOY_RELEASES_DIR"] ? path.resolve(env["DEPLOY_RELEASES_DIR"]) : at("releases"),
    shared: at("shared"),
    deps: at("shared/deps"),
    incoming: at("incoming"),
    backups: at("backups"),
    logs: at("logs"),
    run: at("run"),
    registry: at("registry.db"),
    lock: at("lock.db"),
    manifest: at("deploy.yaml"),
    manifests: at("manifests"),
    suite: at("suite"),
    ops: at("ops"),
  };
}

/** `releases/<id>`, absolute. */
export const releasePath = (paths: Paths, id: string) => path.join(paths.releases, id);

/** What the `current` link holds for a release: relative, so that the tree can be moved or mounted elsewhere. */
export const currentTarget = (paths: Paths, id: string) =>
  path.relative(path.dirname(paths.current), releasePath(paths, id));

/** The mark of a release that is not complete yet. */
export const BUILDING = ".building";

/** Where a release goes by one rename before it is deleted, so that no half-deleted directory bears a release id. */
export const removingPath = (paths: Paths, id: string) => path.join(paths.releases, `.removing-${id}`);

/** Where a release's directory is made, with its mark inside, before one rename gives it its id. */
export const beginningPath = (paths: Paths, id: string) => path.join(paths.releases, `.beginning-${id}`);

/** Where the files of an upload lie until one rename makes a release of them. */
export const incomingPath = (paths: Paths, id: string) => path.join(paths.incoming, id);

/** What is said of an upload, once all of it is there. */
export const incomingRecordPath = (paths: Paths, id: string) => path.join(paths.incoming, `${id}.json`);

/** The manifest with which a release last ran healthy. */
export const recordedManifestPath = (paths: Paths, id: string) => path.join(paths.manifests, `${id}.yaml`);
