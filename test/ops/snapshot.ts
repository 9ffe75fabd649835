// Prints what a tree holds, one line an entry: kind, mode, name, where a link leads, hash of what a file holds. Left out is what
// differs between two runs of the same operation: the databases, logs, pid files, and the times in RELEASE.json.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

const root = process.argv[2] as string;
const IGNORED = /^(registry\.db|lock\.db|logs\/.|run\/.*\.pid$)/;

function contentOf(file: string): string {
  const bytes = fs.readFileSync(file);
  const text = path.basename(file) === "RELEASE.json" ? bytes.toString().replace(/"built_at": ".*"/, "") : bytes;
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function list(relative: string): void {
  for (const entry of fs
    .readdirSync(path.join(root, relative), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = path.join(relative, entry.name);
    const file = path.join(root, name);
    if (IGNORED.test(name)) continue;
    const mode = (fs.lstatSync(file).mode & 0o7777).toString(8);
    if (entry.isSymbolicLink()) console.log(`link ${name} -> ${fs.readlinkSync(file)}`);
    else if (entry.isFile()) console.log(`file ${mode} ${name} ${contentOf(file)}`);
    else console.log(`${entry.isDirectory() ? "dir " : "else"} ${mode} ${name}`);
    if (entry.isDirectory()) list(name);
  }
}

if (fs.existsSync(root)) list("");
else console.log("nothing");
