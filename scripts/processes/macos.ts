import { spawnSync } from "node:child_process";
import type { PathUser, Process, ProcessFacts, ProcessTable } from "./table.ts";
import { realPath } from "../core/real-path.ts";

function output(program: string, args: string[]): string {
  const run = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    maxBuffer: 64 * 1024 * 1024,
  });
  return run.stdout ?? "";
}

const lines = (program: string, args: string[]) => output(program, args).split("\n").filter(Boolean);

function psFacts(select: string[]): ProcessFacts[] {
  return lines("ps", [...select, "-o", "pid=,ppid=,pgid=,state=,lstart="]).flatMap((line) => {
    const [pid, ppid, pgid, state, ...started] = line.trim().split(/\s+/);
    if (!state || state.startsWith("Z")) return [];
    return [
      {
        pid: Number(pid),
        ppid: Number(ppid),
        pgid: Number(pgid),
        sid: Number(pgid),
        startTime: started.join(" "),
        state: state[0]!,
      },
    ];
  });
}

function facts(pid: number): ProcessFacts | undefined {
  return psFacts(["-p", String(pid)])[0];
}

const all = () => psFacts(["-ax"]);

function observe(pid: number): Process | undefined {
  const known = facts(pid);
  if (!known) return undefined;
  const files = openFiles(["-p", String(pid)]);
  const cwd = files.find(({ fd }) => fd === "cwd")?.file;
  const exe = files.find(({ fd }) => fd === "txt")?.file;
  return { ...known, ...(cwd !== undefined && { cwd }), ...(exe !== undefined && { exe }), command: command(pid) };
}

const command = (pid: number) => output("ps", ["-ww", "-p", String(pid), "-o", "command="]).trim();

const startedAt = ({ startTime }: ProcessFacts) => new Date(`${startTime} UTC`);

/** ps shows arguments and environment in one line: a value that holds ` NAME=` cannot be told from two variables. */
function environment(pid: number): Record<string, string> | undefined {
  const text = output("ps", ["-Eww", "-p", String(pid), "-o", "command="]).trim();
  if (!text) return undefined;
  const pieces = text.split(/ (?=[A-Za-z_][A-Za-z0-9_]*=)/).slice(1);
  return Object.fromEntries(
    pieces.map((piece) => [piece.slice(0, piece.indexOf("=")), piece.slice(piece.indexOf("=") + 1)]),
  );
}

function marks(name: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const line of lines("ps", ["-axEww", "-o", "pid=,command="])) {
    const value = line.split(` ${name}=`)[1]?.split(/ (?=[A-Za-z_][A-Za-z0-9_]*=)/)[0];
    if (value !== undefined) found.set(Number.parseInt(line, 10), value.trim());
  }
  return found;
}

const listeners = (port: number) => lines("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"]).map(Number);

interface OpenFile {
  pid: number;
  fd: string;
  file: string;
}

/** lsof's own form for programs: p, then f and n for each file. */
function openFiles(select: string[]): OpenFile[] {
  const files: OpenFile[] = [];
  let pid = 0;
  let fd = "";
  for (const line of lines("lsof", ["-nP", "-Fpfn", ...select])) {
    if (line[0] === "p") pid = Number(line.slice(1));
    else if (line[0] === "f") fd = line.slice(1);
    else if (line[0] === "n") files.push({ pid, fd, file: line.slice(1) });
  }
  return files;
}

function usersOfPath(path: string, isSkipped: (pid: number) => boolean): PathUser[] {
  const root = realPath(path);
  const used = openFiles([]).filter(
    ({ pid, file }) => !isSkipped(pid) && (file === root || file.startsWith(`${root}/`)),
  );
  return used.map(({ pid, fd, file }) => ({ pid, how: howOf(fd), command: command(pid), file }));
}

function howOf(fd: string): PathUser["how"] {
  if (fd === "cwd") return "cwd";
  if (fd === "txt") return "exe";
  return fd === "mem" ? "map" : "open file";
}

/**
 * Processes through ps(1) and lsof(8). Coarser than /proc: a start time has a resolution of one second, a session cannot be
 * told from a process group, and the environment of Apple's own programs (/bin/sh among them) is not shown.
 */
export const macos: ProcessTable = {
  facts,
  all,
  process: observe,
  startedAt,
  environment,
  marks,
  listeners,
  usersOfPath,
};
