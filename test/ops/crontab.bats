load helper.bash

# A spool of its own for the real crontab(1) and cron(8), seen by nobody else.
setup() {
  command -v crontab >/dev/null || skip "there is no crontab"
  [ "$(id -u)" = 0 ] || skip "only root can put a crontab's spool aside"
  unshare -m true || skip "there are no mount namespaces here"
  make_app
  spool=$BATS_TEST_TMPDIR/spool
  mkdir "$spool"
  chgrp crontab "$spool"
  chmod 1730 "$spool"
}

# shellcheck disable=SC2016
aside() {
  unshare -m --propagation private sh -eu -c 'mount --bind "$0" /var/spool/cron/crontabs; exec "$@"' "$spool" "$@"
}

install_crontab() {
  aside "$ops/schedule/install_crontab.ts" --manifest "$app/deploy.yaml" "$@"
}

# Two jobs: the pruning, and a service with hostile words.
jobs() {
  manifest --bare <<'YAML'
services:
  note:
    run: sh note.sh '50% \\off\' "it's ${NAME} \$5 \\% 発"
    env: { GREETING: "a 'b' \"c\" %d \\% \\\\ $HOME $(id) ; # ünï" }
    env_file: .env
    schedule: "* * * * *"
prune: { schedule: "0 3 * * *" }
YAML
}

OTHERS=$'# mine\nMAILTO=""\n\n 5 4 * * *  echo "a   b" \\% c # \t\n@daily true\n'

@test "the block comes, changes and goes; all other lines stay as they are" {
  jobs
  op release/prepare_shared
  printf '%s' "$OTHERS" | aside crontab -
  run install_crontab
  assert_success
  assert_line --partial '+# BEGIN switchback bats '
  assert_line --partial 'cron starts nothing late'
  assert_line --partial '2 jobs in the crontab as the manifest says.'
  aside crontab -l >"$BATS_TEST_TMPDIR/first"
  assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/first")" $((5 + 5))
  tail -n 5 "$BATS_TEST_TMPDIR/first" | cmp - <(printf '%s' "$OTHERS")

  run install_crontab
  assert_success
  assert_line --partial 'as the manifest says already.'
  aside crontab -l | cmp - "$BATS_TEST_TMPDIR/first"

  echo '1 1 * * * last' >>"$spool/root"
  manifest --bare <<<'prune: { schedule: "0 4 * * *" }'
  run install_crontab
  assert_success
  assert_line --partial '-0 3 * * * '
  assert_line --partial '+0 4 * * * '
  assert_equal "$(aside crontab -l | grep -c switchback)" 3
  assert_equal "$(aside crontab -l | tail -n 1)" '1 1 * * * last'

  manifest --bare </dev/null
  run install_crontab
  assert_success
  aside crontab -l | cmp - <(printf '%s1 1 * * * last\n' "$OTHERS")
  run install_crontab
  assert_line --partial 'The crontab has no job of this tree already.'
  refute [ -e "$tree/.crontab" ]
}

@test "a crontab of which nothing is left is removed" {
  jobs
  op release/prepare_shared
  install_crontab
  manifest --bare </dev/null
  run install_crontab
  assert_success
  run aside crontab -l
  assert_output --partial 'no crontab for root'
}

@test "a last line without its end, and a line that is no UTF-8" {
  jobs
  op release/prepare_shared
  printf '1 1 * * * x' >"$spool/root"
  install_crontab
  assert_equal "$(aside crontab -l | tail -n 1)" '1 1 * * * x'
  printf '1 1 * * * \xff\n' >"$spool/root"
  run install_crontab
  assert_failure 1
  assert_output --partial 'no UTF-8'
  cmp "$spool/root" <(printf '1 1 * * * \xff\n')
}

@test "what --dry-run prints does the same, and changes nothing by itself" {
  jobs
  op release/prepare_shared
  printf '%s' "$OTHERS" | aside crontab -
  run install_crontab --dry-run
  assert_success
  echo "$output" >"$BATS_TEST_TMPDIR/paste"
  aside crontab -l | cmp - <(printf '%s' "$OTHERS")
  cd /
  aside dash "$BATS_TEST_TMPDIR/paste"
  aside crontab -l >"$BATS_TEST_TMPDIR/pasted"
  printf '%s' "$OTHERS" | aside crontab -
  install_crontab
  aside crontab -l | cmp - "$BATS_TEST_TMPDIR/pasted"
}

@test "without a suite in the tree there is nothing to start; under systemd there are timers" {
  jobs
  run install_crontab
  assert_failure 2
  assert_output --partial 'release/prepare_shared.ts'
  op release/prepare_shared
  install_crontab
  echo 'supervisor: systemd' >>"$app/deploy.yaml"
  run install_crontab
  assert_success
  run aside crontab -l
  assert_failure
  run install_crontab
  assert_failure 2
  assert_output --partial 'supervisor: systemd starts the jobs by itself'
  assert_output --partial 'systemd/install_systemd.ts'
}

@test "a tree of somebody else's: the block is in the owner's crontab" {
  setpriv --reuid nobody --clear-groups test -r "$suite/package.json" || skip "the suite lies where no other user may read it"
  # What bats makes is root's alone.
  place=$(mktemp -d "${TMPDIR:-/tmp}/switchback-crontab-XXXXXX")
  chmod 755 "$place"
  make_app "$place"
  jobs
  op release/prepare_shared
  chown -R nobody "$place"
  install_crontab
  assert_equal "$(stat -c %U "$spool/nobody")" nobody
  refute [ -e "$spool/root" ]
}

teardown() {
  # faketime is the parent of the cron that it starts.
  [ -z "${cron-}" ] || kill -- "-$cron"
  stop_all
  rm -rf -- "${place-}"
}

@test "the real cron starts the jobs with the words and the environment of the manifest" {
  command -v cron >/dev/null || skip "there is no cron"
  cat >"$app/note.sh" <<'SH'
printf '%s|' "$@" "$GREETING" "$RELEASE_ID" "${PWD##*/}"
SH
  git -C "$app" add note.sh
  commit ok
  jobs
  printf "linked_files: [.env]\n" >>"$app/deploy.yaml"
  mkdir -p "$tree/shared"
  echo 'NAME=a "b" c' >"$tree/shared/.env"
  chmod 600 "$tree/shared/.env"
  op release/deploy HEAD --id r1
  op release/prepare_shared
  install_crontab
  mkdir "$BATS_TEST_TMPDIR/none"
  local clock=()
  # Three seconds before a minute begins, instead of up to sixty.
  if command -v faketime >/dev/null; then clock=(faketime -f '@2026-11-21 04:09:57'); fi
  cat >"$BATS_TEST_TMPDIR/cron" <<'SH'
set -eu
mount --bind "$1" /var/spool/cron/crontabs
mount --bind "$2" /etc/cron.d
mount --bind /dev/null /etc/crontab
mount -t tmpfs none /run
shift 2
exec "$@"
SH
  setsid unshare -m --propagation private sh "$BATS_TEST_TMPDIR/cron" "$spool" "$BATS_TEST_TMPDIR/none" \
    "${clock[@]}" cron -f >/dev/null 2>&1 3>&- &
  cron=$!
  local log=$tree/logs/note.log
  for _ in {1..1400}; do
    if [ -s "$log" ]; then break; fi
    sleep 0.05
  done
  run cat "$log"
  assert_output "50% \\\\off\\|it's a \"b\" c \$5 \\% 発|a 'b' \"c\" %d \\% \\\\ \$HOME \$(id) ; # ünï|r1|r1|"
}
