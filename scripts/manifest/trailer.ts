import type { LoadedManifest } from "./loaded.ts";

const TRAILER = /^# switchback: origin=(\S+)(?: deploy_to=(\S+))?(?: env=(\S+))?(?: host=(\S+))?\s*$/;

/** Where the manifest of a tree's copy came from. */
export interface Trailer {
  originPath: string;
  /** The tree that it was copied into: `~` and $DEPLOY_ROOT may mean something else to cron. */
  deployTo?: string | undefined;
  environment?: string | undefined;
  /** The host of that environment that the tree is on: what is done with it is done there. */
  host?: string | undefined;
  /** Offset of its line. */
  offset: number;
}

const encode = (text: string): string => text.replace(/[%\s\u0000-\u001f\u007f]/g, encodeURIComponent);

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The trailer in the last line that is not empty, if that is one. */
export function readTrailer(text: string): Trailer | undefined {
  const offset = text.trimEnd().lastIndexOf("\n") + 1;
  const [, origin, deployTo, environment, host] = TRAILER.exec(text.slice(offset).trimEnd()) ?? [];
  if (origin === undefined) return undefined;
  return {
    originPath: decode(origin),
    ...(deployTo === undefined ? {} : { deployTo: decode(deployTo) }),
    offset,
    ...(environment === undefined ? {} : { environment: decode(environment) }),
    ...(host === undefined ? {} : { host: decode(host) }),
  };
}

/** `text` with the trailer that lets a copy in the tree find what its relative paths are relative to. */
export function renderWithTrailer(
  text: string,
  { originPath, deployTo, environment, host }: Omit<Trailer, "offset">,
): string {
  const existing = readTrailer(text);
  const body = existing ? text.slice(0, existing.offset) : text;
  const end = body === "" || body.endsWith("\n") ? "" : "\n";
  const tree = deployTo === undefined ? "" : ` deploy_to=${encode(deployTo)}`;
  const env = environment === undefined ? "" : ` env=${encode(environment)}`;
  const on = host === undefined ? "" : ` host=${encode(host)}`;
  return `${body}${end}# switchback: origin=${encode(originPath)}${tree}${env}${on}\n`;
}

/** Text of `<deploy_to>/deploy.yaml`: the manifest as it is, with a trailer that names its origin, tree and environment. */
export const renderTreeCopy = ({ text, basePath, environment, host, manifest }: LoadedManifest): string =>
  renderWithTrailer(text, { originPath: basePath, deployTo: manifest.deploy_to, environment, host });
