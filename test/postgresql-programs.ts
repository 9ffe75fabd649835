/** PostgreSQL's own programs, where Debian puts them. */
import fs from "node:fs";
import path from "node:path";

const versions = "/usr/lib/postgresql";
const found = fs.existsSync(versions) ? fs.readdirSync(versions) : [];
const newest = found.toSorted((a, b) => Number(a) - Number(b)).at(-1);

/** The absolute path of one of them, of the newest version. */
export const bin = (name: string) => path.join(versions, newest ?? "", "bin", name);

/** Where it is not installed, its tests are skipped. */
export const hasServer = newest !== undefined && fs.existsSync(bin("initdb"));

/** The words before a program: the server refuses to run as root. */
export const asUser = process.getuid?.() === 0 ? ["runuser", "-u", "nobody", "--"] : [];
