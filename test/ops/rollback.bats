load helper.bash

setup() {
  make_app
}

# release ID MODE: a commit that behaves as MODE, deployed as ID.
release() {
  commit "$2"
  deploy "$1"
}

@test "without an id: to the good one that served before, further back each time, never forward" {
  manifest --bare </dev/null
  release r1 ok
  release r2 ok
  release r3 ok
  op release/rollback
  assert_equal "$(current)" releases/r2
  assert_equal "$(status_of r2)" rolled_back
  assert_equal "$(status_of r3)" replaced_by_rollback
  op release/rollback
  assert_equal "$(current)" releases/r1
  assert_untouched op release/rollback
  assert_failure 2
  assert_output --partial "there is no earlier good release to roll back to from r1"
}

@test "after six failed releases in a row a rollback still goes to the last good one" {
  gate_timeout=60ms
  manifest --bare </dev/null
  release r1 ok
  release r2 ok
  for id in r3 r4 r5 r6 r7 r8; do
    run release "$id" bad
    assert_failure 3
  done
  assert_equal "$(current)" releases/r2
  touch -d 2001-01-01 "$tree/releases/r1"
  touch -d 2040-01-01 "$tree/releases/r8"
  run op release/rollback
  assert_success
  assert_output --partial "r1 is current; it was r2."
  run op release/prune --keep 2
  assert_equal "$(ls "$tree/releases" | xargs)" "r1 r2"
}

@test "to a release that is not there: exit 2, its row says so, and nothing is touched" {
  deploy r1
  assert_untouched op release/rollback r0
  assert_failure 2
  assert_output --partial "there is no release r0 to roll back to; nothing was touched"
  assert_equal "$(status_of r0)" rollback_target_missing
  assert_serves r1
}

@test "an operator's two drills, with the services left alone: one that passes its gate and one that does not" {
  manifest --bare </dev/null
  release r1 ok
  release r2 ok
  DEPLOY_SKIP_SERVICE_RESTART=1 DEPLOY_HEALTHCHECK_CMD="true" run op release/rollback r1
  assert_success
  assert_equal "$(current) $(status_of r1) $(status_of r2)" "releases/r1 rolled_back replaced_by_rollback"
  op release/switch_current r2
  sed -i 's/timeout: 20s/timeout: 100ms/' "$app/deploy.yaml" "$tree"/manifests/*.yaml
  DEPLOY_SKIP_SERVICE_RESTART=1 DEPLOY_HEALTHCHECK_CMD='grep -qx RELEASE_ID=r2 RELEASE.env' run op release/rollback r1
  assert_failure 3
  assert_equal "$(current) $(status_of r1) $(status_of r2)" "releases/r2 rollback_failed deployed"
}

@test "a target that is bad too: exit 3 and what served is restored; when that fails as well: exit 4 and what to type" {
  deploy r1
  release r2 ok
  rm "$tree/releases/r1/mode" && echo dying >"$tree/releases/r1/mode"
  run op release/rollback
  assert_failure 3
  assert_output --partial "rolled back: r2 is restored and healthy"
  assert_serves r2
  assert_equal "$(status_of r1)" rollback_failed
  rm "$tree/releases/r2/mode" && echo dying >"$tree/releases/r2/mode"
  run op release/switch_current r1
  assert_failure 4
  assert_output --partial "; and restoring failed: not healthy: web (pid"
  assert_line "What to type:"
  assert_line --regexp "release/switch_current.ts .*r2$"
}

@test "what is restored, or rolled back to, runs as it last ran healthy, not as the manifest says now" {
  manifest </dev/null
  echo "    env: { VARIANT: old }" >>"$app/deploy.yaml"
  deploy r1
  sed -i 's/VARIANT: old/VARIANT: new/' "$app/deploy.yaml"
  run release r2 dying
  assert_failure 3
  assert_serves r1 old
  release r3 ok
  assert_serves r3 new
  op release/rollback
  assert_serves r1 old
}

@test "REPO_ROOT, DEPLOY_ROOT, DEPLOY_RELEASES_DIR and DEPLOY_CURRENT_LINK say where things are" {
  manifest --bare </dev/null
  git clone -q "$app" "$BATS_TEST_TMPDIR/elsewhere"
  echo ok >"$BATS_TEST_TMPDIR/elsewhere/only-here"
  git -C "$BATS_TEST_TMPDIR/elsewhere" add only-here
  git -C "$BATS_TEST_TMPDIR/elsewhere" commit -qm more
  export REPO_ROOT=$BATS_TEST_TMPDIR/elsewhere DEPLOY_ROOT=$BATS_TEST_TMPDIR/root
  deploy r1
  assert [ -f "$BATS_TEST_TMPDIR/root/current/only-here" ]
  assert [ ! -e "$tree" ]
  export DEPLOY_RELEASES_DIR=$BATS_TEST_TMPDIR/builds DEPLOY_CURRENT_LINK=$BATS_TEST_TMPDIR/live
  deploy r2
  assert_equal "$(readlink "$BATS_TEST_TMPDIR/live")" builds/r2
  assert_equal "$(readlink "$BATS_TEST_TMPDIR/root/current")" releases/r1
}

@test "DEPLOY_SERVICES restarts only what it names" {
  local other
  other=$(free_port)
  manifest <<YAML
  worker: { run: "'$ops/_bun' server.ts", port: $other, stop_timeout: 2s }
YAML
  deploy r1
  local worker
  worker=$(head -1 "$tree/run/worker.pid")
  commit ok
  DEPLOY_SERVICES=web run deploy r2
  assert_success
  assert_serves r2
  assert_equal "$(head -1 "$tree/run/worker.pid")" "$worker"
  assert_equal "$(curl -s "http://127.0.0.1:$other/")" "r1 plain"
}

@test "the three DEPLOY_SKIP switches skip the restart, the gate and the registry" {
  deploy r1
  local pid
  pid=$(head -1 "$tree/run/web.pid")
  commit dying
  DEPLOY_SKIP_SERVICE_RESTART=1 run deploy r2
  assert_success
  assert_equal "$(current)" releases/r2
  assert_equal "$(head -1 "$tree/run/web.pid")" "$pid"
  op release/rollback
  assert_serves r1
  commit bad
  DEPLOY_SKIP_HEALTHCHECK=1 run deploy r3
  assert_success
  refute_output --partial "is healthy"
  assert_equal "$(current) $(status_of r3)" "releases/r3 deployed"
  commit ok
  DEPLOY_SKIP_REGISTRY_UPDATE=1 run deploy r4
  assert_success
  assert_equal "$(current)" releases/r4
  assert_equal "$(status_of r4)" ""
}
