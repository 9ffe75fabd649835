import { Command, CommanderError } from "commander";
import { doAfterwards } from "./afterwards.ts";
import { ElsewhereError, EXIT, SwitchbackError, UsageError } from "./errors.ts";
import type { Context, ContextChoice } from "./context.ts";
import { writeOut } from "../terminal/output.ts";
import { reporter, setReporter } from "../terminal/reporter.ts";

/** Flags that every command takes (SPEC section 3). */
export interface Flags {
  manifest?: string;
  env?: string;
  /** Hosts of the environment, joined by commas. */
  on?: string;
  dryRun?: boolean;
  json?: boolean;
  yes?: boolean;
  quiet?: boolean;
  verbose?: boolean;
}

export interface Call<Options> {
  args: (string | undefined)[];
  options: Options & Flags;
  /** Finds and loads the manifest at its first call. */
  context(choice?: ContextChoice): Promise<Context>;
}

/** A command as a person types it. */
export interface CommandDefinition<Options> {
  /** `release/switch_current`: its place under `ops`. */
  name: string;
  summary: string;
  /** In commander's form: `<id>`, `[ref]`, `[services...]`, with what it is. */
  arguments?: [form: string, meaning: string][];
  options?: [form: string, meaning: string][];
  /** Ready-made commands shown at the end of `--help`. */
  examples?: string[];
  /** Answers with the exit code; a thrown SwitchbackError brings its own. */
  main(call: Call<Options>): Promise<number | void>;
}

/** The launcher as it was typed; taken out of the environment, so that no child believes it to be its own. */
export const typedLauncher = process.env["SWITCHBACK_LAUNCHER"] || undefined;
delete process.env["SWITCHBACK_LAUNCHER"];

// A git hook has these of the repository that was pushed to, and git believes them more than `-C` (githooks(5)).
for (const name of ["DIR", "WORK_TREE", "INDEX_FILE", "COMMON_DIR", "OBJECT_DIRECTORY", "NAMESPACE", "PREFIX"])
  delete process.env[`GIT_${name}`];

/** Parses the command line, runs the command, and ends the process with its exit code. */
export async function entry<Options>(definition: CommandDefinition<Options>): Promise<never> {
  const code = await exitCodeOf(definition, process.argv.slice(2));
  await doAfterwards();
  process.exit(code);
}

async function exitCodeOf<Options>(definition: CommandDefinition<Options>, words: string[]): Promise<number> {
  let flags: Flags = { json: words.includes("--json"), verbose: words.includes("--verbose") };
  try {
    const parsed = parse(definition, words);
    flags = parsed.options;
    setReporter(flags, process.env);
    return (await definition.main({ ...parsed, context: (choice) => loadContext(flags, choice) })) ?? EXIT.done;
  } catch (error) {
    return await (error instanceof ElsewhereError
      ? onHosts(definition.name, words, flags, error)
      : report(error, flags));
  }
}

/** Gives the command on each host of its environment, with the words that were typed here. */
async function onHosts(name: string, words: string[], flags: Flags, { loaded }: ElsewhereError): Promise<number> {
  const [{ giveOnHosts }, { placeOf }] = await Promise.all([import("../fleet/give.ts"), import("./context.ts")]);
  about = placeOf(loaded);
  try {
    return await giveOnHosts({ name, words, flags, loaded });
  } catch (error) {
    return await report(error, flags);
  }
}

async function loadContext({ manifest, env, on }: Flags, choice?: ContextChoice): Promise<Context> {
  const { createContext } = await import("./context.ts");
  const context = await createContext({ manifest, env, launcherPath: typedLauncher }, choice);
  about = context;
  if (on !== undefined && context.loaded.hosts.length === 0)
    throw new UsageError(`--on ${on}: ${env ?? "what the manifest describes"} has no hosts, it is here`);
  return context;
}

/** What the command is about, once it has found that out. */
let about: Pick<Context, "opsPath" | "flags"> | undefined;

function parse<Options>(definition: CommandDefinition<Options>, words: string[]) {
  const command = new Command(`ops/${definition.name}.ts`)
    .description(definition.summary)
    .exitOverride()
    .configureOutput({ writeOut: (text) => writeOut(1, text), writeErr: (text) => writeOut(2, text) })
    .showHelpAfterError(`(ops/${definition.name}.ts --help shows how)`)
    .option("--manifest <file>", "the manifest (default: $DEPLOY_MANIFEST, else the nearest deploy.yaml upward)")
    .option("--env <name>", "one of the manifest's environments")
    .option("--dry-run", "print the exact steps as shell, change nothing")
    .option("--json", "answer as one JSON value")
    .option("--yes", "agree to what destroys data")
    .option("--quiet", "say nothing but warnings and errors")
    .option("--verbose", "say everything; show where an error arose");
  const isOwn = definition.options?.some(([form]) => form.startsWith("--on "));
  if (!isOwn) command.option("--on <hosts>", "only these hosts of the environment, joined by commas", joined);
  for (const [form, meaning] of definition.arguments ?? []) command.argument(form, meaning);
  for (const [form, meaning] of definition.options ?? []) command.option(form, meaning);
  if (definition.examples)
    command.addHelpText("after", `\nExamples:\n${definition.examples.map((line) => `  ${line}`).join("\n")}`);
  command.parse(words, { from: "user" });
  return { args: command.args, options: command.opts<Options & Flags>() };
}

/** An option that is given again adds to itself. */
const joined = (value: string, before?: string) => (before === undefined ? value : `${before},${value}`);

async function report(error: unknown, flags: Flags): Promise<number> {
  if (error instanceof CommanderError) return refused(error, flags);
  const known = error instanceof SwitchbackError ? error : undefined;
  const exit = known?.exit ?? EXIT.failed;
  const message = error instanceof Error ? error.message : String(error);
  const next = await aimed(known?.next ?? []);
  if (flags.json) writeOut(1, `${JSON.stringify({ error: message, exit, next, output: known?.output ?? [] })}\n`);
  writeOut(2, `${reporter().paint("red", "error:")} ${message}\n`);
  for (const text of known?.output ?? []) for (const line of text.trimEnd().split("\n")) writeOut(2, `    ${line}\n`);
  if (next.length > 0) writeOut(2, `What to type:\n${next.map((line) => `    ${line}\n`).join("")}`);
  if (flags.verbose && error instanceof Error) writeOut(2, `${stackOf(error)}\n`);
  return exit;
}

/** What commander has said already. */
function refused({ exitCode, message }: CommanderError, { json }: Flags): number {
  if (exitCode === 0) return EXIT.done;
  const said = { error: message.replace(/^error: /, ""), exit: EXIT.usage, next: [], output: [] };
  if (json) writeOut(1, `${JSON.stringify(said)}\n`);
  return EXIT.usage;
}

async function aimed(next: string[]): Promise<string[]> {
  if (!about || next.length === 0) return next;
  const [context, { aim }] = [about, await import("./aim.ts")];
  return next.map((line) => aim(line, context));
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}

/** Prints a command's answer: text for a person, one JSON value with `--json`. */
export function answer(flags: Flags, value: unknown, text: string): void {
  writeOut(1, flags.json ? `${JSON.stringify(value, null, 2)}\n` : text && !text.endsWith("\n") ? `${text}\n` : text);
}
