#!/bin/bash
# machine.bash PLACE NAME NUMBER CHECKOUT: the host's disk, made once, and its power supply: boots it again after a
# reboot and after a cut. Runs in a mount and a network namespace of its own; all of it ends with them.
set -euo pipefail
place=$1 name=$2 number=$3 checkout=$4
here=$(dirname -- "$(readlink -f -- "$0")")
mem=$place/mem root=$place/root cgroup=$place/cgroup/switchback-hosts/$name
mkdir -p "$mem" "$root" "$place/cgroup"

# 1. A layer in memory over the machine's own root. /home and /srv are no overlay: renames between its layers fail.
mount -t tmpfs -o mode=755 "$name" "$mem"
up=$mem/up
mkdir -p "$up" "$mem"/{work,home,srv}
# What is the machine's own business is not seen: its units, sites, jobs, rights, logs and data.
hide() {
  if [ ! -d "/$1" ] || [ -L "/$1" ]; then return; fi
  mkdir -p "$up/$1"
  setfattr -n trusted.overlay.opaque -v y "$up/$1"
}
for dir in etc/systemd/system etc/systemd/user etc/nginx/sites-enabled etc/nginx/conf.d etc/sudoers.d etc/cron.d \
  etc/rc{0..6}.d etc/rcS.d etc/caddy etc/ssh/sshd_config.d var/spool/cron tmp root var/tmp var/log; do
  hide "$dir"
done
for dir in /*; do
  case ${dir#/} in
  bin | boot | dev | etc | home | lib* | media | mnt | opt | proc | root | run | sbin | srv | sys | tmp | usr | var) ;;
  *) hide "${dir#/}" ;;
  esac
done
chmod 755 "$mem" "$up"
mkdir -p "$up"/{etc,root,tmp,var/tmp,var/log/nginx,var/spool/cron/crontabs}
chmod 1777 "$up"/{tmp,var/tmp}
chmod 700 "$up/root"
chmod 1730 "$up/var/spool/cron/crontabs"
chgrp crontab "$up/var/spool/cron/crontabs" 2>/dev/null || true
mount -t overlay -o "lowerdir=/,upperdir=$up,workdir=$mem/work" "$name" "$root"

# 2. Who it is, and what it starts.
cp -r "$here/disk/." "$root/"
etc=$root/etc units=$root/etc/systemd/system
: >"$etc/machine-id"
: >"$etc/fstab"
rm -f "$root/var/lib/dbus/machine-id"
echo "$name" >"$etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$etc/hosts"
mkdir -p "$units/multi-user.target.wants" "$etc/nginx/sites-enabled"
printf 'server { listen 80 default_server; return 200 "%s\\n"; }\n' "$name" >"$etc/nginx/sites-enabled/default"
# A request that waits takes two connections: Debian's 768 are full after two seconds of the tests' load, and nginx then
# closes what comes. A busy machine takes longer than that.
sed -i 's/worker_connections .*;/worker_connections 8192;/; 1i worker_rlimit_nofile 16384;' "$etc/nginx/nginx.conf"
ln -s /lib/systemd/system/multi-user.target "$units/default.target"
for unit in ssh nginx cron; do
  [ ! -e "$root/lib/systemd/system/$unit.service" ] ||
    ln -s "/lib/systemd/system/$unit.service" "$units/multi-user.target.wants/"
done
# What would set up devices and a kernel that are the machine's.
for unit in getty.target console-getty.service systemd-hwdb-update.service systemd-journal-catalog-update.service \
  systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service \
  systemd-timesyncd.service systemd-firstboot.service systemd-modules-load.service systemd-sysctl.service \
  systemd-pstore.service systemd-resolved.service systemd-networkd-wait-online.service tmp.mount dev-hugepages.mount \
  proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount; do
  ln -s /dev/null "$units/$unit"
done

# 3. The account that deploys: no rights of its own, its services live without a login.
sed -i '/^deploy:/d' "$etc"/{passwd,shadow,group}
echo 'deploy:x:1500:1500::/home/deploy:/bin/bash' >>"$etc/passwd"
echo 'deploy:x:1500:' >>"$etc/group"
echo 'deploy:*:19000:0:99999:7:::' >>"$etc/shadow"
# Ids for what runs in its containers. Their cgroups count no processes: this machine's own hierarchy may hold that controller.
for ids in subuid subgid; do
  if [ -e "$etc/$ids" ]; then sed -i '/^deploy:/d' "$etc/$ids"; fi
  echo 'deploy:300000:65536' >>"$etc/$ids"
done
mkdir -p "$etc/containers/containers.conf.d"
printf '[containers]\npids_limit = 0\n' >"$etc/containers/containers.conf.d/host.conf"
mkdir -p "$root/var/lib/systemd/linger" "$root/root/.ssh" "$mem/home/deploy/.ssh"
touch "$root/var/lib/systemd/linger/deploy"
ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$place/key"
rm -f "$etc"/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$etc/ssh/ssh_host_ed25519_key"
echo "198.18.88.$number $(cut -d' ' -f1-2 "$etc/ssh/ssh_host_ed25519_key.pub")" >"$place/known_hosts"
for home in "$root/root" "$mem/home/deploy"; do
  cp "$place/key.pub" "$home/.ssh/authorized_keys"
  chmod 700 "$home/.ssh"
done
chown -R 1500:1500 "$mem/home/deploy" "$mem/srv"

# 4. The checkout, to be run and not to be changed: at its own path, and where every account can reach it.
for path in "$checkout" /opt/switchback; do
  mkdir -p "$root$path"
  mount --bind -o ro "$checkout" "$root$path"
done

# 5. Its network, once the keeper has put the cable in, and a part of the cgroup tree.
until [ -e "$place/wired" ]; do sleep 0.005; done
ip addr add "198.18.88.$number/24" dev host0
ip link set lo up
ip link set host0 up
ip route add default via 198.18.88.1
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$place/cgroup"

# 6. Power. The last shell joins the cgroup as PID 1, for a cgroup that has processes may not hand out controllers.
while :; do
  # A cgroup is in use until the last of its processes is reaped.
  until [ ! -d "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.005; done
  mkdir -p "$cgroup"
  # shellcheck disable=SC2016 # expanded by the shell inside
  setpriv --pdeathsig KILL unshare --uts --ipc --pid --fork --kill-child=KILL \
    bash -c 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"' - "$cgroup" \
    unshare --mount --cgroup --propagation private bash "$here/init.bash" "$name" "$root" "$mem" &
  booting=$!
  leader=''
  until [ -n "$leader" ]; do
    kill -0 "$booting"
    read -r leader _ <"/proc/$booting/task/$booting/children" || sleep 0.005
  done
  echo "$leader" >"$place/leader.new"
  mv "$place/leader.new" "$place/leader"
  status=0
  wait "$booting" || status=$?
  # The kernel ends PID 1 with HUP for a reboot. A cut is told beforehand: how unshare passes on a KILL differs.
  if [ "$status" = 129 ]; then continue; fi
  if [ ! -e "$place/cut" ]; then exit "$status"; fi
  rm "$place/cut"
done
