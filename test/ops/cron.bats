load helper.bash

setup() {
  make_app
}

# What cron gives a command: no terminal, a bare PATH, nothing else.
as_cron() {
  env -i PATH=/usr/bin:/bin HOME="$HOME" "$@" </dev/null
}

# begin GROUP/NAME [WORD…]: starts a command in the background; `pid` is its process, `out` has what it says.
begin() {
  local name=$1
  shift
  out=$BATS_TEST_TMPDIR/out
  "$ops/$name.ts" --manifest "$app/deploy.yaml" "$@" >"$out" 2>&1 3>&- &
  pid=$!
}

# Waits until the command comes true.
until_true() {
  for _ in {1..2000}; do
    "$@" && return
    sleep 0.01
  done
  fail "did not come true: $*"
}

# ended: waits for what `begin` started; sets `status` and `output` as `run` does.
ended() {
  status=0
  wait "$pid" || status=$?
  output=$(cat "$out")
}

is_current() {
  [ "$(current)" = "releases/$1" ]
}

# A build that says where it is, and then takes its time.
slow_build() {
  manifest <<YAML
build: { slow: { run: "touch $BATS_TEST_TMPDIR/building; sleep ${1-30}" } }
YAML
}

@test "every command starts from a bare PATH, another directory and through a symlink" {
  cd /
  local file
  ln -s "$ops" "$BATS_TEST_TMPDIR/linked ops"
  for file in $(cd "$ops" && find . -name '*.ts' -type f); do
    run as_cron "$BATS_TEST_TMPDIR/linked ops/$file" --help
    assert_success
    assert_line --regexp "^Usage: (ops/|deploy )"
  done
  ln -s "$ops/release/deploy.ts" "$BATS_TEST_TMPDIR/ship it"
  run as_cron "$BATS_TEST_TMPDIR/ship it" --manifest "$app/deploy.yaml" --id r1
  assert_success
  assert_serves r1
}

@test "the tree's own ops need no checkout of the suite and no word about the manifest" {
  op release/prepare_shared
  deploy r1
  commit ok
  deploy r2
  cd /
  run as_cron "$tree/ops/release/rollback.ts"
  assert_success
  assert_serves r1
  run as_cron "$tree/ops/release/prune.ts" --keep 1
  assert_success
  run as_cron "$tree/ops/service/restart.ts"
  assert_success
  assert_serves r1
}

@test "eight switches at once: each is done or told that another is at work, and current is complete all the time" {
  manifest --bare </dev/null
  deploy r1
  deploy r2
  local pids=() codes="" pid
  # A reader that never looks away.
  "$ops/_bun" -e '
    const fs = require("node:fs");
    let [reads, misses] = [0, 0];
    for (; !fs.existsSync(process.argv[2]); reads++)
      try { fs.readFileSync(process.argv[1] + "/RELEASE.json"); } catch { misses++; }
    console.log(misses, reads > 1000 ? "of many" : "of " + reads);
  ' "$tree/current" "$BATS_TEST_TMPDIR/stop" >"$BATS_TEST_TMPDIR/reader" 3>&- &
  local reader=$!
  for id in r1 r2 r1 r2 r1 r2 r1 r2; do
    op release/switch_current "$id" >"$BATS_TEST_TMPDIR/$id.$RANDOM" 2>&1 3>&- &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    local code=0
    wait "$pid" || code=$?
    codes+="$code "
  done
  touch "$BATS_TEST_TMPDIR/stop"
  wait "$reader"
  assert_equal "$(cat "$BATS_TEST_TMPDIR/reader")" "0 of many"
  assert_regex "$codes" '^((0|75) ){8}$'
  assert_regex "$codes" '(^| )0 '
  run cat "$BATS_TEST_TMPDIR"/r[12].*
  if [[ "$codes" == *75* ]]; then assert_line --partial "another operation is at work"; fi
  assert_regex "$(current)" '^releases/r[12]$'
  assert_equal "$(sql "SELECT release_id FROM releases WHERE status IN ('deployed', 'rolled_back')")" "$(basename "$(current)")"
  assert_equal "$(sql "SELECT count(*) FROM operations WHERE finished_at IS NULL OR kind = 'recover'")" 0
  assert_equal "$(sql "SELECT count(*) FROM operations a JOIN operations b ON a.id < b.id
    WHERE a.started_at < b.finished_at AND b.started_at < a.finished_at")" 0
}

@test "a second operation is told who holds the lock, and what it does" {
  slow_build
  begin release/deploy --id r1
  until_true [ -e "$BATS_TEST_TMPDIR/building" ]
  run op release/deploy --id r2
  assert_failure 75
  assert_output --regexp "another operation is at work: deploy r1, by .* \(pid $pid on .*\), since "
  kill -INT "$pid"
  ended
}

@test "a deploy that was killed in its build: the same command again cleans up and succeeds" {
  local pause=$RANDOM$RANDOM
  deploy r0
  commit ok
  slow_build "30.$pause"
  begin release/deploy --id r1
  until_true [ -e "$BATS_TEST_TMPDIR/building" ]
  until_true pgrep -f "sleep 30.$pause"
  kill -KILL "$pid"
  assert [ -e "$tree/releases/r1/.building" ]
  manifest </dev/null
  run op release/deploy --id r1
  assert_success
  assert_line --partial "Recover from deploy r1"
  assert_serves r1
  assert_equal "$(ls -A "$tree/releases" | xargs)" "r0 r1"
  refute pgrep -f "sleep 30.$pause"
}

@test "a deploy that was killed in its gate: the next command brings back what served, and says so" {
  deploy r1
  commit bad
  begin release/deploy --id r2
  until_true is_current r2
  kill -KILL "$pid"
  assert_equal "$(status_of r2)" deploying
  run op release/recover
  assert_success
  assert_line --partial "deploy r2 was interrupted; r1 serves again."
  assert_serves r1
  assert_equal "$(status_of r2)" built
}

@test "a lost terminal stops nothing" {
  slow_build 0.5
  begin release/deploy --id r1
  until_true [ -e "$BATS_TEST_TMPDIR/building" ]
  kill -HUP "$pid"
  ended
  assert_success
  assert_serves r1
}

@test "INT in the build: exit 130, and nothing that serves was touched" {
  deploy r0
  slow_build
  commit ok
  begin release/deploy --id r1
  until_true [ -e "$BATS_TEST_TMPDIR/building" ]
  kill -INT "$pid"
  ended
  assert_failure 130
  assert_output --partial "nothing that serves was touched"
  assert_equal "$(ls -A "$tree/releases")" r0
  assert_serves r0
}

@test "INT and TERM in the gate: exit 130, and what served is restored" {
  deploy r1
  commit bad
  local signal
  for signal in INT TERM; do
    begin release/deploy --id r2
    until_true is_current r2
    kill -"$signal" "$pid"
    ended
    assert_failure 130
    assert_output --partial "rolled back: r1 is restored and healthy"
    assert_serves r1
  done
}

@test "nobody reads the output any more: the deploy goes through all the same" {
  manifest <<'YAML'
build: { loud: { run: seq 20000 } }
YAML
  run bash -o pipefail -c "'$ops/release/deploy.ts' --manifest '$app/deploy.yaml' --id r1 2>&1 | head -1"
  assert_success
  assert_serves r1
}
