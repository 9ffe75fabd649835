import type { Host } from "./host.ts";

/**
 * A block of ssh_config(5) for a throw-away host: its account, its key, and the host keys that are known of it.
 * @param name what it is called here; `*`: every name is this host
 */
export function sshConfig(name: string, { place }: Pick<Host, "place">, more: Record<string, string> = {}): string {
  const options = {
    User: "deploy",
    IdentityFile: `${place}/key`,
    IdentitiesOnly: "yes",
    UserKnownHostsFile: `${place}/known_hosts`,
    ...more,
  };
  const lines = Object.entries(options).map(([key, value]) => `  ${key} ${value}`);
  return [`Host ${name}`, ...lines, ""].join("\n");
}
