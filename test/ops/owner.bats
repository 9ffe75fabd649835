# Operations run as the tree's owner: root steps down to it, anybody else is told what to type.
load helper

setup() {
  [ "$(id -u)" = 0 ] || skip "only root can make a tree of another user"
  as_nobody test -r "$suite/package.json" || skip "the suite lies where no other user may read it"
  # What bats makes is root's alone.
  place=$(mktemp -d "${TMPDIR:-/tmp}/switchback-owner-XXXXXX")
  make_app "$place"
  install -d -o nobody "$tree"
  chmod 755 "$place"
  chown -R nobody "$place"
}

teardown() {
  [ -n "${place-}" ] || return 0
  stop_all "$place"
  rm -rf "$place"
}

as_nobody() {
  setpriv --reuid nobody --clear-groups -- "$@"
}

@test "root becomes the owner: everything in the tree, and the service, is the owner's" {
  run deploy one
  assert_success
  assert_serves one
  assert_equal "$(find "$tree" ! -user nobody)" ""
  assert_equal "$(stat -c %U "/proc/$(head -n 1 "$tree/run/web.pid")")" nobody
  # The owner goes on where root began.
  run as_nobody "$ops/release/list.ts" --manifest "$app/deploy.yaml" --json
  assert_success
}

@test "another user is refused, and told what to type" {
  as_daemon() { setpriv --reuid daemon --clear-groups -- "$@"; }
  run as_daemon "$ops/release/deploy.ts" --manifest "$app/deploy.yaml"
  assert_failure 2
  assert_output --partial "belongs to nobody, and you are daemon"
  assert_output --partial "sudo -u nobody"
  assert_equal "$(ls -A "$tree")" ""
}
