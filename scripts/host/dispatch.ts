import path from "node:path";
import { SwitchbackError } from "../core/errors.ts";
import { writeOut } from "../terminal/output.ts";
import { commandOf, mayNameEnvironment, optionValue, readWords, renderHelp } from "./umbrella.ts";

const opsPath = path.resolve(import.meta.dirname, "../../ops");

/** `deploy …`: becomes the command that the words name, in this process, which that command ends. */
export async function dispatch(words: string[], launcherPath: string | undefined): Promise<void> {
  try {
    const { command, args } = readWords(
      words,
      mayNameEnvironment(words) ? await knownEnvironments(words, launcherPath) : [],
    );
    if (command === undefined) return writeOut(1, `${renderHelp()}\n`);
    const file = path.join(opsPath, `${commandOf(command).ops}.ts`);
    process.argv = [process.argv[0] as string, file, ...args];
    await import(file);
  } catch (error) {
    if (!(error instanceof SwitchbackError)) throw error;
    await fail(error, words);
  }
}

/** Names of the manifest's environments; none where it cannot be read, which the command then says itself. */
async function knownEnvironments(words: string[], launcherPath: string | undefined): Promise<string[]> {
  const [{ openManifest }, { findManifest }, { environmentNames }] = await Promise.all([
    import("../manifest/document.ts"),
    import("../manifest/find.ts"),
    import("../manifest/layers.ts"),
  ]);
  try {
    const flag = optionValue(words, "--manifest");
    const filePath = await findManifest({ flag, launcherPath, env: process.env, cwd: process.cwd() });
    return environmentNames(openManifest(filePath, filePath).root);
  } catch (error) {
    if (error instanceof SwitchbackError) return [];
    throw error;
  }
}

/** Says what is wrong as every command does. */
async function fail(error: SwitchbackError, words: string[]): Promise<never> {
  const { entry } = await import("../core/entry.ts");
  process.argv = [...process.argv.slice(0, 2), ...words.filter((word) => word === "--json" || word === "--verbose")];
  return entry({
    name: "deploy",
    summary: "",
    async main() {
      throw error;
    },
  });
}
