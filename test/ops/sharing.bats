# Releases share what did not change; what one of them does to its files is nothing to the others. Whole builds, on real file systems.
load helper

setup() {
  make_app
  # A loop mount or another file system takes their place where a test wants one.
  manifest --bare </dev/null
}

teardown() {
  stop_all
  if [ -n "${mounted-}" ]; then umount "$mounted"; fi
}

build() {
  op release/build_release --id "$@"
}

inode() {
  stat -c %i "$tree/releases/$1/$2"
}

assert_shared() {
  assert_equal "$(inode "$1" "$3")" "$(inode "$2" "$3")"
}

refute_shared() {
  assert_not_equal "$(inode "$1" "$3")" "$(inode "$2" "$3")"
}

assert_intact() {
  local id
  for id in "$@"; do
    run op release/verify "$id"
    assert_success
    assert_output --partial "$id is as it was sealed"
  done
}

needs_links() {
  case $(findmnt -n -o FSTYPE -T "$BATS_TEST_TMPDIR") in
  btrfs | xfs | zfs | bcachefs) skip "this file system shares by reflink" ;;
  esac
}

# on_xfs: moves the application onto a loop mount of xfs, which has reflinks.
on_xfs() {
  [ "$(id -u)" = 0 ] || skip "only root can mount"
  command -v mkfs.xfs >/dev/null || skip "xfsprogs is not installed"
  truncate -s 320M "$BATS_TEST_TMPDIR/image"
  mkfs.xfs -q -f "$BATS_TEST_TMPDIR/image"
  mkdir "$BATS_TEST_TMPDIR/xfs"
  mount -o loop "$BATS_TEST_TMPDIR/image" "$BATS_TEST_TMPDIR/xfs" 2>/dev/null || skip "no loop device can be mounted"
  mounted=$BATS_TEST_TMPDIR/xfs
  make_app "$mounted"
  manifest --bare </dev/null
}

@test "a rebuild shares what did not change, also once the older release is pruned" {
  needs_links
  build one
  commit other
  run build two
  assert_success
  assert_output --partial "sharing what one has"
  assert_shared one two server.ts
  refute_shared one two marker
  assert_equal "$(stat -c %A "$tree/releases/two/server.ts" "$tree/releases/two")" $'-r--r--r--\ndrwxr-xr-x'
  assert_intact one two
  run op release/release-registry upsert --release-id one --commit-sha "" --status deploy_failed
  run op release/prune
  assert [ ! -e "$tree/releases/one" ]
  assert_intact two
  cmp "$tree/releases/two/server.ts" "$app/server.ts"
  commit ok
  build three
  assert_shared two three server.ts
}

@test "with --no-cache nothing is shared" {
  build one
  run build two --no-cache
  assert_success
  refute_output --partial sharing
  refute_shared one two server.ts
  assert_equal "$(sql "SELECT own_bytes = bytes FROM releases")" $'1\n1'
}

@test "a build step that writes into a tracked file in place, as root too, changes no other release" {
  needs_links
  build one
  manifest --bare <<'YAML'
build:
  stamp: { run: 'chmod u+w server.ts mode; dd if=/dev/zero of=server.ts bs=1 count=4 conv=notrunc status=none; touch made' }
hooks: { after_build: 'echo hooked >>mode' }
YAML
  build two
  assert_intact one two
  cmp "$tree/releases/one/server.ts" "$app/server.ts"
  assert_equal "$(head -c 4 "$tree/releases/two/server.ts" | tr '\0' 0)" 0000
  assert_equal "$(cat "$tree/releases/two/mode")" $'ok\nhooked'
  # What nothing wrote into is shared all the same, and what the step made is not inherited.
  assert_shared one two marker
  manifest --bare </dev/null
  build three
  cmp "$tree/releases/three/server.ts" "$app/server.ts"
  assert [ ! -e "$tree/releases/three/made" ]
  assert_intact one two three
}

@test "a file that was changed by hand is not inherited" {
  build one
  echo "// by hand" >>"$tree/releases/one/server.ts"
  build two
  cmp "$tree/releases/two/server.ts" "$app/server.ts"
  run op release/verify one
  assert_failure 1
  assert_line --partial "changed  server.ts"
  assert_intact two
}

@test "from a git hook, whose environment names another repository, the manifest's is built" {
  git init -q "$BATS_TEST_TMPDIR/other"
  GIT_DIR=$BATS_TEST_TMPDIR/other/.git GIT_INDEX_FILE=nowhere GIT_PREFIX=x/ build one
  cmp "$tree/releases/one/server.ts" "$app/server.ts"
}

@test "a name that is no UTF-8 is told" {
  printf x >"$app/$(printf 'we\377ird')"
  git -C "$app" add -A
  git -C "$app" commit -q -m weird
  run build one
  assert_failure 1
  assert_output --partial 'its name is no UTF-8'
  assert [ ! -e "$tree/releases/one" ]
}

@test "where the file system has reflinks, releases share by them, and each may be written to" {
  on_xfs
  head -c 40000000 /dev/urandom >"$app/large"
  git -C "$app" add large
  commit ok
  build one
  sync -f "$tree"
  local before after
  before=$(df --output=used -k "$mounted" | tail -n 1)
  build two
  sync -f "$tree"
  after=$(df --output=used -k "$mounted" | tail -n 1)
  assert [ $((after - before)) -lt 8000 ]
  refute_shared one two large
  assert_equal "$(stat -c '%A %Y' "$tree/releases/two/large")" "-rw-r--r-- $(stat -c %Y "$tree/releases/one/large")"
  assert_equal "$(sql "SELECT own_bytes FROM releases WHERE release_id = 'two'")" 15
  echo written >>"$tree/releases/two/large"
  assert_intact one
  run op release/verify two
  assert_failure 1
  # The same with a build step: each release has its own from the first.
  manifest --bare <<<"build: { stamp: { run: 'echo stamped >>server.ts' } }"
  build three
  cmp "$tree/releases/one/server.ts" "$app/server.ts"
  cmp "$tree/releases/three/large" "$app/large"
  assert_equal "$(tail -n 1 "$tree/releases/three/server.ts")" stamped
  assert_intact one three
  assert [ "$(sql "SELECT own_bytes FROM releases WHERE release_id = 'three'")" -lt 40000 ]
}

@test "killed while it shares: what is left is no release, the older one is whole, and the same command succeeds" {
  needs_links
  command -v strace >/dev/null || skip "strace is not installed"
  build one
  local when
  for when in 1 2; do
    commit ok
    run strace -f -qq -o /dev/null -e trace=link,linkat -e "inject=link,linkat:signal=KILL:when=$when" "$ops/release/build_release.ts" \
      --manifest "$app/deploy.yaml" --id two
    assert_failure
    assert [ ! -e "$tree/releases/two/RELEASE.json" ]
    assert_intact one
    run build two
    assert_success
    assert_shared one two server.ts
    assert_intact one two
    rm -rf "$tree/releases/two"
  done
}
