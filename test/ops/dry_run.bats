load helper.bash

# What --dry-run prints is pasted into a plain sh, and has to leave the same tree and the same registry as the command itself.
# All tests of this file share one place: a tree's files hold absolute paths.
setup_file() {
  make_app "$BATS_FILE_TMPDIR"
  export app tree port
  manifest_of_this_file
  commit ok
  deploy r1
  commit ok
  deploy r2
  commit ok
  op release/build_release HEAD --id r3
  op service/stop
  cp -a "$tree" "$tree.base"
}

manifest_of_this_file() {
  manifest <<'YAML'
  worker: { run: sleep 600, stop_timeout: 1s }
keep_releases: 2
linked_files: [{ path: it's a file.env, from: in place/it's.env, mode: "0640", optional: true }]
linked_dirs: [data]
build:
  assets: { run: [echo "it's $RELEASE_ID" > asset, mkdir -p "out dir", touch "out dir/a'b"] }
hooks: { after_switch: echo "$RELEASE_ID" >> "$DEPLOY_TO/shared/switched" }
smoke: [{ url: "http://127.0.0.1:${services.web.port}/", expect: { status: 200 } }]
YAML
}

setup() {
  restore "$tree.base"
  manifest_of_this_file
}

teardown() {
  stop_all "$BATS_FILE_TMPDIR"
}

# restore SAVED: the tree as it was saved, with nothing running from it; `nothing`: no tree.
restore() {
  stop_all "$BATS_FILE_TMPDIR"
  rm -rf "$tree"
  [ "$1" = nothing ] || cp -a "$1" "$tree"
}

rows() {
  [ -e "$tree" ] || return 0
  "$ops/release/release-registry.ts" list --manifest "$app/deploy.yaml" | grep -v '_at"'
}

running() {
  basename -s .pid "$tree"/run/*.pid 2>/dev/null | xargs
  answer || true
}

# assert_same_when_pasted WORD…: dry run, paste, look; the tree as before; command, look; both are the same, and the dry run
# itself changed nothing. With `was_running` the services run before.
assert_same_when_pasted() {
  local saved=nothing lines before pasted
  if [ -e "$tree" ]; then
    saved=$BATS_TEST_TMPDIR/saved
    cp -a "$tree" "$saved"
  fi
  [ -z "${was_running-}" ] || op service/start
  before=$(snapshot "$tree"; running; rows)
  lines=$(op "$@" --dry-run)
  assert_equal "$(snapshot "$tree"; running; rows)" "$before"
  (cd / && env -i PATH=/usr/bin:/bin HOME="$HOME" dash -c "$lines") >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- || fail "pasted: $(cat "$BATS_TEST_TMPDIR/out")"$'\n'"$lines"
  pasted=$(snapshot "$tree"; running; rows)
  assert_not_equal "$pasted" "$before"

  restore "$saved"
  [ -z "${was_running-}" ] || op service/start
  op "$@"
  run diff <(echo "$pasted") <(snapshot "$tree"; running; rows)
  assert_success
}

@test "prepare_shared, where there is no tree yet" {
  restore nothing
  mkdir -p "$app/in place" "$app/data"
  touch "$app/in place/it's.env"
  assert_same_when_pasted release/prepare_shared
  assert [ -L "$tree/shared/data" ]
}

# A tree of phase 1, with the application's own files behind the links; without a copy of the suite, which takes long.
phase_one() {
  mkdir -p "$app/in place" "$app/data/deep"
  echo "TOKEN='x'" >"$app/in place/it's.env"
  "$ops/_bun" -e 'new (require("node:sqlite").DatabaseSync)(process.argv[1]).exec("CREATE TABLE IF NOT EXISTS t (a)")' "$app/data/app.db"
  local version
  version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$suite/package.json")
  mkdir -p "$tree/suite/$version"
  touch "$tree/suite/$version/package.json"
  rmdir "$tree/shared/data"
}

@test "prepare_shared --harden, with services that run" {
  phase_one
  op release/prepare_shared
  assert [ -L "$tree/shared/data" ]
  was_running=yes assert_same_when_pasted release/prepare_shared --harden
  assert [ ! -L "$tree/shared/data" ]
  assert [ -f "$tree/shared/data/app.db" ]
}

@test "prepare_shared --move" {
  phase_one
  assert_same_when_pasted release/prepare_shared --move
  assert [ -f "$tree/shared/it's a file.env" ]
}

@test "build_release, into a tree and where there is none yet" {
  assert_same_when_pasted release/build_release HEAD --id r4
  assert [ -f "$tree/releases/r4/out dir/a'b" ]
  restore nothing
  rm -rf "$BATS_TEST_TMPDIR/saved"
  assert_same_when_pasted release/build_release HEAD --id r4
}

@test "switch_current" {
  was_running=yes assert_same_when_pasted release/switch_current r3
  assert_serves r3
}

@test "rollback" {
  was_running=yes assert_same_when_pasted release/rollback
  assert_serves r1
}

@test "deploy, which prunes" {
  was_running=yes assert_same_when_pasted release/deploy HEAD --id r4
  assert_serves r4
  assert [ ! -e "$tree/releases/r1" ]
}

@test "a deploy that migrates, and the way back that brings the data back" {
  cp "$suite/test/ops/app/migrate.ts" "$app"
  git -C "$app" add migrate.ts
  statements() {
    printf '%s\n' "$@" >"$app/migrate.sql"
    git -C "$app" add migrate.sql
    commit ok
  }
  cat >>"$app/deploy.yaml" <<YAML
database: { sqlite: data/app.db }
migrate: { run: "'$ops/_bun' migrate.ts" }
YAML
  op service/start
  statements "CREATE TABLE one (x)"
  deploy r4
  op service/stop
  statements "CREATE TABLE two (x)"
  was_running=yes assert_same_when_pasted release/deploy HEAD --id r5
  assert_serves r5
  assert_equal "$(find "$tree/backups" -name MIGRATING)" ""
  op service/stop
  rm -rf "$BATS_TEST_TMPDIR/saved"
  was_running=yes assert_same_when_pasted release/rollback --restore-data --yes
  assert_serves r4
  assert [ -e "$tree"/shared/data/app.db.failed-* ]
}

@test "a first deploy" {
  restore nothing
  assert_same_when_pasted release/deploy HEAD --id r1
  assert_serves r1
}

@test "prune" {
  op release/switch_current r3
  op service/stop
  assert_same_when_pasted release/prune --keep 1
  assert_equal "$(ls "$tree/releases" | xargs)" "r2 r3"
}

@test "service start, stop and restart" {
  assert_same_when_pasted service/start
  rm -rf "$BATS_TEST_TMPDIR/saved"
  restore "$tree.base"
  was_running=yes assert_same_when_pasted service/stop
  refute answer
  rm -rf "$BATS_TEST_TMPDIR/saved"
  restore "$tree.base"
  op service/start
  local pid
  pid=$(head -1 "$tree/run/web.pid")
  op service/restart --dry-run | dash
  assert [ "$(head -1 "$tree/run/web.pid")" != "$pid" ]
  assert_serves r2
}

@test "seed 004's variables go along with the paste" {
  export DEPLOY_CURRENT_LINK="$tree/it's live" DEPLOY_HEALTHCHECK_CMD="test -f 'out dir/a'\"'b\"" DEPLOY_SKIP_SERVICE_RESTART=1
  sed -i '/^smoke:/d' "$app/deploy.yaml"
  lines=$(op release/switch_current r3 --dry-run)
  run env -u DEPLOY_CURRENT_LINK -u DEPLOY_HEALTHCHECK_CMD -u DEPLOY_SKIP_SERVICE_RESTART dash -c "$lines"
  assert_success
  assert_equal "$(readlink "$tree/it's live")" releases/r3
  assert_equal "$(current)" releases/r2
}
