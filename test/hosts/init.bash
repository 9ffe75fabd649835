#!/bin/bash
# init.bash NAME ROOT MEM: PID 1 of the new namespaces. Builds /proc, /sys, /dev and /run on the disk and becomes systemd.
set -euo pipefail
name=$1 root=$2 mem=$3
hostname "$name"
mount --rbind "$root" "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
# The kernel's settings are the machine's: only those of the network are the host's own.
mount --bind "$root/proc/sys/net" "$root/mnt"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount --move "$root/mnt" "$root/proc/sys/net"
mount -t sysfs -o nosuid,nodev,noexec,ro sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
# podman 4.3 looks for an own control group in each hierarchy of the machine, and the root of this one stands for those it has not.
chown 1500 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid dev "$root/dev"
mkdir "$root"/dev/{pts,shm,net,mqueue}
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 fuse:10:229 net/tun:10:200; do
  IFS=: read -r node major minor <<<"$device"
  mknod -m 666 "$root/dev/$node" c "$major" "$minor"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${stream%:*}" "$root/dev/${stream#*:}"; done
mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"
mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$root/tmp"
# Without one /proc that nothing covers, the kernel lets no user mount the one of a container.
mkdir -p "$root/run/host/proc"
mount -t proc -o nosuid,nodev,noexec proc "$root/run/host/proc"
mount --bind "$mem/srv" "$root/srv"
mount --bind "$mem/home" "$root/home"
cd "$root"
mkdir -p mnt/.old
pivot_root . mnt/.old
mount --make-rshared /
exec env -i container=switchback PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  /bin/sh -c 'cd /; umount -l /mnt/.old && rmdir /mnt/.old; exec /lib/systemd/systemd --system'
