/** A file as a target of the manifest wants it. */
export interface RenderedFile {
  /** Its place below a folder to read: `systemd/papertok-server.service`. */
  place: string;
  content: string;
}

/** A rendered file and where it is installed on this host. */
export interface InstalledFile extends RenderedFile {
  /** Absolute. */
  path: string;
}

/** Files as path → text. */
export const textsOf = (files: readonly InstalledFile[]): Map<string, string> =>
  new Map(files.map(({ path, content }) => [path, content]));
