import * as z from "zod";
import { holds } from "../../build/places.ts";
import { insidePath, line } from "./values.ts";

const MODE_WANTED = 'an octal mode in quotes, such as "0600"';
const mode = z
  .string({ error: MODE_WANTED })
  .regex(/^0?[0-7]{3}$/, { error: MODE_WANTED })
  .transform((text) => Number.parseInt(text, 8));

const VALUE_FROM = "a map with one of file, env and run";

/** Where a secret of a host is taken from, on the machine that deploys. */
const valueFrom = z
  .strictObject(
    {
      file: line("a path").optional().describe("A file, relative to the manifest; ~ is expanded."),
      env: line("a variable's name").optional().describe("An environment variable."),
      run: line("a command")
        .optional()
        .describe("A command that prints it, for bash: pass show shop/env, op read …, sops -d …"),
    },
    { error: VALUE_FROM },
  )
  .refine((value) => Object.values(value).filter((one) => one !== undefined).length === 1, {
    error: `needs exactly one of file, env and run`,
  });

const wholeEntry = z.strictObject({
  path: insidePath.describe("Its place in the release."),
  shared: insidePath.optional().describe("Its name in shared/; default: the same as path."),
  from: insidePath.optional().describe("Where prepare_shared finds it in the checkout; default: the same as path."),
  mode: mode.optional().describe('Its mode in shared/, in quotes: "0600".'),
  optional: z
    .boolean({ error: "true or false" })
    .default(false)
    .describe("It may be absent; it is linked all the same, so that what creates it creates it in shared/."),
});

export interface LinkedEntry {
  /** Its place in the release, relative. */
  path: string;
  /** Its name in shared/. */
  shared: string;
  /** Where the checkout has it, relative. */
  from: string;
  /** Permission bits, e.g. 0o600. */
  mode?: number;
  optional: boolean;
}

const wholeFile = wholeEntry.extend({
  value_from: valueFrom
    .optional()
    .describe("What it holds on hosts: taken here, written there with mode 0600, never shown."),
});

export type ValueFrom = z.output<typeof valueFrom>;

/** An entry of `linked_files`. */
export interface LinkedFile extends LinkedEntry {
  value_from?: ValueFrom;
}

const spelledOut = (value: string | z.output<typeof wholeFile>): LinkedFile => {
  const given: z.output<typeof wholeFile> = typeof value === "string" ? { path: value, optional: false } : value;
  const { path, shared = path, from = path, mode: bits, optional, value_from: source } = given;
  return {
    path,
    shared,
    from,
    optional,
    ...(bits === undefined ? {} : { mode: bits }),
    ...(source === undefined ? {} : { value_from: source }),
  };
};

const entryOf = <T extends z.ZodType<z.output<typeof wholeFile>>>(entry: T) =>
  z
    .union([insidePath, entry], { error: "a relative path, or a map with path, shared, from, mode and optional" })
    .transform(spelledOut);

/** `linked_dirs`: Capistrano's meaning. */
export const linked = z.array(entryOf(wholeEntry), { error: "a list of paths" }).default([]);

/** `linked_files`: Capistrano's meaning; one may say where hosts get it from. */
export const linkedFiles = z.array(entryOf(wholeFile), { error: "a list of paths" }).default([]);

/** What a release already has for itself, and shared/. */
export const OWN_PATHS = ["RELEASE.json", "RELEASE.env", "RELEASE.files.gz", "RELEASE.files.whole.gz", ".building"];
const OWN_SHARED = ["deps"];

function clashOf(entry: LinkedEntry, earlier: LinkedEntry[]): string | undefined {
  if (entry.path === "." || entry.shared === ".")
    return "a linked entry names something inside the release, not all of it";
  const own = OWN_PATHS.find((path) => holds(path, entry.path));
  if (own) return `${own} belongs to the release itself and cannot be linked`;
  if (OWN_SHARED.some((shared) => holds(shared, entry.shared)))
    return "shared/deps holds the dependency sets: choose another `shared`";
  for (const other of earlier) {
    if (entry.path === other.path) return `${entry.path} is linked twice`;
    if (entry.shared === other.shared)
      return `${entry.path} and ${other.path} would both be shared/${entry.shared}: give one of them another \`shared\``;
    if (holds(other.path, entry.path)) return `${entry.path} lies inside ${other.path}, which is linked already`;
    if (holds(entry.path, other.path)) return `${other.path}, which is linked too, lies inside ${entry.path}`;
  }
  return undefined;
}

const isEntry = (value: unknown): value is LinkedEntry =>
  typeof value === "object" && value !== null && "path" in value && "shared" in value;

/** Reports each linked entry that takes another's place; looks at both lists, also when other keys are wrong. */
export function checkLinked(
  value: Record<string, unknown>,
  report: (path: PropertyKey[], message: string) => void,
): void {
  const earlier: LinkedEntry[] = [];
  for (const key of ["linked_files", "linked_dirs"]) {
    const entries = Array.isArray(value[key]) ? (value[key] as unknown[]) : [];
    for (const [index, entry] of entries.entries()) {
      if (!isEntry(entry)) continue;
      const clash = clashOf(entry, earlier);
      if (clash) report([key, index], clash);
      earlier.push(entry);
    }
  }
}
