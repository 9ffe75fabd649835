const TRAILER = /^# switchback: origin=(\S+)(?: env=(\S+))?\s*$/;

/** Where the manifest of a tree's copy came from. */
export interface Trailer {
  originPath: string;
  environment?: string;
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
  const [, origin, environment] = TRAILER.exec(text.slice(offset).trimEnd()) ?? [];
  if (origin === undefined) return undefined;
  return { originPath: decode(origin), offset, ...(environment === undefined ? {} : { environment: decode(environment) }) };
}

/** `text` with the trailer that lets a copy in the tree find what its relative paths are relative to. */
export function renderWithTrailer(text: string, originPath: string, environment: string | undefined): string {
  const existing = readTrailer(text);
  const body = existing ? text.slice(0, existing.offset) : text;
  const end = body === "" || body.endsWith("\n") ? "" : "\n";
  const env = environment === undefined ? "" : ` env=${encode(environment)}`;
  return `${body}${end}# switchback: origin=${encode(originPath)}${env}\n`;
}
