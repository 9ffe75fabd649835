// Prints what a tree holds, one line an entry: kind, mode, name, where a link leads, hash of what a file holds. Left out is what
// differs between two runs of the same operation: the databases, logs, pid files, the ids of operations, and times in records.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

const root = process.argv[2] as string;
const IGNORED = /^(registry\.db|lock\.db|logs\/.|run\/.*\.pid$)/;

const withoutIds = (text: string) => text.replaceAll(/\d{8}-\d{6}-[a-z_]+-[0-9a-f]{4}/g, "OPERATION");

function contentOf(file: string): string {
  // It holds when it was made, and nothing else.
  const bytes = path.basename(file).startsWith("restored-") ? Buffer.alloc(0) : fs.readFileSync(file);
  const isRecord = ["RELEASE.json", "BACKUP.json"].includes(path.basename(file));
  const text = isRecord ? withoutIds(bytes.toString().replace(/"(built|created)_at": ".*"/, "")) : bytes;
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function list(relative: string): void {
  for (const entry of fs
    .readdirSync(path.join(root, relative), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = path.join(relative, entry.name);
    const file = path.join(root, name);
    if (IGNORED.test(name)) continue;
    const shown = withoutIds(name);
    const mode = (fs.lstatSync(file).mode & 0o7777).toString(8);
    if (entry.isSymbolicLink()) console.log(`link ${shown} -> ${fs.readlinkSync(file)}`);
    else if (entry.isFile()) console.log(`file ${mode} ${shown} ${contentOf(file)}`);
    else console.log(`${entry.isDirectory() ? "dir " : "else"} ${mode} ${shown}`);
    if (entry.isDirectory()) list(name);
  }
}

if (fs.existsSync(root)) list("");
else console.log("nothing");
