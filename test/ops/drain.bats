load helper.bash

# Ports of this file, so that it may run beside others.
free_port() {
  local candidate=$((24150 + RANDOM % 30))
  while (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; do candidate=$((24150 + RANDOM % 30)); done
  echo "$candidate"
}

# A job that writes its pid, and works until it is told to end: `jobs` has what drain and the jobs are in the manifest.
setup() {
  make_app
  cat >"$app/job.sh" <<'SH'
echo $$ >>"$1/pids"
while [ ! -e "$1/end" ]; do sleep 0.02; done
echo "ended in $RELEASE_ID" >>"$1/ends"
SH
  git -C "$app" add job.sh
  commit ok
  sign=$BATS_TEST_TMPDIR/sign
  mkdir "$sign"
}

teardown() {
  touch "$sign/end"
  for _ in {1..100}; do
    grep -qlsF -- "SWITCHBACK_JOB=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ || break
    sleep 0.02
  done
  stop_all
}

# jobs [YAML]: the service, a job beside it, and what stands behind them.
jobs() {
  manifest <<YAML
  reindex: { run: "sh job.sh $sign", schedule: "0 3 * * *" }
$1
YAML
}

# Starts the job as cron does: what stands in the crontab, in a session of its own, by /bin/sh.
launch_job() {
  local line command
  rm -rf "$BATS_TEST_TMPDIR/rendered"
  op host/render --out "$BATS_TEST_TMPDIR/rendered" >/dev/null
  line=$(grep '^0 3 ' "$BATS_TEST_TMPDIR/rendered/cron/crontab")
  command=${line#0 3 \* \* \* }
  (cd / && env -i HOME="$HOME" LOGNAME="$(id -un)" SHELL=/bin/sh PATH=/usr/bin:/bin \
    setsid /bin/sh -c "${command//\\%/%}" </dev/null >/dev/null 2>&1 3>&- &)
}

# The same, and waits until it works; `job` is its pid.
start_job() {
  launch_job
  for _ in {1..500}; do
    [ -s "$sign/pids" ] && break
    sleep 0.02
  done
  job=$(tail -n 1 "$sign/pids")
}

# begin ID: switches to it in the background; `pid` is its process.
begin() {
  "$ops/release/switch_current.ts" --manifest "$app/deploy.yaml" "$1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  pid=$!
}

until_said() {
  for _ in {1..1000}; do
    grep -q -- "$1" "$BATS_TEST_TMPDIR/out" && return
    sleep 0.02
  done
  fail "was not said: $1"
}

ended() {
  status=0
  wait "$pid" || status=$?
  output=$(cat "$BATS_TEST_TMPDIR/out")
}

# Cron's line begins with a command of the tree's own suite; a link to it is there at once.
with_suite() {
  mkdir -p "$tree"
  ln -sfn "$ops" "$tree/ops"
}

two_releases() {
  jobs "$1"
  with_suite
  deploy r1
  op release/build_release HEAD --id r2
}

@test "a job that runs is waited for though the manifest has no drain; then the switch goes on" {
  two_releases ""
  rm "$tree/ops"
  op release/prepare_shared
  start_job
  begin r2
  until_said "busy: job reindex (pid $job, .* left of 10 m 0 s"
  assert_serves r1
  touch "$sign/end"
  ended
  assert_success
  assert_output --regexp $'\n'"..:..:.. idle after "
  assert_serves r2
  assert_equal "$(cat "$sign/ends")" "ended in r1"
  # Two lines: the beginning and the end.
  assert_equal "$(grep -c 'busy: ' "$BATS_TEST_TMPDIR/out")" 1
  assert_equal "$(cat "$tree"/logs/*switch*.log | grep -c 'busy: job reindex')" 1
}

@test "abort: all serves as before, the job runs on, and the message names it and what to type" {
  two_releases 'drain: { run: "true", every: 20ms, timeout: 300ms }'
  start_job
  local main
  main=$(head -1 "$tree/run/web.pid")
  run op release/switch_current r2
  assert_failure 1
  assert_output --partial "error: not idle after 0.30 s: job reindex (pid $job, "
  assert_output --partial "in r1"
  assert_line --partial "ps -o pid,user,lstart,args -p $job"
  assert_line --regexp "health_check.ts --manifest .* --until-idle"
  assert_equal "$(head -1 "$tree/run/web.pid")" "$main"
  assert_serves r1
  assert_equal "$(status_of r2)" built
  kill -0 "$job"
}

@test "proceed: the job keeps its process and its release, which prune leaves alone" {
  two_releases 'drain: { run: "true", every: 20ms, timeout: 100ms, then: proceed }'
  start_job
  run op release/switch_current r2
  assert_success
  assert_output --partial "going on, as drain.then says; not waited for and not stopped: job reindex (pid $job, "
  assert_output --partial "runs on, in r1"
  assert_serves r2
  kill -0 "$job"
  assert_equal "$(readlink "/proc/$job/cwd")" "$tree/releases/r1"
  commit ok
  deploy r3
  commit ok
  run deploy r4
  assert_success
  # It still counts, though its release is not current any more.
  assert_output --partial "job reindex (pid $job, "
  run op release/prune --keep 1 --dry-run
  assert_success
  run op release/prune --keep 1
  assert [ -d "$tree/releases/r1" ]
  refute [ -d "$tree/releases/r2" ]
  touch "$sign/end"
  for _ in {1..200}; do
    kill -0 "$job" 2>/dev/null || break
    sleep 0.02
  done
  assert_equal "$(cat "$sign/ends")" "ended in r1"
  op release/prune --keep 1
  refute [ -d "$tree/releases/r1" ]
}

@test "INT while it waits: exit 130, nothing was touched" {
  two_releases ""
  start_job
  begin r2
  until_said "busy: "
  kill -INT "$pid"
  ended
  assert_failure 130
  assert_output --partial "nothing that serves was touched"
  assert_serves r1
  kill -0 "$job"
}

@test "drain.run and the job: both are waited for, and the last answer is shown" {
  two_releases "drain: { run: \"q=\$(cat $sign/queue); echo \$q; test \\\"\${q%% *}\\\" = 0\", every: 20ms, timeout: 20s }"
  echo "3 in the queue" >"$sign/queue"
  start_job
  begin r2
  until_said "busy: job reindex (pid $job, .*; drain.run says: 3 in the queue, .* left of 20 s"
  touch "$sign/end"
  until_said "busy: drain.run says: 3 in the queue, "
  assert_serves r1
  echo "0 in the queue" >"$sign/queue"
  ended
  assert_success
  assert_output --partial "; drain.run says: 0 in the queue"
  assert_serves r2
}

@test "no service runs, but a job does: it is waited for, and drain.run, which would ask the service, is not asked" {
  two_releases "drain: { run: \"curl -sf http://127.0.0.1:$port/\", every: 20ms, timeout: 20s }"
  start_job
  op service/stop
  begin r2
  until_said "busy: job reindex (pid $job, "
  refute grep -q "drain.run says" "$BATS_TEST_TMPDIR/out"
  touch "$sign/end"
  ended
  assert_success
  assert_serves r2
}

@test "a job that switches by itself does not wait for itself" {
  jobs 'drain: { run: "true", every: 20ms, timeout: 300ms }'
  with_suite
  cat >"$app/job.sh" <<SH
echo \$\$ >>"\$1/pids"
'$ops/release/switch_current.ts' --manifest '$app/deploy.yaml' r2 >"\$1/out" 2>&1
echo "exit \$?" >>"\$1/ends"
SH
  git -C "$app" add job.sh
  deploy r1
  git -C "$app" commit -qm "a job that switches" -- job.sh
  deploy r1b
  op release/build_release HEAD --id r2
  start_job
  for _ in {1..500}; do
    [ -s "$sign/ends" ] && break
    sleep 0.02
  done
  assert_equal "$(cat "$sign/ends")" "exit 0"
  assert_serves r2
}

@test "health_check --until-idle: waits, counts down and says no in time" {
  two_releases 'drain: { run: "true", every: 20ms, timeout: 300ms }'
  start_job
  run op release/health_check --until-idle
  assert_failure 1
  assert_line --regexp "^..:..:.. busy: job reindex \(pid $job, "
  touch "$sign/end"
  op service/stop
  run op release/health_check --until-idle --json
  assert_success
}

@test "a job that the new manifest does not have any more is waited for too" {
  two_releases ""
  start_job
  manifest <<<'drain: { run: "true", every: 20ms, timeout: 200ms }'
  run op release/switch_current r2
  assert_failure 1
  assert_output --partial "job reindex (pid $job, "
  assert_serves r1
}

@test "without jobs and without drain there is no wait" {
  manifest </dev/null
  deploy r1
  op release/build_release HEAD --id r2
  run op release/switch_current r2
  assert_success
  refute_output --partial "idle"
}

# The data is migrated from here on, which takes its time.
migrated() {
  jobs "migrate: { run: ['touch $sign/at', 'sleep 2'] }"
}

until_there() {
  for _ in {1..1000}; do
    [ -e "$1" ] && return
    sleep 0.02
  done
  fail "did not come: $1"
}

until_waiting() {
  for _ in {1..500}; do
    grep -qs "^waits while data is changed" "$tree/logs/reindex.log" && return
    sleep 0.02
  done
  fail "the job does not wait"
}

@test "a job that starts while data is migrated waits, holds nothing up, and then works in the new release" {
  two_releases ""
  migrated
  begin r2
  until_there "$sign/at"
  launch_job
  until_waiting
  [ ! -e "$sign/pids" ]
  ended
  assert_success
  refute_output --partial "busy:"
  until_there "$sign/pids"
  assert_equal "$(readlink "/proc/$(cat "$sign/pids")/cwd")" "$tree/releases/r2"
  assert_equal "$(cat "$tree/logs/reindex.log")" "waits while data is changed; if no command is at work: ops/release/recover.ts"
  [ ! -e "$tree/run/migrating-jobs" ]
}

@test "a job that runs is waited for while those that start after it wait already" {
  two_releases ""
  start_job
  migrated
  begin r2
  until_said "busy: job reindex (pid $job, "
  launch_job
  until_waiting
  assert_equal "$(wc -l <"$sign/pids")" 1
  # Told to end while it still waits: the second one ends at once when it works at last.
  touch "$sign/end"
  ended
  assert_success
  refute_output --partial "and 1 more"
  assert_serves r2
  for _ in {1..500}; do
    [ "$(wc -l <"$sign/ends")" = 2 ] && break
    sleep 0.02
  done
  assert_equal "$(cat "$sign/ends")" $'ended in r1\nended in r2'
}

@test "a job that waited works in the old release after a migration that failed" {
  two_releases ""
  jobs "migrate: { run: ['touch $sign/at', 'sleep 2', 'false'] }"
  begin r2
  until_there "$sign/at"
  launch_job
  until_waiting
  ended
  assert_failure 3
  until_there "$sign/pids"
  assert_equal "$(readlink "/proc/$(cat "$sign/pids")/cwd")" "$tree/releases/r1"
}

@test "after a kill in the middle of a migration jobs wait until it is recovered from" {
  two_releases ""
  migrated
  begin r2
  until_there "$sign/at"
  kill -KILL "$pid"
  ended
  launch_job
  until_waiting
  [ ! -e "$sign/pids" ]
  op release/recover
  until_there "$sign/pids"
  assert_serves r1
}

@test "a drain that gives up lets waiting jobs go" {
  two_releases ""
  start_job
  jobs $'migrate: { run: "true" }\ndrain: { run: "true", every: 20ms, timeout: 300ms }'
  run op release/switch_current r2
  assert_failure 1
  [ ! -e "$tree/run/migrating-jobs" ]
}

@test "proceed does not count where the data is to be changed while a job runs" {
  two_releases ""
  start_job
  jobs $'migrate: { run: "true" }\ndrain: { run: "true", every: 20ms, timeout: 300ms, then: proceed }'
  run op release/switch_current r2
  assert_failure 1
  assert_output --partial "job reindex (pid $job, "
  assert_serves r1
  kill -0 "$job"
  [ ! -e "$tree/run/migrating-jobs" ]
}
