#!/bin/bash
# clear.bash PLACE NAME NUMBER: removes what the namespaces of a host do not take with them when its processes are gone:
# its cable, the bridge behind the last one, its part of the cgroup tree, its folder.
set -uo pipefail
place=$1 name=$2 number=$3
ip link del "sbhost$number" 2>/dev/null
(
  flock 7
  if [ -d /sys/class/net/sbhosts/brif ] && [ -z "$(ls /sys/class/net/sbhosts/brif)" ]; then ip link del sbhosts; fi
) 7<"$place/.."
mkdir -p "$place/cgroup"
# shellcheck disable=SC2016 # expanded by the shell inside
unshare --mount --propagation private bash -c '
  mount -t cgroup2 cgroup2 "$1/cgroup" || exit 0
  cd "$1/cgroup/switchback-hosts" 2>/dev/null || exit 0
  for try in {1..250}; do
    [ -d "$2" ] || break
    # Its processes are being killed by now, but a cgroup is in use until the last one is reaped.
    [ "$try" != 50 ] || cat $(find "$2" -name cgroup.procs) | xargs -r kill -KILL
    find "$2" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.02
  done
  cd .. && rmdir switchback-hosts 2>/dev/null
  exit 0
' - "$place" "$name"
rm -rf --one-file-system "$place"
