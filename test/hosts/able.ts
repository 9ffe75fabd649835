import { spawnSync } from "node:child_process";
import fs from "node:fs";

/** What a host is made of: the program or file, and the Debian package that brings it. */
const PARTS: [part: string, brought: string][] = [
  ["/lib/systemd/systemd", "systemd"],
  ["/lib/systemd/system/dbus.service", "dbus"],
  ["/usr/lib/systemd/user/dbus.socket", "dbus-user-session"],
  ["/lib/systemd/system/ssh.service", "openssh-server"],
  ["/lib/systemd/system/nginx.service", "nginx-light"],
  ["/lib/systemd/system/cron.service", "cron"],
  ["/usr/bin/python3", "python3"],
  ["/usr/bin/git", "git"],
  ["sudo", "sudo"],
  ["ip", "iproute2"],
  ["setfattr", "attr"],
  ["curl", "curl"],
  ["unshare", "util-linux"],
];

/** What is tried in a mount namespace of its own, and what it means when it does not work. */
const TRIALS: [line: string, problem: string][] = [
  ["unshare --uts --ipc --pid --cgroup --net --fork true", "this machine makes no namespaces"],
  ["mount -t tmpfs none /mnt && mkdir /mnt/cg /mnt/up /mnt/work /mnt/root", "this machine mounts no tmpfs"],
  [
    "mount -t overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work none /mnt/root",
    "this machine mounts no overlay over its root",
  ],
  [
    "setfattr -n trusted.overlay.opaque -v y /mnt/up && unshare --pid --fork mount -t proc proc /mnt/root/proc",
    "this machine mounts no /proc of its own for a process namespace",
  ],
  [
    "mount -t cgroup2 none /mnt/cg && mkdir -p /mnt/cg/switchback-try && rmdir /mnt/cg/switchback-try",
    "this machine gives no writable cgroup v2 tree",
  ],
  [
    "unshare --net sh -c 'ip link add sbtry0 type veth peer name sbtry1 && ip link add sbtry2 type bridge'",
    "this machine has no veth or no bridge",
  ],
];

const isOnPath = (name: string) => spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
const isThere = ([part]: [string, string]) => (part.startsWith("/") ? fs.existsSync(part) : isOnPath(part));

/** Why no throw-away host can be booted here; undefined: it can. */
export function whyNoHosts(): string | undefined {
  if (process.platform !== "linux") return "throw-away hosts need Linux";
  if (process.getuid?.() !== 0) return "only root may make throw-away hosts";
  const missing = PARTS.filter((part) => !isThere(part)).map(([, brought]) => brought);
  if (missing.length > 0) return `throw-away hosts need packages: apt-get install ${missing.join(" ")}`;
  const lines = TRIALS.map(([line], index) => `(${line}) || exit ${index + 1}`).join("\n");
  const { status } = spawnSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", lines]);
  return status === 0 ? undefined : (TRIALS[(status ?? 1) - 1]?.[1] ?? "this machine makes no mount namespace");
}
