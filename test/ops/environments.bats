load helper.bash

# dev, test and prod of one application side by side on one machine, each with its port, its tree and its database.
setup() {
  make_app
  dev_port=$(free_port)
  test_port=$(free_port)
  while [ "$test_port" = "$dev_port" ] || [ "$dev_port" = "$port" ] || [ "$test_port" = "$port" ]; do
    dev_port=$(free_port) test_port=$(free_port)
  done
  manifest <<YAML
linked_files: [{ path: assistant.db, shared: assistant_prod.db, optional: true }]
environments:
  prod: {}
  dev:
    deploy_to: $BATS_TEST_TMPDIR/tree-dev
    linked_files: [{ path: assistant.db, shared: assistant_dev.db, optional: true }]
    services: { web: { port: $dev_port, env: { VARIANT: dev } } }
  test:
    deploy_to: $BATS_TEST_TMPDIR/tree-test
    linked_files: [{ path: assistant.db, shared: assistant_test.db, optional: true }]
    services: { web: { port: $test_port, env: { VARIANT: test } } }
YAML
}

answers() {
  for port in "$port" "$dev_port" "$test_port"; do answer || printf 'nothing'; echo; done | xargs
}

@test "dev, test and prod run at the same time, and none of them touches another" {
  deploy r1 --env prod
  deploy r1 --env dev
  commit ok
  deploy r2 --env test
  assert_equal "$(answers)" "r1 plain r1 dev r2 test"
  for name in "" -dev -test; do echo "data of tree$name" >"$tree$name/current/assistant.db"; done
  assert_equal "$(cat "$tree/shared/assistant_prod.db")" "data of tree"
  assert_equal "$(cat "$tree-dev/shared/assistant_dev.db")" "data of tree-dev"
  assert_equal "$(cat "$tree-test/shared/assistant_test.db")" "data of tree-test"

  deploy r2 --env dev
  op service/stop --env test
  assert_equal "$(answers)" "r1 plain r2 dev nothing"

  # A tree's own copy of the manifest remembers which environment it is.
  "$ops/release/rollback.ts" --manifest "$tree-dev/deploy.yaml"
  assert_equal "$(answers)" "r1 plain r1 dev nothing"
  commit dying
  run deploy r3 --env dev
  assert_failure 3
  assert_equal "$(answers)" "r1 plain r1 dev nothing"
}

@test "an environment that the manifest does not have is refused with the nearest one" {
  run deploy r1 --env prd
  assert_failure 2
  assert_line --regexp '^ +--env prod$'
  assert [ ! -e "$tree" ]
}

@test "start twice, stop twice, a pid file that was deleted, a process that was killed, nothing deployed yet" {
  run op service/start
  assert_failure 2
  assert_output --partial "nothing is deployed in $tree"
  deploy r1
  local pid
  pid=$(head -1 "$tree/run/web.pid")
  run op service/start
  assert_success
  assert_equal "$(head -1 "$tree/run/web.pid")" "$pid"

  rm "$tree/run/web.pid"
  run op service/start
  assert_success
  assert_equal "$(head -1 "$tree/run/web.pid")" "$pid"

  kill -KILL "$pid"
  run op release/health_check
  assert_failure 1
  assert_output --partial "not healthy: web died before the gate began"
  run op service/start
  assert_success
  assert_serves r1
  assert [ "$(head -1 "$tree/run/web.pid")" != "$pid" ]

  rm "$tree/run/web.pid"
  run op service/stop
  assert_success
  assert_output --partial "web stopped."
  refute answer
  run op service/stop
  assert_success
  assert_output "No service was running."
}
