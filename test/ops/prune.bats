#!/usr/bin/env bats
# Old releases go, all at one go; what is in use, pinned or young stays.
load helper

setup() {
  make_app
  manifest --bare </dev/null
}

# releases ID…: deploys each.
releases() {
  for id in "$@"; do deploy "$id" >/dev/null; done
}

# assert_stays ID WHY: a prune to one good release leaves it, and says why.
assert_stays() {
  run op release/prune --keep 1
  assert_success
  assert_line --regexp "^stays  $1  $2"
  assert [ -d "$tree/releases/$1" ]
  assert_regex "$(status_of "$1")" '^replaced$'
}

@test "many go at one go: four steps in the journal, their rows and manifests with them" {
  releases r1 r2 r3 r4 r5
  mkdir -p "$tree/releases/r1/cache/deep"
  touch "$tree/releases/r1/cache/deep/file"
  chmod 555 "$tree/releases/r1/cache/deep" "$tree/releases/r1/cache"
  run op release/prune --keep 2
  assert_success
  assert_equal "$(ls -A "$tree/releases" | xargs)" "r4 r5"
  assert_equal "$(ls "$tree/manifests" | xargs)" "r4.yaml r5.yaml"
  assert_equal "$(sql "SELECT count(*) FROM releases WHERE status = 'pruned'")" 3
  assert_equal "$(sql "SELECT count(*) FROM steps JOIN operations o ON o.id = operation_id WHERE o.kind = 'prune'")" 4
}

@test "a release stays while a process has its working directory in it" {
  releases r1 r2 r3
  (cd "$tree/releases/r1" && exec sleep 100) 3>&- &
  user=$!
  assert_stays r1 "it is in use by pid $user"
  kill "$user"
  wait "$user" || true
  op release/prune --keep 1 >/dev/null
  assert [ ! -e "$tree/releases/r1" ]
}

@test "a release stays while a process runs its executable" {
  releases r1 r2 r3
  cp "$(command -v sleep)" "$tree/releases/r1/sleeper"
  "$tree/releases/r1/sleeper" 100 3>&- &
  user=$!
  sleep 0.1
  assert_stays r1 "it is in use by pid $user"
  kill "$user"
}

@test "a release stays while a process has a file of it open" {
  releases r1 r2 r3
  sleep 100 3>&- 4<"$tree/releases/r1/mode" &
  user=$!
  assert_stays r1 "it is in use by pid $user"
  kill "$user"
}

@test "a release stays while a process has a file of it mapped, and not open" {
  command -v python3 >/dev/null || skip "needs python3"
  releases r1 r2 r3
  head -c 8192 /dev/zero >"$tree/releases/r1/mapped"
  python3 -c '
import mmap, os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
held = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
os.close(fd)
libc_fds = [f for f in os.listdir("/proc/self/fd") if "mapped" in os.path.realpath("/proc/self/fd/" + f)]
for f in libc_fds: os.close(int(f))
open(sys.argv[2], "w").close()
time.sleep(100)' "$tree/releases/r1/mapped" "$BATS_TEST_TMPDIR/ready" 3>&- &
  user=$!
  until [ -e "$BATS_TEST_TMPDIR/ready" ]; do sleep 0.05; done
  run bash -c "ls -l /proc/$user/fd | grep mapped"
  refute_output
  assert_stays r1 "it is in use by pid $user"
  kill "$user"
}

@test "a process that starts while a deploy is at work keeps its release, with its row and its manifest" {
  releases r1 r2
  # It begins in r1 after the deploy has decided that r1 goes.
  manifest --bare <<YAML
keep_releases: 2
hooks:
  after_switch: "cd '$tree/releases/r1' && { setsid sleep 100 >/dev/null 2>&1 3>&- & echo \$! >'$BATS_TEST_TMPDIR/pid'; }"
YAML
  run deploy r3
  user=$(cat "$BATS_TEST_TMPDIR/pid")
  assert_success
  assert_output --partial "r1 stays: it is in use by now, by pid $user"
  assert [ -d "$tree/releases/r1" ]
  assert [ -e "$tree/manifests/r1.yaml" ]
  assert_equal "$(status_of r1)" replaced
  kill "$user"
  op release/prune >/dev/null
  assert [ ! -e "$tree/releases/r1" ]
  assert_equal "$(status_of r1)" pruned
}

@test "the paste of --dry-run leaves alone what a process uses by then" {
  releases r1 r2 r3 r4
  op release/prune --keep 1 --dry-run >"$BATS_TEST_TMPDIR/paste"
  (cd "$tree/releases/r2" && exec sleep 100) 3>&- &
  user=$!
  run sh "$BATS_TEST_TMPDIR/paste"
  kill "$user"
  assert_success
  assert_equal "$(ls -A "$tree/releases" | xargs)" "r2 r3 r4"
  assert_equal "$(status_of r1) $(status_of r2)" "pruned replaced"
  assert_equal "$(ls "$tree/manifests" | xargs)" "r2.yaml r3.yaml r4.yaml"
}

@test "keep_days keeps young ones beyond the count, a pin keeps any, and --dry-run says so" {
  releases r1 r2 r3 r4 r5
  manifest --bare <<YAML
keep_releases: 2
prune: { keep_days: 7 }
YAML
  past=$(date -u -d '9 days ago' +%Y-%m-%dT%H:%M:%SZ)
  "$ops/_bun" -e 'new (require("node:sqlite").DatabaseSync)(process.argv[1]).prepare("UPDATE releases SET updated_at = ? WHERE release_id IN (?, ?)").run(process.argv[2], "r1", "r2")' "$tree/registry.db" "$past"
  op release/pin r2 >/dev/null
  run op release/prune --dry-run
  assert_success
  assert_line --regexp '# stays  r3  it last served .* ago, within the 7 days to keep'
  assert_line --regexp '# stays  r2  it is pinned'
  assert_line --regexp '# goes   r1  older than the good ones to keep: it last served 9 d ago'
  op release/prune >/dev/null
  assert_equal "$(ls -A "$tree/releases" | xargs)" "r2 r3 r4 r5"
  op release/unpin r2 >/dev/null
  op release/prune --keep-days 0 >/dev/null
  assert_equal "$(ls -A "$tree/releases" | xargs)" "r4 r5"
}

@test "a clock that jumped ahead makes no release old at once" {
  command -v faketime >/dev/null || skip "needs faketime"
  releases r1 r2 r3 r4
  manifest --bare <<YAML
keep_releases: 2
prune: { keep_days: 7 }
YAML
  run faketime '+400 days' "$ops/release/prune.ts" --manifest "$app/deploy.yaml"
  assert_success
  assert_equal "$(ls -A "$tree/releases" | xargs)" "r1 r2 r3 r4"
}

@test "what is no number of days is refused" {
  run op release/prune --keep-days some
  assert_failure 2
  assert_output --partial '--keep-days wants a whole number'
}

@test "a prune that is killed in the middle is finished by the next command" {
  command -v strace >/dev/null || skip "needs strace"
  releases r1 r2 r3 r4 r5
  # Without a cache of manifests, which is written by a rename of its own when it is cold.
  run env XDG_CACHE_HOME=/dev/null strace -f -b execve -qq -o /dev/null -e trace=rename -e inject=rename:signal=KILL:when=2 "$suite"/node_modules/@oven/bun-linux-*/bin/bun \
    --no-install --no-env-file --config=/dev/null "$ops/release/prune.ts" --manifest "$app/deploy.yaml" --keep 2
  assert_failure
  assert [ -e "$tree/releases/.removing-r3" ]
  run op release/recover
  assert_success
  assert [ -z "$(find "$tree/releases" -name '.removing-*')" ]
  op release/prune --keep 2 >/dev/null
  assert_equal "$(ls -A "$tree/releases" | xargs)" "r4 r5"
  assert_equal "$(sql "SELECT count(*) FROM releases WHERE status = 'pruned'")" 3
}
