/** Exit code of BEGIN while somebody else's rsync writes there. */
export const BUSY = 75;

// Each is read by the host's `sh`, with `tree`, `place` and `record` set to absolute paths.

/**
 * Makes the place of an upload, takes back what said that it is complete, and prints what rsync says of itself. What is left of a line
 * that broke (`again`) is ended: it would put its part of a file in place of the whole one later.
 */
export const BEGIN = `mkdir -p -- "$place" && rm -f -- "$record" "$place/.building" || exit 1
real=$(cd -- "$place" && pwd -P) || exit 1
writers() {
  ls -ld /proc/[0-9]*/cwd 2>/dev/null | while read -r line; do
    case $line in *" -> $real" | *" -> $real/"*) ;; *) continue ;; esac
    pid=\${line%%/cwd -> *} pid=\${pid##*/proc/}
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != rsync ] || echo "$pid"
  done
}
if [ -z "$again" ]; then [ -z "$(writers)" ] || exit ${BUSY}
else for pid in $(writers); do kill "$pid" 2>/dev/null; done
  for try in 1 2 3; do [ -n "$(writers)" ] || break; sleep 1; done
  for pid in $(writers); do kill -KILL "$pid" 2>/dev/null; done
fi
rsync --version 2>/dev/null | sed -n 1p
`;

/** Writes the record from standard input: whole, or not at all. */
export const FINISH = `(umask 077 && cat >"$record.new") && mv -f -- "$record.new" "$record"
`;

/** Removes what has arrived, and prints how many KiB are free then. */
export const GIVE_BACK = `rm -rf -- "$place" "$record" "$record.new"
df -Pk "$tree" | awk 'NR == 2 { print $4 }'
`;
