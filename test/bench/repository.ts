import { createCipheriv } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { lockfile, makePackages } from "./packages.ts";
import { commit, git, type Place } from "./place.ts";

/** How much is made: all of it, or what a test has time for. */
export interface Size {
  /** Modules of the frontend, modules of the backend, and pictures: files of each. */
  modules: number;
  pictures: number;
  packages: number;
  /** Releases to prune, to list, and to count the disk of. */
  pruned: number;
  listed: number;
  kept: number;
}

export const FULL: Size = { modules: 2000, pictures: 994, packages: 120, pruned: 1000, listed: 10_000, kept: 50 };
export const QUICK: Size = { modules: 40, pictures: 10, packages: 2, pruned: 10, listed: 20, kept: 3 };

/** Bytes that look random to a compressor and are the same in every run. */
const noise = createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));
const bytes = (count: number) => noise.update(Buffer.alloc(count));

/** Makes the application: `frontend/` with a lockfile and a real build, `backend/`, `static/`; all of it in one commit. */
export function makeRepository(place: Place, size: Size): void {
  const write = (file: string, content: string | Buffer) => {
    const whole = path.join(place.repo, file);
    fs.mkdirSync(path.dirname(whole), { recursive: true });
    fs.writeFileSync(whole, content);
  };
  makePackages(place, size.packages);
  for (let at = 0; at < size.modules; at++) {
    write(`frontend/src/${moduleOf(at)}.ts`, frontendModule(at, size.packages));
    write(`backend/area${at % 40}/module${at}.py`, backendModule(at));
  }
  for (let at = 0; at < size.pictures; at++)
    write(`static/album${at % 20}/picture${at}.webp`, bytes(4096 + ((at * 7919) % 94) * 1024));
  const all = Array.from({ length: size.modules }, (_, at) => `import { work${at} } from "./${moduleOf(at)}.ts";`);
  const sum = Array.from({ length: size.modules }, (_, at) => `work${at}(${at})`).join(", ");
  write("frontend/src/index.ts", `${all.join("\n")}\nconsole.log([${sum}].length);\n`);
  write("frontend/index.html", '<!doctype html><title>bench</title><script type="module" src="/index.js"></script>\n');
  write("frontend/tsconfig.json", `${JSON.stringify({ compilerOptions: TYPESCRIPT, include: ["src"] }, null, 2)}\n`);
  writeLockfile(place, size.packages, 0);
  write(".gitignore", "node_modules/\ndist/\n/infra/\n");
  git({ ...place, repo: place.path }, "init", "--quiet", "--initial-branch=main", place.repo);
  commit(place, "All of it");
  git(place, "repack", "-adq");
}

/** Writes package.json and its lockfile; `patch` is the version of the first package. */
export function writeLockfile(place: Place, packages: number, patch: number): void {
  const { manifest, lock } = lockfile(place, packages, patch);
  const scripts = {
    build: [
      "tsc --project .",
      "bun build src/index.ts --outdir dist --minify --sourcemap=linked",
      "cp index.html dist/",
      "gzip -9 -k -f dist/index.js dist/index.js.map",
    ].join(" && "),
  };
  fs.writeFileSync(
    path.join(place.repo, "frontend/package.json"),
    `${JSON.stringify({ ...manifest, scripts }, null, 2)}\n`,
  );
  fs.writeFileSync(path.join(place.repo, "frontend/package-lock.json"), `${JSON.stringify(lock, null, 2)}\n`);
}

const TYPESCRIPT = {
  target: "ES2022",
  module: "ESNext",
  moduleResolution: "bundler",
  lib: ["ES2022", "DOM"],
  strict: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  types: [],
};

const moduleOf = (at: number) => `area${at % 40}/module${at}`;

/** A module of some 4 kB that uses one package and two modules before it. */
function frontendModule(at: number, packages: number): string {
  const before = [Math.floor(at / 2), at - 1].filter(
    (one, index, all) => one >= 0 && one < at && all.indexOf(one) === index,
  );
  const imports = before.map((one) => `import { work${one} } from "../${moduleOf(one)}.ts";`);
  const functions = Array.from(
    { length: 12 },
    (_, part) => `
/** Part ${part} of module ${at}: weighs the rows of one page against those that were shown before. */
function part${at}x${part}(rows: Map<string, number>, page: { name: string; size: number }): string[] {
  const shown = [...rows].filter(([key, weight]) => weight > page.size + ${part} && key !== page.name);
  return shown.map(([key, weight]) => \`\${key}: \${(weight * ${at + part + 1}).toFixed(2)} of ${at}/${part}\`);
}`,
  );
  const parts = Array.from({ length: 12 }, (_, part) => `...part${at}x${part}(rows, page)`).join(", ");
  return `import { value } from "lib-${at % packages}";
${imports.join("\n")}
${functions.join("\n")}

export function work${at}(depth: number): number {
  const rows = new Map([["module ${at}", value]]);
  const page = { name: "page ${at}", size: depth };
  return [${parts}].length${before.map((one) => ` + (depth > ${at} ? work${one}(depth - 1) : 0)`).join("")};
}
`;
}

const backendModule = (at: number) =>
  Array.from(
    { length: 24 },
    (_, part) => `def handle_${at}_${part}(request, database):
    """Answers request ${part} of area ${at % 40} from the rows of table ${at}."""
    rows = database.execute("SELECT * FROM table_${at} WHERE part = ?", (${part},)).fetchall()
    return {"area": ${at % 40}, "rows": [dict(row) for row in rows], "sum": sum(row["n"] for row in rows)}
`,
  ).join("\n\n");
