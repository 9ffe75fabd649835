import type { LoadedManifest } from "../manifest/loaded.ts";
import { UsageError } from "../core/errors.ts";
import type { Placed } from "./apply.ts";
import { type SecretFile, secretFiles, type Taken, takeValue } from "./values.ts";

/** Permission bits of a secret whose entry says nothing else. */
const OWN_ONLY = 0o600;

/** A manifest's secrets: each is taken when it is first needed, and only once, however many hosts get it. */
export interface Vault {
  files: readonly (SecretFile & { mode: number })[];
  take(shared: string): Taken;
}

const opened = new WeakMap<LoadedManifest, Vault>();

/** The secrets that a manifest says how to take. */
export function vaultOf(loaded: LoadedManifest, env: NodeJS.ProcessEnv = process.env): Vault {
  const known = opened.get(loaded);
  if (known) return known;
  const files = secretFiles(loaded.manifest.linked_files).map((file) => ({ ...file, mode: file.mode ?? OWN_ONLY }));
  const taken = new Map<string, Taken>();
  const take = (shared: string) => {
    const file = files.find((one) => one.shared === shared) as SecretFile;
    const value = taken.get(shared) ?? takeValue(file.value_from, loaded.basePath, env);
    taken.set(shared, value);
    return value;
  };
  const vault = { files, take };
  opened.set(loaded, vault);
  return vault;
}

/**
 * The secrets of these files; an optional one that cannot be taken is left out.
 * @throws UsageError that names all that cannot be taken.
 */
export function takeAll(vault: Vault, names: readonly string[] = vault.files.map(({ shared }) => shared)): Placed[] {
  const wanted = vault.files.filter(({ shared }) => names.includes(shared));
  const all = wanted.map((file) => ({ file, taken: vault.take(file.shared) }));
  const problems = all.flatMap(({ file, taken }) =>
    "problem" in taken && !file.optional ? [`  ${file.path}: ${taken.problem}`] : [],
  );
  if (problems.length > 0)
    throw new UsageError(`secrets are not to be had here:\n${problems.join("\n")}`, {
      next: "make them available on this machine, as linked_files says, then type the command again",
    });
  return all.flatMap(({ file: { shared, mode }, taken }) =>
    "secret" in taken ? [{ shared, mode, secret: taken.secret }] : [],
  );
}
