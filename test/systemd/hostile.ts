/** Values that a unit file could get wrong, a tree that holds them wherever a manifest lets a text through, and what must arrive. */
import path from "node:path";

/** What a process has to be given exactly as it stands here. */
export const VALUES: Record<string, string> = {
  empty: "",
  blank: " ",
  "blanks at both ends": "  a  b  ",
  newline: "a\nb",
  "a line of a unit": "x\nExecStartPre=/bin/touch /tmp/injected",
  "a section": "\n[Service]\nUser=root",
  tab: "a\tb",
  "a specifier": "%n",
  "specifiers in a row": "%%n%i%%i%",
  "a variable": "$HOME",
  "a variable in braces": "${HOME}",
  dollars: "$ $$ $$$x ${} $%",
  semicolon: ";",
  "two commands": "a ; b",
  "escaped semicolon": "\\;",
  "single quote": "it's",
  "double quotes": 'say "hi"',
  "an open quote": '"',
  backslash: "a\\b\\n\\x41\\u0041",
  "trailing backslash": "end\\",
  "backslashes at the end": "end\\\\",
  "backslash before a newline": "a\\\nb",
  markup: "<&>&amp;{{x}}{{{x}}}",
  unicode: "é漢字🙂\u202e\u00a0\u0085\u2028",
  comment: "#no",
  "comment of the other kind": ";no",
  "leading minus": "-x",
  "leading at": "@x",
  "leading plus": "+x",
  "leading bang": "!!x",
  "leading colon": ":x",
  "leading bar": "|x",
  equals: "a=b==",
  glob: "*?[a]{b,c}~",
  backquotes: "`id` $(id)",
};

/** Characters that systemd takes in no variable: they are refused. */
export const REFUSED: Record<string, string> = {
  "carriage return": "a\rb",
  escape: "\u001b[31m",
  "start of heading": "\u0001",
  delete: "\u007f",
  noncharacter: "\ufffe",
};

/** Values for an argument only. */
const ARGUMENTS: Record<string, string> = { ...VALUES, controls: "\u0001\u001b[0m\r\u007f" };

/** Folder names below a release. */
export const FOLDERS: Record<string, string> = {
  blanks: "a  b",
  specifiers: "%n %i 100%",
  dollars: "$HOME ${HOME} $$",
  quotes: `it's "here"`,
  backslashes: "a\\b\\x41",
  semicolon: "a ; b",
  glob: "[a] * ? {b}",
  colon: "a:b",
  unicode: "é漢字🙂",
  equals: "a,b",
  minus: "-a",
};

/** As JSON, which is YAML; what is not plain ASCII is escaped, for YAML allows no control character to stand there. */
export const asYaml = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(/[^\n -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** A word that a shell would read as this text. */
const posix = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Tells what the process was given, in the file that its first argument names. */
const PROBE = `#!/usr/bin/env node
const fs = require("node:fs");
const [, , out, ...words] = process.argv;
const { pid: _pid, ...env } = process.env;
const own = {};
try { fs.writeFileSync("written", "x"); own.written = true } catch (error) { own.written = error.code }
fs.writeFileSync(out + ".new", JSON.stringify({ words, env, cwd: process.cwd(), program: process.argv[1], ...own }));
fs.renameSync(out + ".new", out);
console.log("out");
console.error("err");
setInterval(() => {}, 1e6);
`;

interface HostileService {
  name: string;
  /** Where the probe tells what it was given; absolute. */
  out: string;
  /** What it has to tell. */
  words: string[];
  env: Record<string, string>;
  /** Absolute, below `current`. */
  dirPath: string;
  /** Holds "out" afterwards; absolute. */
  stdout: string;
}

/** A manifest, the files of its only release (place below it → text), and what each of its services has to be given. */
export function hostileTree(deployTo: string): {
  manifest: string;
  release: Record<string, string>;
  services: HostileService[];
} {
  const current = path.join(deployTo, "current");
  const out = (name: string) => path.join(deployTo, "shared/out", `${name}.json`);
  const variables = Object.fromEntries(Object.values(VALUES).map((value, at) => [`V${at}`, value]));
  const values: HostileService = {
    name: "values",
    out: out("values"),
    words: [...Object.values(ARGUMENTS), ...Object.values(VALUES), "a${x}$$value %i", "8080"],
    env: { ...variables, RELEASE_ID: "r1", FROM_FILE: "a $b %n" },
    dirPath: current,
    stdout: path.join(deployTo, "logs/values.log"),
  };
  const folders = Object.values(FOLDERS).map((folder, at): HostileService => {
    const name = `folder${at}`;
    const env = { RELEASE_ID: "r1", FROM_FILE: "a $b %n" };
    return {
      name,
      out: out(name),
      words: [folder],
      env,
      dirPath: path.join(current, folder),
      stdout: path.join(current, folder, "a log"),
    };
  });
  const services = {
    values: {
      run:
        ["./probe", out("values"), ...Object.values(ARGUMENTS)].map(posix).join(" ") +
        Object.keys(variables)
          .map((key) => ` "\${${key}}"`)
          .join("") +
        " a${MIXED} ${PORT}",
      port: 8080,
      env: { ...variables, PORT: "1", MIXED: "${x}$$value %i" },
      env_file: ["-absent", "vars"],
    },
    ...Object.fromEntries(
      folders.map(({ name, words: [folder = ""] }) => [
        name,
        {
          run: [`./probe`, out(name), folder].map(posix).join(" "),
          dir: folder,
          env_file: `${folder.startsWith("-") ? "-" : ""}${folder}/vars`,
          stdout: `${folder}/a log`,
          stderr: `${folder}/a log`,
          write_paths: [folder],
        },
      ]),
    ),
  };
  const manifest = { app: "hostile", deploy_to: deployTo, supervisor: "systemd", linked_dirs: ["out"], services };
  const perFolder = Object.values(FOLDERS).flatMap((folder) => [
    [`${folder}/vars`, "FROM_FILE=a $b %n\nRELEASE_ID=lie\n"],
    [`${folder}/probe`, PROBE],
  ]);
  const release = {
    probe: PROBE,
    vars: "PORT=1\nFROM_FILE=a $b %n\n",
    "RELEASE.env": "RELEASE_ID=r1\n",
    ...Object.fromEntries(perFolder),
  };
  return { manifest: asYaml(manifest), release, services: [values, ...folders] };
}
