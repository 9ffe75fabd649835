import { read } from "./proc.ts";

// States of a socket in /proc/net/tcp (the kernel's tcp_states.h).
export const LISTENING = "0A";
const ESTABLISHED = "01";

/** A socket of this side with a local port, and the bytes in it that nobody has read; of one that listens, who waits in its queue. */
interface Row {
  state: string;
  unread: number;
  inode: string;
}

/** Sockets of this side, as /proc/PID/fd shows them, that have a local port and a state. */
export const socketsOn = (port: number, state: string): string[] =>
  rowsOf(port).flatMap((row) => (row.state === state ? [`socket:[${row.inode}]`] : []));

/** Of TCP's tables (proc_net_tcp(5)): local address, remote address, state, tx_queue:rx_queue, and later the inode. */
function rowsOf(port: number): Row[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["tcp", "tcp6"]
    .flatMap((table) => read(`/proc/self/net/${table}`)?.toString("latin1").split("\n").slice(1) ?? [])
    .flatMap((line) => {
      const [, local, , state = "", queues = "", , , , , inode = ""] = line.trim().split(/\s+/);
      return local?.endsWith(suffix)
        ? [{ state, unread: Number.parseInt(queues.split(":")[1] ?? "0", 16), inode }]
        : [];
    });
}

/** Who is connected to a TCP port of this machine, and whether somebody listens on it (Linux). */
export const connections = (port: number) => ({
  established: socketsOn(port, ESTABLISHED).length,
  isListening: socketsOn(port, LISTENING).length > 0,
});

/** Whether somebody at a TCP port of this machine waits to be accepted, or has said what nobody has read yet (Linux). */
export const isAnyoneWaiting = (port: number): boolean => rowsOf(port).some(({ unread }) => unread > 0);
