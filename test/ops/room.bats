#!/usr/bin/env bats
# Room on a small file system of its own: asked for first, made by a prune where that is enough, and given back when it was too little.
load helper

setup() {
  [ "$(id -u)" = 0 ] || skip "needs root: mounts a tmpfs"
  [ "$(uname -s)" = Linux ] || skip "needs Linux: mounts a tmpfs"
  make_app
  manifest --bare <<<'keep_releases: 2'
}

teardown() {
  stop_all
  umount -l "$tree" 2>/dev/null || true
}

# on_tmpfs OPTIONS: the tree lies on it.
on_tmpfs() {
  mkdir -p "$tree"
  mount -t tmpfs -o "$1" tmpfs "$tree"
}

# large MEGABYTES: the next commit has a file of that size, of its own content.
large() {
  head -c "$1M" /dev/urandom >"$app/large"
  git -C "$app" add large
  commit ok
}

# many FILES: the next commit has so many.
many() {
  mkdir -p "$app/many"
  for ((i = 0; i < $1; i++)); do echo "$i $RANDOM" >"$app/many/$i"; done
  git -C "$app" add many
  commit ok
}

# keep_all: what the releases are before a prune is to make room.
keep_all() {
  manifest --bare <<<'keep_releases: 9'
}

# assert_nothing_left RELEASES: exactly these releases, nothing begun, and no row that says otherwise.
assert_nothing_left() {
  assert_equal "$(ls -A "$tree/releases" | xargs)" "$1"
  assert_equal "$(sql "SELECT count(*) FROM releases WHERE status = 'building'")" 0
}

@test "bytes: a prune makes the room, first" {
  on_tmpfs size=24m
  keep_all
  for id in r1 r2 r3; do large 6 && deploy "$id" >/dev/null; done
  manifest --bare <<<'keep_releases: 2'
  large 7
  run deploy r4
  assert_success
  assert_equal "$(current)" releases/r4
  assert_nothing_left "r3 r4"
  assert_equal "$(status_of r1) $(status_of r2) $(status_of r3)" "pruned pruned replaced"
  # r1 made the room before there was an r4; r2 went when r4 served.
  steps=$(sql "SELECT substr(title, 1, 7) FROM steps WHERE title LIKE 'Take r%' OR title LIKE 'Begin %' OR title LIKE 'Point %' ORDER BY rowid DESC LIMIT 4")
  assert_equal "$(xargs <<<"$steps")" "Take r2 Point c Begin / Take r1"
}

@test "a build alone prunes first, too, and what it does not need stays" {
  on_tmpfs size=24m
  keep_all
  for id in r1 r2 r3; do large 6 && deploy "$id" >/dev/null; done
  manifest --bare <<<'keep_releases: 2'
  large 7
  run op release/build_release --id r4
  assert_success
  assert_equal "$(current)" releases/r3
  assert_nothing_left "r2 r3 r4"
}

@test "inodes: a prune makes the room" {
  on_tmpfs size=64m,nr_inodes=700
  keep_all
  for id in r1 r2 r3; do many 150 && deploy "$id" >/dev/null; done
  manifest --bare <<<'keep_releases: 2'
  many 151
  run op release/build_release --id r4 --no-cache
  assert_success
  assert_nothing_left "r2 r3 r4"
}

@test "a prune that would not make the room is not begun" {
  on_tmpfs size=32m
  keep_all
  for id in r1 r2 r3; do large 6 && deploy "$id" >/dev/null; done
  manifest --bare <<<'keep_releases: 2'
  large 18
  before=$(snapshot "$tree/releases")
  run deploy r4
  assert_failure 1
  assert_output --regexp 'no room for a release: about .* are needed, .* are free; a prune would give back 6\.[0-9] MB and'
  assert_output --regexp "release/prune.ts .*--keep 2"
  assert_equal "$(snapshot "$tree/releases")" "$before"
  assert_nothing_left "r1 r2 r3"
  assert_equal "$(status_of r4)" ""
}

@test "files that another release keeps are not counted as room" {
  on_tmpfs size=32m
  keep_all
  large 6
  for id in r1 r2 r3; do deploy "$id" --no-cache >/dev/null && commit ok; done
  # As hard links: of r1 nothing but its small files would go.
  ln -f "$tree/releases/r3/large" "$tree/releases/r1/large"
  head -c 10M /dev/urandom >"$tree/shared/ballast"
  manifest --bare <<<'keep_releases: 2'
  large 10
  run deploy r4 --no-cache
  assert_failure 1
  assert_output --regexp 'a prune would give back [0-9.]+ kB and'
  assert_nothing_left "r1 r2 r3"
}

@test "an estimate that was too low: the disk fills in the middle, nothing is left, what serves serves" {
  on_tmpfs size=24m
  deploy r1 >/dev/null
  manifest --bare <<<'build: { fat: { run: head -c 40M /dev/urandom >fat } }'
  run deploy r2
  assert_failure 1
  assert_nothing_left r1
  assert_equal "$(current)" releases/r1
  assert_equal "$(status_of r2)" build_failed
  # With what it took once it would have been refused; without that step it fits again.
  manifest --bare </dev/null
  run deploy r3
  assert_success
}

@test "no inodes left in the middle: nothing is left" {
  on_tmpfs size=64m,nr_inodes=300
  deploy r1 >/dev/null
  manifest --bare <<<'build: { files: { run: "mkdir out && for i in $(seq 400); do : >out/$i; done" } }'
  run deploy r2
  assert_failure 1
  assert_nothing_left r1
  assert_equal "$(status_of r2)" build_failed
}

@test "on a disk that is full a rollback works" {
  on_tmpfs size=24m
  deploy r1 >/dev/null
  deploy r2 >/dev/null
  head -c 64M /dev/zero >"$tree/shared/ballast" 2>/dev/null || true
  assert_equal "$(stat -f -c %a "$tree")" 0
  run op release/rollback
  assert_success
  assert_equal "$(current)" releases/r1
  assert_equal "$(status_of r1)" rolled_back
}

@test "a dependency set that has to be made counts as large as the last one of its name" {
  on_tmpfs size=32m
  deploy r1 >/dev/null
  echo 1 >"$app/lock" && git -C "$app" add lock && commit ok
  manifest --bare <<<'dependencies: { lib: { path: lib, key: [lock], run: "mkdir lib && head -c 14M /dev/urandom >lib/large" } }'
  run deploy r2
  assert_success
  echo 2 >"$app/lock" && git -C "$app" add lock && commit ok
  head -c 4M /dev/urandom >"$tree/shared/ballast"
  run deploy r3
  assert_failure 1
  assert_output --partial "no room for a release"
  assert_nothing_left "r1 r2"
}
