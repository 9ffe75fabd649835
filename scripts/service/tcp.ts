import { read } from "./proc.ts";

// States of a socket in /proc/net/tcp (the kernel's tcp_states.h).
export const LISTENING = "0A";
const ESTABLISHED = "01";

/** Sockets of this side, as /proc/PID/fd shows them, that have a local port and a state. */
export const socketsOn = (port: number, state: string): string[] =>
  ["tcp", "tcp6"].flatMap((table) => rowsOf(table, port, state)).map((inode) => `socket:[${inode}]`);

function rowsOf(table: string, port: number, wanted: string): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = read(`/proc/self/net/${table}`)?.toString("latin1").split("\n").slice(1) ?? [];
  return lines.flatMap((line) => {
    const [, local, , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    return state === wanted && local?.endsWith(suffix) ? [inode] : [];
  });
}

/** Who is connected to a TCP port of this machine, and whether somebody listens on it (Linux). */
export const connections = (port: number) => ({
  established: socketsOn(port, ESTABLISHED).length,
  isListening: socketsOn(port, LISTENING).length > 0,
});
