#!/bin/bash
# keep.bash PLACE NAME NUMBER CHECKOUT tied|kept: keeps one host until it ends, and then clears what is left of it.
# A tied host ends when standard input does, so with the process that started it, however that one dies.
set -euo pipefail
place=$1 name=$2 number=$3 tie=$5
here=$(dirname -- "$(readlink -f -- "$0")")
# Held by this process alone: a host whose lock is free is one that nobody keeps. (Who looks holds it for a moment.)
exec 9>"$place/alive"
flock -w 5 9

machine='' watch=''
end() {
  trap '' TERM INT HUP
  [ -z "$machine" ] || kill -KILL "$machine" 2>/dev/null || true
  [ -z "$watch" ] || kill "$watch" 2>/dev/null || true
  exec 9>&-
  exec "$here/clear.bash" "$place" "$name" "$number"
}
trap end EXIT
trap 'exit 0' TERM INT HUP

setpriv --pdeathsig KILL unshare --mount --net --propagation private \
  bash "$here/machine.bash" "$place" "$name" "$number" "$4" </dev/null >"$place/console" 2>&1 9>&- &
machine=$!
if [ "$tie" = tied ]; then
  { read -r || true; kill -TERM $$; } <&0 9>&- &
  watch=$!
fi

until ! [ "/proc/$machine/ns/net" -ef /proc/self/ns/net ]; do sleep 0.005; done
(
  flock 7
  if [ ! -e /sys/class/net/sbhosts ]; then
    ip link add sbhosts type bridge
    ip addr add 198.18.88.1/24 dev sbhosts
    ip link set sbhosts up
  fi
  # One address, one card: who reached the last host at this number goes on asking its card for up to a minute.
  ip link add "sbhost$number" type veth peer name host0 address "$(printf 02:5b:00:00:00:%02x "$number")" netns "$machine"
  ip link set "sbhost$number" master sbhosts up
) 7<"$place/.." 9>&-
touch "$place/wired"
wait "$machine"
