load helper.bash

setup() {
  make_app
}

@test "a deploy builds, switches, proves and records; the next one takes its place" {
  run deploy r1
  assert_success
  assert_output --partial "r1 is current."
  # The registry is one file again once nobody works with it, or looks at it.
  run op release/list
  run op release/status
  run op release/deploy --dry-run
  run ls "$tree"
  refute_output --partial registry.db-
  assert_serves r1
  commit ok
  run deploy r2
  assert_success
  assert_output --partial "r2 is current; it was r1."
  assert_serves r2
  assert_equal "$(status_of r1)" replaced
  assert_equal "$(sql "SELECT release_id, previous_release_id, outcome FROM operations WHERE kind = 'deploy' ORDER BY rowid")" \
    "$(printf 'r1 - done\nr2 r1 done')"
}

@test "a release that never gets healthy: exit 3, what served is restored, and the last answer is told" {
  deploy r1
  commit bad
  gate_timeout=700ms
  manifest </dev/null
  run deploy r2
  assert_failure 3
  assert_output --partial "rolled back: r1 is restored and healthy"
  assert_line --partial "last answer: GET http://127.0.0.1:$port/ → 503"
  assert_line --partial "database is down"
  assert_line --partial "web r2 begins"
  assert_line "What to type:"
  assert_serves r1
  assert_equal "$(status_of r2)" deploy_failed
}

@test "a release that dies at its start: exit 3 without waiting, with its last log lines" {
  deploy r1
  commit dying
  run deploy r2
  assert_failure 3
  assert_line --regexp '^error: not healthy: web (\(pid [0-9]+\) )?died .*; rolled back: r1 is restored and healthy$'
  assert_line --partial "no licence found"
  assert_serves r1
}

@test "a first deploy that fails its gate leaves nothing deployed and nothing running" {
  commit dying
  run deploy r1
  assert_failure 3
  assert_output --partial "nothing is deployed, as before"
  assert [ ! -L "$tree/current" ]
  refute answer
  assert_equal "$(status_of r1)" deploy_failed
}

@test "a build that fails: exit 1, nothing is left in releases, and what serves was not touched" {
  deploy r1
  local pid
  pid=$(head -1 "$tree/run/web.pid")
  manifest <<'YAML'
build:
  assets: { run: [echo "compiling $RELEASE_ID", "echo 'no such module: left-pad' >&2; exit 7"] }
YAML
  commit ok
  run deploy r2
  assert_failure 1
  assert_line --regexp 'Build assets.*: exit code 7'
  assert_line --partial "compiling r2"
  assert_line --partial "no such module: left-pad"
  assert_equal "$(ls -A "$tree/releases")" r1
  assert_equal "$(status_of r2)" build_failed
  assert_equal "$(head -1 "$tree/run/web.pid")" "$pid"
  assert_serves r1
}

@test "an id that is built already from the same commit is reused; from another commit it is refused" {
  manifest --bare <<'YAML'
build: { count: { run: 'echo built >> "$DEPLOY_TO/shared/builds"' } }
YAML
  op release/build_release HEAD --id r1
  run deploy r1
  assert_success
  assert_output --partial "r1 is built already, from the same commit"
  assert_equal "$(cat "$tree/shared/builds")" built
  assert_equal "$(current)" releases/r1
  commit ok
  assert_untouched deploy r1
  assert_failure 2
  assert_output --partial "there is a release r1 already, from $(git -C "$app" rev-parse --short=12 HEAD~)"
  assert_line "What to type:"
}

@test "what is no release id is refused by every command, and nothing is touched" {
  manifest --bare </dev/null
  deploy r1
  local before id command
  before=$(snapshot "$tree")
  local hostile=('' . .. .hidden ../x a/b /etc -x 'a b' 'a;id' '$(id)' $'a\nb' 'é' "$(printf 'a%.0s' {1..65})")
  for id in "${hostile[@]}"; do
    run op release/switch_current "$id"
    assert_failure 2
    refute_output --regexp '    at .*\.ts:'
  done
  for command in "release/rollback" "release/build_release HEAD --id" "release/deploy HEAD --id"; do
    run op $command "../../x"
    assert_failure 2
    assert_output --partial "is no release id"
  done
  assert_equal "$(snapshot "$tree")" "$before"
  assert_equal "$(sql 'SELECT release_id FROM releases')" r1
}

@test "a ref that does not exist: exit 2, and the tree is not even begun" {
  run deploy r1
  assert_success
  assert_untouched op release/deploy no-such-branch
  assert_failure 2
  assert_output --partial 'there is no commit, tag or branch "no-such-branch"'
  tree=$BATS_TEST_TMPDIR/other
  manifest </dev/null
  run op release/deploy no-such-branch
  assert_failure 2
  assert [ ! -e "$tree" ]
}

@test "source.via worktree: the files as they lie, without what is excluded, and marked as dirty" {
  manifest --bare <<'YAML'
source: { via: worktree, exclude: [cache/, "*.log"] }
YAML
  mkdir -p "$app/cache" "$app/src"
  touch "$app/cache/big" "$app/src/uncommitted.ts" "$app/src/debug.log"
  run op release/build_release mine
  assert_success
  assert [ -f "$tree/releases/mine/src/uncommitted.ts" ]
  assert [ ! -e "$tree/releases/mine/cache" ]
  assert [ ! -e "$tree/releases/mine/src/debug.log" ]
  assert [ ! -e "$tree/releases/mine/.git" ]
  run cat "$tree/releases/mine/RELEASE.json"
  assert_line --partial '"dirty": true'
}

@test "source.pull ff-only takes what is new, and names local changes instead of overwriting them" {
  git clone -q --bare "$app" "$BATS_TEST_TMPDIR/origin.git"
  git clone -q "$BATS_TEST_TMPDIR/origin.git" "$BATS_TEST_TMPDIR/checkout"
  manifest --bare <<YAML
source: { repo: $BATS_TEST_TMPDIR/checkout, pull: ff-only }
YAML
  commit ok
  git -C "$app" push -q "$BATS_TEST_TMPDIR/origin.git" main
  run op release/build_release HEAD --id r1
  assert_success
  assert_equal "$(git -C "$BATS_TEST_TMPDIR/checkout" rev-parse HEAD)" "$(git -C "$app" rev-parse HEAD)"
  assert cmp "$tree/releases/r1/marker" "$app/marker"
  echo "mended on the host" >"$BATS_TEST_TMPDIR/checkout/mode"
  assert_untouched op release/build_release HEAD --id r2
  assert_failure 2
  assert_output --partial "local changes"
  assert_line --regexp '^ *M mode$'
  assert_equal "$(cat "$BATS_TEST_TMPDIR/checkout/mode")" "mended on the host"
}

@test "a build step whose when is absent is skipped with a warning; what is committed stays" {
  manifest --bare <<'YAML'
build:
  frontend: { when: no-such-npm, run: rm mode }
YAML
  run op release/build_release HEAD --id r1
  assert_success
  assert_output --partial "warning: build.frontend is skipped: there is no no-such-npm here"
  assert [ -f "$tree/releases/r1/mode" ]
}

@test "needs that are not met are told before anything is made" {
  manifest --bare <<'YAML'
build:
  a: { needs: [no-such-tool, "git>=99"], run: "true" }
YAML
  run op release/build_release HEAD --id r1
  assert_failure 2
  assert_line --partial "no-such-tool is not in PATH"
  assert_line --regexp 'git>=99 is needed, and .*/git is [0-9]+\.'
  assert [ ! -e "$tree" ]
}

@test "hooks run in their order, each with the release's id; one for a failure may fail itself" {
  manifest <<'YAML'
hooks:
  before_build: echo "before_build $RELEASE_ID" >> "$DEPLOY_TO/hooks"
  after_build: echo "after_build $RELEASE_ID" >> "$DEPLOY_TO/hooks"
  before_switch: echo "before_switch $RELEASE_ID $(readlink "$DEPLOY_TO/current" || echo none)" >> "$DEPLOY_TO/hooks"
  after_switch: echo "after_switch $RELEASE_ID $(readlink "$DEPLOY_TO/current")" >> "$DEPLOY_TO/hooks"
  after_rollback: echo "after_rollback $RELEASE_ID" >> "$DEPLOY_TO/hooks"
  on_failure: echo "on_failure $RELEASE_ID" >> "$DEPLOY_TO/hooks"; exit 6
YAML
  deploy r1
  commit dying
  run deploy r2
  assert_failure 3
  commit ok
  deploy r3
  op release/rollback
  run cat "$tree/hooks"
  assert_output - <<'TEXT'
before_build r1
after_build r1
before_switch r1 none
after_switch r1 releases/r1
before_build r2
after_build r2
before_switch r2 releases/r1
on_failure r2
before_build r3
after_build r3
before_switch r3 releases/r1
after_switch r3 releases/r3
before_switch r1 releases/r3
after_switch r1 releases/r1
after_rollback r1
TEXT
}

@test "a before_switch that refuses: exit 1 and the services were not touched" {
  deploy r1
  local pid
  pid=$(head -1 "$tree/run/web.pid")
  manifest <<'YAML'
hooks: { before_switch: "echo not on a Friday; exit 5" }
YAML
  commit ok
  run deploy r2
  assert_failure 1
  assert_line --partial "not on a Friday"
  assert_equal "$(head -1 "$tree/run/web.pid")" "$pid"
  assert_serves r1
  assert_equal "$(status_of r2)" built
}

@test "a smoke request that fails counts as a failed gate" {
  manifest <<'YAML'
smoke: [{ url: "http://127.0.0.1:${services.web.port}/orders", expect: { status: 200 } }]
YAML
  deploy r1
  commit no-orders
  run deploy r2
  assert_failure 3
  assert_output --partial "smoke: GET http://127.0.0.1:$port/orders → 503"
  assert_serves r1
}

@test "drain: a job that does not end aborts the deploy before anything is stopped, or is passed over when told to" {
  deploy r1
  manifest <<'YAML'
drain: { run: "test ! -e \"$DEPLOY_TO/busy\"", every: 20ms, timeout: 60ms }
YAML
  sed -i "s|\$DEPLOY_TO|$tree|" "$app/deploy.yaml"
  touch "$tree/busy"
  commit ok
  run deploy r2
  assert_failure 1
  assert_output --partial "not idle after 0.06 s"
  assert_serves r1
  sed -i 's/timeout: 60ms/timeout: 60ms, then: proceed/' "$app/deploy.yaml"
  run deploy r2
  assert_success
  assert_output --partial "going on, as drain.then says"
  assert_serves r2
}

@test "env_required: names that are not set, empty or a placeholder stop a switch before it begins" {
  deploy r1
  manifest </dev/null
  cat >>"$app/deploy.yaml" <<'YAML'
    env_required: [API_TOKEN, SMTP_HOST, DB_URL]
    env: { API_TOKEN: your-prod-secret, SMTP_HOST: "" }
YAML
  commit ok
  op release/build_release HEAD --id r2
  assert_untouched op release/switch_current r2
  assert_failure 2
  assert_line "  services.web: API_TOKEN is still a placeholder (env_required)"
  assert_line "  services.web: SMTP_HOST is empty (env_required)"
  assert_line "  services.web: DB_URL is not set (env_required)"
  refute_output --partial your-prod-secret
  assert_serves r1
}

@test "linked files that are missing are all named, with what makes them; then the deploy goes through" {
  manifest --bare <<'YAML'
linked_files: [.env, { path: config/key.pem, shared: key.pem }]
YAML
  run deploy r1
  assert_failure 2
  assert_line "  $tree/shared/.env"
  assert_line "  $tree/shared/key.pem"
  assert_line --partial "install -m 600 /dev/null $tree/shared/.env"
  assert [ ! -e "$tree" ]
  mkdir -p "$tree/shared"
  echo secret >"$tree/shared/.env"
  touch "$tree/shared/key.pem"
  run deploy r1
  assert_success
  assert_equal "$(readlink "$tree/releases/r1/.env")" ../../shared/.env
  assert_equal "$(readlink "$tree/releases/r1/config/key.pem")" ../../../shared/key.pem
  assert_equal "$(cat "$tree/current/.env")" secret
}

@test "the schedule's deploy follows a branch: what is new comes, what failed or was rolled back does not come again" {
  local upstream=$BATS_TEST_TMPDIR/upstream
  gate_timeout=700ms
  manifest <<<'update: { schedule: "0 6 * * *" }'
  git clone -q --bare "$app" "$upstream"
  git -C "$app" remote add origin "$upstream"
  git -C "$app" fetch -q
  git -C "$app" remote set-head origin main
  run op release/deploy --if-new origin/HEAD --id r1
  assert_success
  assert_serves r1
  run op release/deploy --if-new origin/HEAD
  assert_success
  assert_output --partial "is current already"
  # What is committed here and not there is not followed; what is pushed from elsewhere is fetched.
  commit bad
  git -C "$app" push -q origin main
  git -C "$app" update-ref refs/remotes/origin/main HEAD~1
  run op release/deploy --if-new origin/HEAD --id r2
  assert_failure 3
  assert_serves r1
  run op release/deploy --if-new origin/HEAD --id r3
  assert_success
  assert_output --partial "as r2, which is deploy_failed now; it is not deployed again by itself."
  commit ok
  git -C "$app" push -q origin main
  run op release/deploy --if-new origin/HEAD --id r4
  assert_success
  assert_serves r4
  op release/rollback
  run op release/deploy --if-new origin/HEAD
  assert_success
  assert_output --partial "as r4, which is replaced_by_rollback now"
  assert_serves r1
}
