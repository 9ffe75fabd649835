// What XML 1.0 has no way to write, not even as a reference (section 2.2, Char); with the flag u a lone surrogate is one character.
// oxlint-disable-next-line no-control-regex
const IMPOSSIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u;

/** Why XML 1.0 cannot hold a text, as the end of a sentence; undefined where it can. */
export function xmlProblem(text: string): string | undefined {
  const found = IMPOSSIBLE.exec(text)?.[0];
  if (found === undefined) return undefined;
  const code = found.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0");
  return `holds U+${code}, which a property list (XML 1.0) cannot hold`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;" };

/** Text between two tags. A carriage return that is not written as a reference is read as a newline (section 2.11). */
export const xmlText = (text: string): string => text.replaceAll(/[&<>\r]/g, (character) => ENTITIES[character] ?? "");

/** Text for a comment, which cannot hold two hyphens in a row, nor end in one (section 2.5); references mean nothing there. */
export const xmlComment = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("--", "-&#45;").replace(/-$/, "&#45;");

/** A file whose comments were written by `xmlComment`, with them as they were meant. */
export const readComments = (xml: string): string => xml.replaceAll("&#45;", "-").replaceAll("&amp;", "&");
