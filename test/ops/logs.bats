load helper.bash

setup() {
  make_app
}

# A service that counts: a line every millisecond or so, with a hostile name for its log.
counting() {
  mkdir -p "$app/bin"
  cat >"$app/bin/count" <<'SH'
#!/bin/sh
i=0
while :; do
  i=$((i + 1))
  echo "line $i"
  sleep 0.001
done
SH
  chmod 755 "$app/bin/count"
  git -C "$app" add bin
  commit ok
  manifest --bare <<'YAML'
services: { count: { run: bin/count, stdout: "log/it's a %d.log", stderr: log/err.log } }
linked_dirs: [log]
logs: { max_size: 1k, keep: 2 }
YAML
  mkdir -p "$app/log"
  op release/prepare_shared --move
  deploy r1
  log="$tree/shared/log/it's a %d.log"
}

until_size() {
  for _ in {1..1000}; do
    [ "$(stat -c %s "$log")" -lt "$1" ] || return 0
    sleep 0.01
  done
  fail "$log does not grow"
}

@test "a log that a service has open is copied and emptied, and the service goes on in it" {
  counting
  until_size 3000
  run op logs/rotate
  assert_success
  assert_output --partial 'was rotated.'
  until_size 1000
  op service/stop
  # No hole, and next to nothing is missing between the two.
  run tr -d '\0' <"$log"
  assert_equal "${#output}" "$(($(stat -c %s "$log") - 1))"
  gunzip -c "$log.1.gz" >"$BATS_TEST_TMPDIR/before"
  assert_equal "$(head -n 1 "$BATS_TEST_TMPDIR/before")" "line 1"
  local last first
  last=$(grep -oE '[0-9]+$' "$BATS_TEST_TMPDIR/before" | tail -n 1)
  first=$(grep -oE '^line [0-9]+$' "$log" | head -n 1)
  assert [ $((${first#line } - last)) -ge 0 ]
  assert [ $((${first#line } - last)) -le 30 ]
}

@test "as many are kept as the manifest says, with the log's own mode, and what is small stays" {
  counting
  op service/stop
  local round
  for round in 1 2 3; do
    printf '%2000s\n' "$round" >"$log"
    chmod 640 "$log"
    op logs/rotate
  done
  run ls "$tree/shared/log"
  assert_line "it's a %d.log.1.gz"
  assert_line "it's a %d.log.2.gz"
  refute_output --partial ".3"
  assert_equal "$(gunzip -c "$log.1.gz" | tr -d ' ')" 3
  assert_equal "$(gunzip -c "$log.2.gz" | tr -d ' ')" 2
  assert_equal "$(stat -c %a "$log.1.gz" "$log" | xargs)" "640 640"
  run op logs/rotate
  assert_success
  assert_output --partial 'No log has reached 1k.'
}

@test "what --dry-run prints does the same" {
  counting
  op service/stop
  printf '%2000s\n' old >"$log"
  op logs/rotate
  printf '%2000s\n' new >"$log"
  run op logs/rotate --dry-run
  assert_success
  (cd / && dash <<<"$output")
  assert_equal "$(gunzip -c "$log.1.gz" | tr -d ' ')" new
  assert_equal "$(gunzip -c "$log.2.gz" | tr -d ' ')" old
  assert_equal "$(stat -c %s "$log")" 0
}

@test "without room for the copy nothing is emptied, and no part of a copy stays" {
  [ "$(id -u)" = 0 ] || skip "only root can mount a small file system"
  counting
  op service/stop
  mkdir "$BATS_TEST_TMPDIR/small"
  mount -t tmpfs -o size=1m none "$BATS_TEST_TMPDIR/small" || skip "there is no mounting here"
  sed -i "s|stdout: \"[^\"]*\"|stdout: $BATS_TEST_TMPDIR/small/a.log|" "$app/deploy.yaml"
  head -c 700000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/small/a.log"
  run op logs/rotate
  local sizes
  sizes=$(cd "$BATS_TEST_TMPDIR/small" && stat -c '%n %s' -- *)
  # Looked at in time; and, with the look forged, the copy itself that fails.
  "$ops/logs/rotate.ts" --manifest "$app/deploy.yaml" --dry-run >"$BATS_TEST_TMPDIR/refused" 2>&1 || true
  head -c 100000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/small/a.log"
  op logs/rotate --dry-run >"$BATS_TEST_TMPDIR/paste"
  head -c 700000 /dev/zero | tr '\0' y >"$BATS_TEST_TMPDIR/small/a.log"
  local pasted=0
  (cd / && dash "$BATS_TEST_TMPDIR/paste") || pasted=$?
  local after
  after=$(cd "$BATS_TEST_TMPDIR/small" && stat -c '%n %s' -- *)
  umount "$BATS_TEST_TMPDIR/small"
  assert_failure 1
  assert_output --partial "a copy needs 700 kB"
  assert_equal "$sizes" "a.log 700000"
  assert_not_equal "$pasted" 0
  assert_equal "$after" "a.log 700000"
}

@test "logs that is not set is told; so is logrotate's file where a job rotates" {
  run op logs/rotate
  assert_failure 2
  assert_output --partial 'logs is not set in the manifest'
  run op logs/install_logrotate
  assert_failure 2
  assert_output --partial 'logs is not set in the manifest'
  echo 'logs: {}' >>"$app/deploy.yaml"
  run op logs/install_logrotate
  assert_failure 2
  assert_output --partial 'under supervisor: pidfile a job rotates the logs'
}

@test "logrotate's file comes, is one that logrotate takes, and goes" {
  [ "$(id -u)" = 0 ] || skip "only root can put /etc/logrotate.d aside"
  command -v logrotate >/dev/null || skip "there is no logrotate"
  unshare -m true || skip "there are no mount namespaces here"
  manifest --bare <<'YAML'
services: { web: { run: sleep 1000 } }
supervisor: systemd
logs: { max_size: 1k, keep: 3 }
YAML
  mkdir -p "$tree/logs" "$BATS_TEST_TMPDIR/logrotate.d"
  chmod 755 "$tree/logs"
  # shellcheck disable=SC2016
  aside() {
    unshare -m --propagation private sh -eu -c 'mount --bind "$0" /etc/logrotate.d; exec "$@"' "$BATS_TEST_TMPDIR/logrotate.d" "$@"
  }
  local install="$ops/logs/install_logrotate.ts" file=$BATS_TEST_TMPDIR/logrotate.d/bats
  run aside "$install" --manifest "$app/deploy.yaml" --dry-run
  assert_success
  refute [ -e "$file" ]
  echo "$output" >"$BATS_TEST_TMPDIR/paste"
  run aside "$install" --manifest "$app/deploy.yaml"
  assert_success
  assert_line --partial "+\"$tree/logs/web.log\""
  assert_equal "$(stat -c %a "$file")" 644
  run aside "$install" --manifest "$app/deploy.yaml"
  assert_output --partial 'is as the manifest says already.'

  printf '%2000s\n' one >"$tree/logs/web.log"
  logrotate --state "$BATS_TEST_TMPDIR/state" "$file"
  assert_equal "$(gunzip -c "$tree/logs/web.log.1.gz" | tr -d ' ')" one
  assert_equal "$(stat -c %s "$tree/logs/web.log")" 0

  mv "$file" "$BATS_TEST_TMPDIR/first"
  aside dash "$BATS_TEST_TMPDIR/paste"
  cmp "$file" "$BATS_TEST_TMPDIR/first"

  sed -i '/^logs:/d' "$app/deploy.yaml"
  run aside "$install" --manifest "$app/deploy.yaml"
  assert_success
  refute [ -e "$file" ]
}

@test "logs that root's manager made become the owner's, as whom logrotate works" {
  [ "$(id -u)" = 0 ] || skip "only root can give files away"
  command -v logrotate >/dev/null || skip "there is no logrotate"
  unshare -m true || skip "there are no mount namespaces here"
  # What bats makes is root's alone.
  place=$(mktemp -d "${TMPDIR:-/tmp}/switchback-logs-XXXXXX")
  chmod 755 "$place"
  make_app "$place"
  manifest --bare <<'YAML'
services: { web: { run: sleep 1000 } }
supervisor: systemd
logs: { max_size: 1k, keep: 3 }
YAML
  mkdir -p "$tree/logs" "$place/logrotate.d"
  chown -R nobody "$tree"
  printf '%2000s\n' one >"$tree/logs/web.log"
  chmod 600 "$tree/logs/web.log"
  # shellcheck disable=SC2016
  unshare -m --propagation private sh -eu -c 'mount --bind "$0" /etc/logrotate.d; exec "$@"' "$place/logrotate.d" \
    "$ops/logs/install_logrotate.ts" --manifest "$app/deploy.yaml"
  assert_equal "$(stat -c %U "$tree/logs/web.log")" nobody
  logrotate --state "$place/state" "$place/logrotate.d/bats"
  assert_equal "$(stat -c %s "$tree/logs/web.log")" 0
  assert_equal "$(stat -c %U "$tree/logs/web.log.1.gz")" nobody
  assert_equal "$(find "$tree" ! -user nobody ! -path '*/.reserve*')" ""
}

teardown() {
  stop_all
  rm -rf -- "${place-}"
}
