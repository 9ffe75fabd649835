import { UsageError } from "../core/errors.ts";
import { nearest } from "../manifest/near.ts";

/** A word of `deploy <word>`: the command that it stands for, and what it does in one line. */
export interface UmbrellaCommand {
  word: string;
  /** Its place under `ops`. */
  ops: string;
  summary: string;
}

/** Every word, in the order in which they are listed. */
export const COMMANDS: readonly UmbrellaCommand[] = [
  { word: "release", ops: "release/deploy", summary: "build, switch, gate, record, prune: deploy release v2.0.0 prod" },
  {
    word: "rollback",
    ops: "release/rollback",
    summary: "go back to the release that served before, or to the named one",
  },
  { word: "status", ops: "release/status", summary: "what serves, since when, and where a rollback goes" },
  { word: "list", ops: "release/list", summary: "the releases and what happened to each" },
  { word: "build", ops: "release/build_release", summary: "build a release; touches nothing that serves" },
  { word: "switch", ops: "release/switch_current", summary: "make a release that is built current" },
  { word: "verify", ops: "release/verify", summary: "whether a release is as it was built" },
  { word: "changes", ops: "release/changes", summary: "what differs between two releases" },
  { word: "pin", ops: "release/pin", summary: "keep a release whatever is pruned" },
  { word: "unpin", ops: "release/unpin", summary: "let a pinned release be pruned" },
  { word: "promote", ops: "release/promote", summary: "give a borrowed environment a dependency set of its own" },
  { word: "prune", ops: "release/prune", summary: "remove old releases" },
  { word: "recover", ops: "release/recover", summary: "finish or undo what a crash interrupted" },
  { word: "health", ops: "release/health_check", summary: "whether the current release is healthy" },
  { word: "registry", ops: "release/release-registry", summary: "the release registry: upsert, list, get, serve" },
  { word: "start", ops: "service/start", summary: "start the services" },
  { word: "stop", ops: "service/stop", summary: "stop the services" },
  { word: "restart", ops: "service/restart", summary: "stop and start the services" },
  { word: "logs", ops: "service/logs", summary: "what the services wrote" },
  { word: "init", ops: "host/init", summary: "write deploy.yaml and the suite for an application" },
  { word: "generate", ops: "host/generate", summary: "write the suite again when deploy.yaml changed" },
  { word: "prepare", ops: "release/prepare_shared", summary: "prepare the tree and its state" },
  { word: "doctor", ops: "host/doctor", summary: "what would go wrong, and what to type" },
  { word: "render", ops: "host/render", summary: "write the units, sites and crontab to a directory" },
  { word: "units", ops: "systemd/install_systemd", summary: "make systemd's units what the manifest says" },
  { word: "agents", ops: "launchd/install_launchd", summary: "make launchd's jobs what the manifest says" },
  { word: "nginx", ops: "nginx/install_nginx", summary: "make nginx's sites what the manifest says" },
  { word: "caddy", ops: "caddy/install_caddy", summary: "make Caddy's sites what the manifest says" },
  { word: "traefik", ops: "traefik/install_traefik", summary: "make Traefik's sites what the manifest says" },
  { word: "crontab", ops: "schedule/install_crontab", summary: "put the jobs into the owner's crontab" },
  { word: "rotation", ops: "logs/install_logrotate", summary: "let logrotate rotate the logs" },
  { word: "rotate", ops: "logs/rotate", summary: "rotate the logs that are too long, now" },
  { word: "launch", ops: "service/launch", summary: "run one command as a service's, in the foreground" },
  { word: "self-test", ops: "launchd/self_test", summary: "prove on a Mac what launchd does" },
  { word: "maintenance", ops: "host/maintenance", summary: "put the maintenance page on or off" },
  { word: "backup", ops: "data/backup", summary: "back the database up" },
  { word: "restore", ops: "data/restore", summary: "bring a backup of the database back" },
  { word: "migrate", ops: "data/migrate", summary: "migrate the database" },
  { word: "ansible", ops: "host/export_ansible", summary: "write what Ansible needs to take the hosts over" },
  { word: "setup", ops: "host/setup", summary: "set a host up for its first release" },
  { word: "secrets", ops: "host/secrets", summary: "write the linked files that have a value_from, and show none" },
];

/** Options that take the word behind them; what follows any other one may be an environment's name. */
export const VALUED = new Set([
  "--manifest",
  "--env",
  "--on",
  "--id",
  "--part",
  "--take-over",
  "--to",
  "--keep",
  "--keep-days",
  "--only",
  "--app",
  "--deploy-to",
  "--hold",
  "--port",
  "--run",
  "--like",
  "--release-id",
  "--commit-sha",
  "--status",
  "--migration-marker",
  "--deployed-at",
  "--limit",
  "--host",
  "--release",
  "--lines",
  "--out",
  "--dir",
  "--env-file",
  "--from",
  "--uploaded",
  "--token-file",
  "--allow-host",
  "--platform",
]);

export interface Words {
  /** Absent: the list of commands is asked for. */
  command?: string;
  /** What is handed on. */
  args: string[];
}

/**
 * Takes `deploy …` apart: the command is the first word that is neither an option nor, before it, an environment; any other word
 * that names an environment is the environment, wherever it stands (SPEC section 3).
 * @throws UsageError for two different environments.
 */
export function readWords(words: string[], environments: string[]): Words {
  const bare = bareWords(words);
  const isEnvironment = ({ word }: Bare) => environments.includes(word);
  const first = bare.find((one) => isCommand(one.word) || !isEnvironment(one));
  const others = bare.filter((one) => one !== first);
  if (first === undefined) return { args: [] };
  if (first.word === "help") return others[0] ? { command: others[0].word, args: ["--help"] } : { args: [] };
  const named = others.filter(isEnvironment);
  const flagged = optionValue(words, "--env");
  const chosen = [...new Set([...named.map(({ word }) => word), ...(flagged === undefined ? [] : [flagged])])];
  if (chosen.length > 1)
    throw new UsageError(`${chosen.join(" and ")} are two environments: name one of them`, {
      next: chosen.map((name) => `deploy ${first.word} ${name}`),
    });
  const isTaken = (index: number) => index === first.index || named.some((one) => one.index === index);
  const environment = flagged === undefined ? chosen.flatMap((name) => ["--env", name]) : [];
  return { command: first.word, args: [...environment, ...words.filter((_, index) => !isTaken(index))] };
}

const isCommand = (word: string) => COMMANDS.some((one) => one.word === word);

interface Bare {
  word: string;
  index: number;
}

/** The words in front of `--` that are neither an option nor an option's value. */
function bareWords(words: string[]): Bare[] {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const before = words.slice(0, end).map((word, index) => ({ word, index }));
  return before.filter(({ word, index }) => !word.startsWith("-") && !VALUED.has(words[index - 1] ?? ""));
}

/** Whether one of the words could be an environment's name, so that the manifest has to be read. */
export function mayNameEnvironment(words: string[]): boolean {
  const bare = bareWords(words);
  return bare.length > 1 || bare.some(({ word }) => !isCommand(word));
}

/** What `--name VALUE` or `--name=VALUE` gives. */
export function optionValue(words: string[], name: string): string | undefined {
  const joined = words.find((word) => word.startsWith(`${name}=`));
  if (joined !== undefined) return joined.slice(name.length + 1);
  return words.includes(name) ? words[words.indexOf(name) + 1] : undefined;
}

/** The command that a word stands for. @throws UsageError for another word. */
export function commandOf(word: string): UmbrellaCommand {
  const found = COMMANDS.find((one) => one.word === word);
  if (found) return found;
  const near = nearest(
    word,
    COMMANDS.map((one) => one.word),
  );
  throw new UsageError(`there is no command "${word}"${near[0] === undefined ? "" : `; did you mean "${near[0]}"?`}`, {
    next: near[0] === undefined ? "deploy help" : `deploy ${near[0]}`,
  });
}

/** The list of commands. */
export function renderHelp(): string {
  const width = Math.max(...COMMANDS.map(({ word }) => word.length));
  return [
    "Usage: deploy <command> [arguments] [environment] [options]",
    "",
    ...COMMANDS.map(({ word, summary }) => `  ${word.padEnd(width)}  ${summary}`),
    "",
    "A word that names one of the manifest's environments is the environment, wherever it stands: deploy rollback prod.",
    "An environment with hosts is on them: the command is given there over ssh, with --on web1,web2 on some of them only.",
    "deploy <command> --help says what a command takes; every one takes --manifest, --env, --on, --dry-run, --json, --yes, --quiet, --verbose.",
  ].join("\n");
}
