import path from "node:path";
import type { Context } from "../../scripts/core/context.ts";
import type { OperationRow } from "../../scripts/registry/journal.ts";
import type { Plan } from "../../scripts/core/step.ts";
import { notices } from "../../scripts/manifest/supervisor-limits.ts";
import type { ActivationFacts } from "../../scripts/release/activation.ts";
import type { BuildFacts } from "../../scripts/build/facts.ts";
import type { BuildRoom } from "../../scripts/room/facts.ts";
import type { DependencyUse } from "../../scripts/dependencies/unused.ts";
import { installLogrotate } from "../../scripts/logs/install_logrotate.ts";
import { rotate } from "../../scripts/logs/rotate.ts";
import { installCrontab } from "../../scripts/schedule/install_crontab.ts";
import { checkedId } from "../../scripts/core/release-id.ts";
import { buildRelease } from "../../scripts/release/build_release.ts";
import { backup as backUp } from "../../scripts/data/backup.ts";
import { restore } from "../../scripts/data/restore.ts";
import type { BackupFact } from "../../scripts/database/backups.ts";
import type { DatabaseState } from "../../scripts/database/state.ts";
import { deploy } from "../../scripts/release/deploy.ts";
import type { PrepareArgs } from "../../scripts/shared/facts.ts";
import { maintenanceAround } from "../../scripts/site/maintenance.ts";
import { NO_PAGE, type PageFacts } from "../../scripts/release/page.ts";
import { prepareShared } from "../../scripts/release/prepare_shared.ts";
import { promote } from "../../scripts/release/promote.ts";
import { prune } from "../../scripts/release/prune.ts";
import type { PruneFacts } from "../../scripts/room/retention.ts";
import { recover } from "../../scripts/release/recover.ts";
import { isHeldBack } from "../../scripts/database/hold.ts";
import { migrate } from "../../scripts/data/migrate.ts";
import { lastGood, rollback } from "../../scripts/release/rollback.ts";
import type { SharedFact } from "../../scripts/shared/entries.ts";
import { switchCurrent } from "../../scripts/release/switch_current.ts";
import { definitionsOf } from "../../scripts/service/definitions.ts";
import type { ManagedFacts } from "../../scripts/service/managed-steps.ts";
import { restartServices } from "../../scripts/service/restart.ts";
import { startServices } from "../../scripts/service/start.ts";
import { stopServices } from "../../scripts/service/stop.ts";
import { type InstallPlistsFacts, installLaunchd } from "../../scripts/launchd/install_launchd.ts";
import { wantedPlists } from "../../scripts/launchd/render.ts";
import { subjectOf } from "../../scripts/render/subject.ts";
import { installSystemd } from "../../scripts/systemd/install_systemd.ts";
import type { UnitFacts } from "../../scripts/systemd/unit-steps.ts";
import { installCaddy } from "../../scripts/caddy/install_caddy.ts";
import { maintenance } from "../../scripts/host/maintenance.ts";
import { installNginx } from "../../scripts/nginx/install_nginx.ts";
import { caddyHost, caddyProxy } from "../../scripts/site/caddy-host.ts";
import type { InstallFacts } from "../../scripts/site/install-facts.ts";
import { sitesOf } from "../../scripts/site/model.ts";
import { nginxHost, nginxProxy } from "../../scripts/site/nginx-host.ts";
import { type Proxy, type ProxyHost, sitePath } from "../../scripts/site/proxy.ts";
import { traefikHost, traefikProxy } from "../../scripts/site/traefik-host.ts";
import { installTraefik } from "../../scripts/traefik/install_traefik.ts";
import type { Case, CaseFacts } from "./format.ts";
import { onDisk, releaseOf, shaOf, treeOf } from "./tree.ts";

type Planner = (context: Context, one: Case) => { facts: unknown; plan: () => Plan[] };

/** Gives facts to a planner; it may be asked for its plan more than once. */
const planner =
  <Facts, Args>(
    operation: { plan(context: Context, facts: Facts, args: Args): Plan[] },
    factsOf: (context: Context, facts: CaseFacts, args: Args) => Facts,
  ): Planner =>
  (context, { facts: said, args }) => {
    const facts = factsOf(context, said, args as Args);
    return { facts, plan: () => operation.plan(context, facts, args as Args) };
  };

const namesOf = (context: Context) => definitionsOf(context.manifest).map(({ name }) => name);

/** The facts as they will be once the release is built: a deploy switches to what it builds. */
function built(facts: CaseFacts, id: string): CaseFacts {
  const disk = onDisk(facts);
  if (disk.includes(id)) return facts;
  const row = { status: "built", activation: null, pinned: false, bytes: 1000, updated: "" } as const;
  return { ...facts, releases: { ...facts.releases, [id]: row }, disk: [...disk, id], unknown: [] };
}

const servicesOf = (context: Context, facts: CaseFacts) => ({ running: runningOf(context, facts), stale: facts.stale ?? [] });
const runningOf = (context: Context, facts: CaseFacts) => facts.running ?? (treeOf(context, facts).current.releaseId ? namesOf(context) : []);

const pruneOf = (context: Context, facts: CaseFacts): PruneFacts => ({ tree: treeOf(context, facts), used: new Map(Object.entries(facts.used)), deps: usesOf(context, facts), removing: facts.removing, uploads: facts.uploads.map((name) => path.join(context.paths.incoming, name)), ...(facts.age_at ? { ageAt: new Date(facts.age_at) } : {}) });

/** Dependency sets as they stand in the tree; their key is their name's number. */
const usesOf = ({ paths }: Context, { deps }: CaseFacts): DependencyUse => ({
  sets: Object.entries(deps.sets).map(([place, { complete, by, user }]) => ({
    place,
    directory: path.join(paths.deps, place),
    isComplete: complete,
    by,
    ...(user === undefined ? {} : { user }),
  })),
  removing: deps.removing.map((place) => path.join(paths.deps, place)),
});

const managedOf = ({ held, units }: CaseFacts): ManagedFacts => ({
  held,
  plists: [],
  units: units.map(({ scope, installed, wanted, disabled, enabled, logs }) => ({
    scope,
    installed: new Map(Object.entries(installed)),
    wanted: Object.entries(wanted).map(([file, content]) => ({ path: file, place: `systemd/${path.basename(file)}`, content })),
    toEnable: disabled,
    missingLogs: logs,
    owner: "deploy",
    disabled,
    enabled,
  })),
});

/** As on a Mac of anna's, who is user 501. */
function plistsOf(context: Context, facts: CaseFacts): InstallPlistsFacts {
  const { installed, wanted, loaded, foreign, is_root: isRoot } = facts.plists;
  const owner = { name: "anna", uid: 501, home: "/Users/anna" };
  const files = wanted && Object.entries(wanted).map(([file, content]) => ({ path: file, place: `launchd/${path.basename(file)}`, content }));
  return {
    owner,
    isRoot,
    installed: new Map(Object.entries(installed)),
    wanted: files ?? wantedPlists({ ...subjectOf(context), owner }),
    diffs: facts.diffs,
    loaded: new Map(Object.entries(loaded)),
    foreign,
    releaseId: treeOf(context, facts).current.releaseId,
  };
}

/** Proxies as on a Debian. */
const hostOf = ({ sites }: CaseFacts): Record<Proxy["kind"], ProxyHost> => {
  const manager = sites.manager === "none" ? undefined : sites.manager;
  return {
    nginx: nginxHost({ program: "/usr/sbin/nginx", configPath: "/etc/nginx/nginx.conf", pidPath: "/run/nginx.pid", errorLogPath: "/var/log/nginx/error.log", isOther: false, hasSystemd: true, manager }),
    caddy: caddyHost({ program: "/usr/bin/caddy", configPath: "/etc/caddy/Caddyfile", imports: ["/etc/caddy/conf.d/*"], hasSystemd: true, manager }),
    traefik: traefikHost({}),
  };
};

const installOf = (proxy: Proxy) => (context: Context, facts: CaseFacts): InstallFacts => {
  const { installed, as_wanted, unwanted, reload_owed: isReloadOwed } = facts.sites;
  const subject = subjectOf(context);
  const host = hostOf(facts)[proxy.kind];
  const files = proxy.render(subject);
  return {
    reloadLines: host.reloadLines,
    start: host.start,
    isReloadOwed,
    sites: sitesOf(subject, proxy.kind).map((site, index) => {
      const { now, folder: hasFolder = true, as_root: needsRoot = false, problem } = installed[site.key] ?? {};
      const file = files[index] as (typeof files)[number];
      const filePath = sitePath(host, site);
      return { ...file, path: filePath, key: site.key, now: as_wanted.includes(site.key) ? file.content : now, testLines: host.testLines(filePath), hasFolder, needsRoot, problem, diff: `diff of ${filePath}` };
    }),
    unwanted: Object.entries(unwanted).map(([file, now]) => ({ path: file, now, needsRoot: false, testLines: host.testLines(file).slice(0, 1), diff: `diff of ${file}` })),
  };
};

const pageOf = (context: Context, { page }: CaseFacts): PageFacts =>
  page === "none" ? NO_PAGE : maintenanceAround(context, { by: page === "person" ? page : undefined, traefik: new Map() });

const crossingOf = ({ from, to, snapshot }: NonNullable<CaseFacts["crossing"]>) => ({
  from,
  to,
  ...(snapshot === undefined
    ? {}
    : {
        snapshot: { id: snapshot, reason: "migration" as const, kind: "sqlite" as const, created_at: "2026-11-20T18:03:30.000Z", release_id: "r1", target_id: "r2", migration_marker: to, bytes: 4096, sha256: "" },
      }),
});

const activationOf = (context: Context, facts: CaseFacts, id: string): ActivationFacts => ({
  tree: treeOf(context, facts),
  target: releaseOf(facts, id),
  services: facts.services ?? namesOf(context),
  running: runningOf(context, facts),
  isServing: facts.serving,
  unready: facts.unready,
  managed: managedOf(facts),
  page: pageOf(context, facts),
  data: { ...(facts.backup_room ? { room: { bytes: facts.backup_room.bytes, freeBytes: facts.backup_room.free } } : {}), ...(facts.crossing ? { crossing: crossingOf(facts.crossing) } : {}), isGuarded: isHeldBack(context.manifest) },
  notices: notices(context.loaded),
});

function buildOf(context: Context, facts: CaseFacts, id: string): BuildFacts {
  const { manifest, paths } = context;
  const { source, build } = manifest;
  const { ref = source.ref, sha = shaOf(id), dirty = source.via === "worktree", submodules, bytes, files, uploaded, taken } = facts.source;
  const upload = uploaded && { id, sha, ref, isDirty: dirty, builtHere: uploaded.built_here, builtBy: uploaded.by, made: uploaded.made, files, bytes };
  const isElsewhere = (name: string) => facts.skipped.includes(name) || upload?.builtHere.includes(name) === true;
  const needs = Object.entries(build).flatMap(([name, step]) => (isElsewhere(name) ? [] : step.needs));
  const toolOf = (need: string) => {
    const name = /^[^\s<>=!]+/.exec(need)?.[0] ?? need;
    const problem = facts.problems[name];
    return { need, name, ...(problem ? { problem } : { path: `/usr/bin/${path.basename(name)}` }) };
  };
  return {
    tree: treeOf(context, facts),
    source: { repo: source.repo, ref, sha, isDirty: dirty, tags: [], submodules, bytes, files, ...(upload ? { upload } : {}), ...(taken ? { isTaken: true } : {}) },
    id: checkedId(id),
    release: releaseOf(facts, id),
    shared: sharedOf(context, facts),
    tools: [...new Set(needs)].map(toolOf),
    skipped: facts.skipped,
    ...(upload ? { doneBefore: upload.builtHere } : {}),
    sets: Object.entries(facts.sets).map(([name, { key, complete, broken, problems, next }]) => ({
      name,
      key,
      directory: manifest.dependencies[name]?.use ?? path.join(paths.deps, name, key),
      isComplete: complete,
      isBroken: broken,
      tools: [],
      problems,
      next,
    })),
    steps: Object.entries(facts.steps).map(([name, { key, from, why, missing }]) => ({
      name,
      missing,
      ...(key ? { key } : {}),
      ...(from ? { from } : {}),
      ...(why ? { why } : {}),
    })),
    base: facts.base,
    room: roomOf(context, facts),
  };
}

const roomOf = (context: Context, facts: CaseFacts): BuildRoom => {
  const { bytes, files, last, sets, backup, differs, reclaim } = facts.room;
  return {
    freeBytes: bytes ?? Number.POSITIVE_INFINITY,
    freeFiles: files ?? Number.POSITIVE_INFINITY,
    sets: Object.entries(sets).map(([name, one]) => ({ name, ...one })),
    backupBytes: backup,
    ...(last ? { last } : {}),
    ...(differs ? { differs } : {}),
    ...(reclaim ? { reclaim: { ...reclaim, prune: pruneOf(context, facts) } } : {}),
  };
};

function sharedOf({ manifest, paths }: Context, facts: CaseFacts, from = manifest.source.repo): SharedFact[] {
  const factOf = (kind: SharedFact["kind"]) => (entry: (typeof manifest.linked_files)[number]): SharedFact => {
    const { state = "real", linked_to, has_source = true, value_problem: valueProblem } = facts.shared[entry.path] ?? {};
    const sourcePath = path.resolve(from, entry.from);
    const linkedTo = linked_to ?? (state === "link" || state === "dangling" ? sourcePath : undefined);
    return { ...entry, kind, sharedPath: path.join(paths.shared, entry.shared), sourcePath, state, hasSource: has_source, ...(linkedTo ? { linkedTo } : {}), ...(valueProblem ? { valueProblem } : {}) };
  };
  return [...manifest.linked_files.map(factOf("file")), ...manifest.linked_dirs.map(factOf("directory"))];
}

function prepareOf(context: Context, facts: CaseFacts, { phase, from }: PrepareArgs) {
  const shared = sharedOf(context, facts, from);
  const isTaken = (fact: SharedFact) =>
    phase !== "link" && (fact.state === "link" || (phase === "move" && fact.hasSource && (fact.state === "absent" || facts.shared[fact.path]?.is_empty)));
  const taken = shared.filter(isTaken).map((fact) => ({ fact, source: fact.linkedTo ?? fact.sourcePath, bytes: facts.shared[fact.path]?.bytes ?? 0 }));
  const { files = [], packages = {} } = facts.suite ?? {};
  const suite = { version: "1.2.3", isInstalled: facts.suite === undefined, files, packages: new Map(Object.entries(packages)) };
  return { tree: treeOf(context, facts), shared, suite, running: runningOf(context, facts), services: facts.services ?? namesOf(context), taken, freeBytes: facts.room.bytes ?? 1e12 };
}

function recoveryOf(context: Context, facts: CaseFacts) {
  const { operation, orphans, removing, building } = facts;
  const at = (place: string) => path.resolve(context.paths.deployTo, place);
  return {
    tree: treeOf(context, facts),
    operation: operationOf(operation as NonNullable<typeof operation>),
    isPreviousComplete: facts.previous_complete ?? (operation?.previous !== null && treeOf(context, facts).ids.includes(operation?.previous ?? "")),
    running: runningOf(context, facts),
    services: facts.services ?? namesOf(context),
    isDataOpen: facts.data_open,
    orphans,
    leftovers: facts.leftovers.map(at),
    removing,
    building,
    managed: managedOf(facts),
    page: pageOf(context, facts),
    promoted: facts.promoted.map(({ kept, place, target }) => ({ kept: at(kept), place: at(place), target })),
    kept: facts.kept.map(([kept, place]): [string, string] => [at(kept), at(place)]),
  };
}

const operationOf = ({ kind, release, previous, previous_link, status_before, touched }: NonNullable<CaseFacts["operation"]>): OperationRow => ({
  id: `20261120-221500-${kind}-1a2b`,
  kind,
  release_id: release,
  previous_release_id: previous,
  previous_link: previous_link === undefined ? (previous === null ? null : `releases/${previous}`) : previous_link,
  status_before,
  arguments: "[]",
  pid: 4711,
  host: "here",
  user: "deploy",
  started_at: "2026-11-20T22:15:00.000Z",
  finished_at: null,
  has_touched: touched ? 1 : 0,
  outcome: null,
  exit_code: null,
  message: null,
});

function databaseOf({ manifest, paths }: Context, { database, room }: CaseFacts): DatabaseState {
  const file = manifest.database?.sqlite === undefined ? {} : { file: path.join(paths.shared, manifest.database.sqlite) };
  const kind = manifest.database?.sqlite === undefined ? "command" : "sqlite";
  const backups = Object.entries(database.backups).map(([id, fact]): BackupFact => ({ id, kind, sha256: "0", ...fact }));
  return { ...file, isThere: database.there, bytes: database.bytes, backups, freeBytes: room.bytes ?? 1e12 };
}

function startOf(context: Context, facts: CaseFacts) {
  const definitions = definitionsOf(context.manifest);
  return { tree: treeOf(context, facts), definitions, recorded: definitions };
}

/** Every command that changes something and decides by a pure function. */
export const PLANNERS: Record<string, Planner> = {
  "release/switch_current": planner(switchCurrent, (context, facts, { id }) => activationOf(context, facts, checkedId(id))),
  "release/rollback": planner(rollback, (context, facts, { id }) => activationOf(context, facts, checkedId(id ?? lastGood(context, treeOf(context, facts))))),
  "nginx/install_nginx": planner(installNginx, installOf(nginxProxy)),
  "caddy/install_caddy": planner(installCaddy, installOf(caddyProxy)),
  "traefik/install_traefik": planner(installTraefik, installOf(traefikProxy)),
  "host/maintenance": planner(maintenance, (_, { maintenance: { by, traefik, closed, pageless } }) => ({
    by,
    traefik: new Map(Object.entries(traefik).map(([file, needsRoot]) => [file, { needsRoot }])),
    closed,
    pageless,
  })),
  "launchd/install_launchd": planner(installLaunchd, plistsOf),
  "logs/install_logrotate": planner(installLogrotate, (context, { logrotate }) => ({
    path: `/etc/logrotate.d/${context.manifest.app}`,
    now: logrotate?.now ?? undefined,
    wanted: logrotate?.wanted ?? undefined,
    diff: logrotate?.diff ?? "",
    foreign: (logrotate?.foreign ?? []).map((log) => path.join(context.paths.logs, log)),
    owner: "1500:1500",
  })),
  "logs/rotate": planner(rotate, (context, { logs }) =>
    Object.entries(logs).map(([log, { bytes, rotated, free, problem }]) => ({
      path: path.resolve(context.paths.deployTo, log),
      bytes,
      rotated,
      freeBytes: free,
      problem,
    })),
  ),
  "schedule/install_crontab": planner(installCrontab, (_context, { crontab }) => crontab ?? { now: "", wanted: "", jobs: 0, diff: "" }),
  "data/migrate": planner(migrate, (context, facts) => activationOf(context, facts, treeOf(context, facts).current.releaseId ?? "")),
  "release/build_release": planner(buildRelease, (context, facts, { id = "r9" }) => buildOf(context, facts, id)),
  "release/deploy": planner(deploy, (context, facts, { id = "r9" }) => ({
    build: buildOf(context, facts, id),
    changes: [],
    activation: activationOf(context, built(facts, id), id),
    prune: pruneOf(context, facts),
  })),
  "release/promote": planner(promote, (context, facts) => ({
    tree: treeOf(context, facts),
    sets: Object.entries(facts.promotable).map(([name, { key, state, complete, problems, target }]) => ({
      name,
      key,
      directory: path.join(context.paths.deps, name, key),
      isComplete: complete,
      isBroken: false,
      tools: [],
      problems,
      next: [],
      state,
      ...(target === undefined ? {} : { target }),
    })),
    running: runningOf(context, facts),
    services: facts.services ?? namesOf(context),
  })),
  "release/prune": planner(prune, pruneOf),
  "release/prepare_shared": planner(prepareShared, prepareOf),
  "release/recover": planner(recover, (context, facts) => (facts.operation ? [recoveryOf(context, facts)] : [])),
  "data/backup": planner(backUp, (context, facts) => ({ tree: treeOf(context, facts), database: databaseOf(context, facts) })),
  "data/restore": planner(restore, (context, facts) => ({
    tree: treeOf(context, facts),
    database: databaseOf(context, facts),
    running: runningOf(context, facts),
    services: facts.services ?? namesOf(context),
    managed: managedOf(facts),
    page: pageOf(context, facts),
    differences: facts.database.differences,
  })),
  "systemd/install_systemd": planner(installSystemd, (_context, facts) => ({
    units: managedOf(facts).units[0] as UnitFacts,
    diffs: facts.diffs,
    outdated: facts.outdated,
    notLingering: facts.not_lingering,
  })),
  "service/start": planner(startServices, startOf),
  "service/stop": planner(stopServices, servicesOf),
  "service/restart": planner(restartServices, (context, facts) => ({ ...startOf(context, facts), services: servicesOf(context, facts), held: facts.held })),
};
