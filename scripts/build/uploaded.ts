import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeRelease } from "../core/observe.ts";
import { incomingPath, incomingRecordPath, type Paths, releasePath } from "../core/paths.ts";
import { checkedId } from "../core/release-id.ts";
import type { RemoveStep, Step } from "../core/step.ts";
import { holds } from "./places.ts";
import type { SourceFacts } from "./source.ts";

/** What `incoming/<id>.json` says of the files in `incoming/<id>`; it is written when all of them are there. */
export interface Upload {
  id: string;
  /** As in SourceFacts. */
  sha: string;
  ref: string;
  isDirty: boolean;
  /** Build steps that are the sender's: what they made came with the upload. */
  builtHere: string[];
  /** The account that sent it. */
  builtBy: string;
  /** Files and directories that the sender's build made or changed: everything else is as it was committed. */
  made: string[];
  files: number;
  bytes: number;
}

/** Reads what was said of an upload; undefined where none is complete. @throws UsageError for a record that is no record of it. */
export function readUpload(paths: Paths, id: string): Upload | undefined {
  const file = incomingRecordPath(paths, id);
  if (!fs.existsSync(file) || !fs.existsSync(incomingPath(paths, id))) return undefined;
  const read = parsed(fs.readFileSync(file, "utf8"));
  if (read?.id === id && isUpload(read)) return read as Upload;
  throw new UsageError(`${file} does not describe an upload of ${id}`, { next: "upload it again" });
}

function parsed(text: string): Partial<Upload> | undefined {
  try {
    return JSON.parse(text) as Partial<Upload>;
  } catch {
    return undefined;
  }
}

const isText = (value: unknown) => typeof value === "string";
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);

const isUpload = ({ sha, ref, isDirty, builtHere, builtBy, made, files, bytes }: Partial<Upload>) =>
  [sha, ref, builtBy].every(isText) &&
  [builtHere, made].every(isTexts) &&
  typeof isDirty === "boolean" &&
  [files, bytes].every(Number.isSafeInteger);

/**
 * The source of a build that was uploaded: its files as they lie in `incoming/<id>`, or, where a command is given again, the release that
 * they became. @throws UsageError when there is neither.
 */
export function observeUpload({ paths }: Context, given: string): SourceFacts {
  const id = checkedId(given);
  const upload = readUpload(paths, id);
  if (upload) {
    const { sha, ref, isDirty, files, bytes } = upload;
    return { repo: incomingPath(paths, id), sha, ref, isDirty, files, bytes, tags: [], submodules: [], upload };
  }
  const { isComplete, sha, ref = id, isDirty = false } = observeRelease(paths, id);
  if (!isComplete)
    throw new UsageError(`nothing is uploaded as ${id}: there is no ${incomingRecordPath(paths, id)}`, {
      next: "upload it again, by the command that was to deploy it",
    });
  return {
    repo: releasePath(paths, id),
    sha,
    ref,
    isDirty,
    files: 0,
    bytes: 0,
    tags: [],
    submodules: [],
    isTaken: true,
  };
}

/** Whether a build's source is what was uploaded, and not a repository of this host. */
export const isUploaded = ({ upload, isTaken }: Pick<SourceFacts, "upload" | "isTaken">) =>
  upload !== undefined || isTaken === true;

/** Whether the sender's build made or changed what lies there. */
export const isMadeBySender = (made: string[], place: string) => made.some((one) => holds(one, place));

/** Takes away what is left of an upload that became a release, or of one that was there already. */
export const planUploadEnd = (context: Context, id: string): Step[] => {
  const [directory, record] = [incomingPath(context.paths, id), incomingRecordPath(context.paths, id)];
  const title = `Remove the upload of ${id}`;
  // By then the release is complete, and no reason to take it away.
  return [{ kind: "remove", title, path: record, more: [{ path: directory }], optional: true }];
};

/** After a failure: an upload that did not become a release yet can be built again as it is. */
export const planUploadDiscard = ({ paths }: Context, id: string): RemoveStep => ({
  kind: "remove",
  title: `Remove the record of the upload of ${id}`,
  path: incomingRecordPath(paths, id),
  unless: incomingPath(paths, id),
});
