import { reporter } from "../terminal/reporter.ts";
import type { FileState } from "./message.ts";
import type { Shelf } from "./shelf.ts";
import { takeAll, type Vault } from "./vault.ts";

/**
 * Creates the secrets that a `shared/` does not have; those that differ stay, with a warning: a rollback must find what its release
 * ran with. One that is there, and is not to be had here, is nobody's business but its host's.
 * @throws UsageError before anything is written, when one that is missing is not to be had here.
 */
export async function createMissing(
  shelf: Shelf,
  vault: Vault,
  warn: (line: string) => void = (line) => reporter().warn(line),
): Promise<FileState<"created">[]> {
  const files = vault.files.map(({ shared, mode }) => ({ shared, mode }));
  const first = await shelf.look(files);
  const missing = namesOf(first, "missing");
  const toCreate = takeAll(vault, missing);
  const comparable = vault.files.flatMap(({ shared, mode }) => {
    const taken = missing.includes(shared) ? undefined : vault.take(shared);
    return taken && "secret" in taken ? [{ shared, mode, secret: taken.secret }] : [];
  });
  for (const shared of namesOf(await shelf.look(comparable), "changed"))
    warn(
      `${shelf.host === undefined ? "" : `${shelf.host}: `}shared/${shared} is not what value_from gives now; it stays`,
    );
  const states = toCreate.length > 0 ? await shelf.write(toCreate) : [];
  return states.map(({ shared }) => ({ shared, state: "created" }));
}

const namesOf = (states: FileState<string>[], wanted: string) =>
  states.flatMap(({ shared, state }) => (state === wanted ? [shared] : []));
