import fs from "node:fs";

const TAIL = 64 * 1024;
const EVERY = 50;

/**
 * Follows what is appended to a file from now on, or from byte `from` on. The returned function stops, and gives the last
 * 64 KiB seen.
 * Polled: what is followed is written by another process, and a reader must never hold it up.
 */
export function follow(file: string, onText: (text: string) => void, from?: number): () => string {
  const fd = fs.openSync(file, "r");
  const buffer = Buffer.alloc(TAIL);
  let offset = from ?? fs.fstatSync(fd).size;
  let tail = "";
  let isOpen = true;
  const drain = () => {
    for (let read = 1; read > 0;) {
      read = fs.readSync(fd, buffer, 0, buffer.length, offset);
      offset += read;
      const text = buffer.toString("utf8", 0, read);
      if (text) onText(text);
      tail = (tail + text).slice(-TAIL);
    }
  };
  const timer = setInterval(drain, EVERY);
  return () => {
    if (isOpen) {
      clearInterval(timer);
      drain();
      fs.closeSync(fd);
      isOpen = false;
    }
    return tail;
  };
}
