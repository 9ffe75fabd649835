load helper.bash

setup() {
  make_app
  manifest <<YAML
environments:
  prod: { keep_releases: 3 }
  staging: { deploy_to: $tree-staging }
YAML
  cd "$app" || exit
}

@test "deploy alone, --help and help list the commands" {
  for words in '' --help help -h; do
    # Words are meant to be split here.
    # shellcheck disable=SC2086
    run "$ops/deploy.ts" $words
    assert_success
    assert_line --regexp '^  rollback +go back'
    assert_line --regexp '^  setup +set a host up'
  done
}

@test "the seeds' words, with the environment at either place" {
  run "$ops/deploy.ts" release HEAD prod --id r1
  assert_success
  "$ops/deploy.ts" release --id r2 prod
  assert_serves r2
  "$ops/deploy.ts" rollback prod r1
  assert_serves r1
  "$ops/deploy.ts" switch r2 prod
  "$ops/deploy.ts" rollback r1 prod
  assert_serves r1
  run "$ops/deploy.ts" status prod
  assert_success
  assert [ ! -e "$tree-staging" ]
}

@test "a rehearsal says which environment it is for" {
  run "$ops/deploy.ts" release staging HEAD --id r1 --dry-run
  assert_success
  assert_output --partial "$tree-staging/releases/r1"
}

@test "two environments, or none of that name, are refused" {
  run "$ops/deploy.ts" rollback prod --env staging
  assert_failure 2
  assert_output --partial 'two environments'
  run "$ops/deploy.ts" list --env prodd
  assert_failure 2
  assert_output --partial 'did you mean "prod"'
}

@test "an unknown command is told the nearest one" {
  run "$ops/deploy.ts" rolback prod
  assert_failure 2
  assert_output --partial 'did you mean "rollback"'
  run --separate-stderr "$ops/deploy.ts" rolback --json
  assert_failure 2
  assert_equal "$(jq .exit <<<"$output")" 2
}

@test "a manifest that cannot be read is the command's own matter" {
  echo 'app: [' >deploy.yaml
  run "$ops/deploy.ts" list
  assert_failure 2
  assert_output --partial deploy.yaml:
  rm deploy.yaml
  cd /
  run "$ops/deploy.ts" help status
  assert_success
}

@test "the command's own answers and exit codes come through, from a bare environment and a link" {
  ln -s "$ops/deploy.ts" "$BATS_TEST_TMPDIR/deploy"
  run --separate-stderr env -i PATH=/usr/bin:/bin HOME=/ "$BATS_TEST_TMPDIR/deploy" list prod --json
  assert_success
  assert_output '[]'
  run "$BATS_TEST_TMPDIR/deploy" rollback prod
  assert_failure 2
  run "$BATS_TEST_TMPDIR/deploy" status prod
  assert_failure 1
}
