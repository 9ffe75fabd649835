load helper.bash

setup_file() {
  suite=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  cd "$suite" || exit
  tarball=$BATS_FILE_TMPDIR/$(npm pack --silent --pack-destination "$BATS_FILE_TMPDIR" 2>/dev/null)
  export tarball
}

# What an install makes of the package's files; its dependencies are those that npm ci installed here.
unpack() {
  mkdir -p "$1/node_modules/switchback"
  tar -xzf "$tarball" -C "$1/node_modules/switchback" --strip-components 1
  for name in "$suite"/node_modules/*; do
    [ -e "$1/node_modules/${name##*/}" ] || ln -s "$name" "$1/node_modules/"
  done
  [ -e "$1/node_modules/@oven" ] || ln -s "$suite/node_modules/@oven" "$1/node_modules/"
}

bare() {
  env -i PATH=/usr/bin:/bin HOME="$BATS_TEST_TMPDIR" "$@" </dev/null
}

@test "the package has what the suite needs, and no more" {
  run tar -tzf "$tarball"
  assert_line package/ops/_bun
  assert_line package/ops/release/switch_current.ts
  assert_line package/manifest.schema.ts
  assert_line package/templates/deploy.schema.json
  assert_line package/templates/suite/_suite.hbs
  assert_line package/LICENSE
  refute_line --regexp '^package/(test|docs|node_modules|\.)'
  refute_line --regexp '\.(db|log|tgz)$'
  run tar -tvzf "$tarball" package/ops/_bun package/ops/deploy.ts package/ops/release/switch_current.ts
  refute_line --regexp '^-rw-'
}

# The one test that installs as a user does; npm's cache has what npm ci put there.
@test "npm installs it into an empty repository, and npx switchback sets that up" {
  repo=$BATS_TEST_TMPDIR/repo
  mkdir "$repo"
  cd "$repo"
  git init -q
  run npm install --prefer-offline --no-audit --no-fund --ignore-scripts "$tarball"
  assert_success
  run npx --no-install switchback init --deploy-to "$BATS_TEST_TMPDIR/tree" --run 'node server.js' --port 21199
  assert_success
  run head -n 1 deploy.yaml
  assert_output '# yaml-language-server: $schema=node_modules/switchback/templates/deploy.schema.json'
  assert [ -e node_modules/switchback/templates/deploy.schema.json ]
  npx --no-install switchback generate --check
  npx --no-install deploy list
  ln -s "$repo/ops/release/switch_current.ts" "$BATS_TEST_TMPDIR/switch"
  cd /
  for launcher in "$repo/ops/release/switch_current.ts" "$BATS_TEST_TMPDIR/switch"; do
    run bare "$launcher" r1
    assert_failure 2
    assert_output --partial "there is no release r1 in $BATS_TEST_TMPDIR/tree/releases"
  done
}

@test "a repository below the one that has the package finds it" {
  unpack "$BATS_TEST_TMPDIR"
  repo=$BATS_TEST_TMPDIR/packages/shop
  mkdir -p "$repo"
  "$BATS_TEST_TMPDIR/node_modules/switchback/ops/host/init.ts" "$repo" --deploy-to "$BATS_TEST_TMPDIR/tree"
  run head -n 1 "$repo/deploy.yaml"
  assert_output '# yaml-language-server: $schema=../../node_modules/switchback/templates/deploy.schema.json'
  cd /
  run bare "$repo/ops/release/list.ts" --json
  assert_output '[]'
}

@test "a repository without package.json is served by SWITCHBACK_HOME" {
  unpack "$BATS_TEST_TMPDIR/home"
  repo=$BATS_TEST_TMPDIR/repo
  mkdir "$repo"
  home=$BATS_TEST_TMPDIR/home/node_modules/switchback
  "$home/ops/host/init.ts" "$repo" --deploy-to "$BATS_TEST_TMPDIR/tree"
  assert [ ! -e "$repo/package.json" ]
  cd /
  run bare "$repo/ops/release/list.ts" --json
  assert_failure 2
  run bare SWITCHBACK_HOME="$home" "$repo/ops/release/list.ts" --json
  assert_success
  assert_output '[]'
}

@test "prepare_shared puts the installed package into the tree, for cron, and that needs neither package nor checkout" {
  unpack "$BATS_TEST_TMPDIR/home"
  repo=$BATS_TEST_TMPDIR/repo tree=$BATS_TEST_TMPDIR/tree
  mkdir "$repo"
  "$BATS_TEST_TMPDIR/home/node_modules/switchback/ops/host/init.ts" "$repo" --deploy-to "$tree"
  "$BATS_TEST_TMPDIR/home/node_modules/switchback/ops/release/prepare_shared.ts" --manifest "$repo/deploy.yaml"
  rm -r "$BATS_TEST_TMPDIR/home" "$repo"
  cd /
  run bare "$tree/ops/release/prune.ts"
  assert_success
  run bare "$tree/ops/release/list.ts" --json
  assert_output '[]'
}
