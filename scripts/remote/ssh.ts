import type { Host } from "../manifest/loaded.ts";

/** What a program on a host printed. */
export interface Answer {
  /** Of the script; 255 where ssh itself failed (ssh(1)), null where its time ran out. */
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface ScriptOptions {
  input?: string | Buffer;
  /** Default: 30,000 ms. */
  timeoutMs?: number;
}

/**
 * ssh with all its options and the host, the command still to come: the user's own configuration, agent, known_hosts and jump hosts;
 * it asks nothing. `$SWITCHBACK_SSH` (words, as GIT_SSH_COMMAND has them) is used in place of `ssh`.
 */
export function sshWords(host: Host): string[] {
  throw new Error(`not yet: ${host.name}`);
}

/** Runs lines in the host's own `sh`, which it reads from the command, not from a login shell's files. */
export function runThere(host: Host, script: string, options: ScriptOptions = {}): Promise<Answer> {
  throw new Error(`not yet: ${host.name} ${script} ${options.timeoutMs}`);
}
