import type { LogPart, Reader } from "../api/reader.ts";

/** So much of a log's end is in the page. */
export const TAIL_BYTES = 64 * 1024;

// Colours and movements of a terminal; what a moving line has overwritten; and what no browser shows.
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;
const OVERWRITTEN = /[^\n]*\r(?!\n)/g;
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** A log's text for reading. */
export const plainLog = (text: string): string =>
  text.replace(ESCAPES, "").replaceAll("\r\n", "\n").replace(OVERWRITTEN, "").replace(INVISIBLE, "�");

/** The end of a log from the first whole line on. */
export function tailOf({ text, next }: LogPart): { text: string; isCut: boolean } {
  const isCut = next > Buffer.byteLength(text);
  return { text: isCut ? text.slice(text.indexOf("\n") + 1) : text, isCut };
}

/** A whole log, part by part as the reader takes it. */
export function wholeLog(reader: Reader, id: string, first: LogPart): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let part: LogPart | undefined = first;
  let from = 0;
  return new ReadableStream({
    async pull(controller) {
      if (!part || part.next <= from) return controller.close();
      controller.enqueue(encoder.encode(plainLog(part.text)));
      from = part.next;
      part = part.isWhole ? undefined : await reader.log(id, from);
    },
  });
}
