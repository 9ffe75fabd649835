load helper.bash

# A frontend whose step counts its runs outside of the tree, and a backend that is no input of it.
setup() {
  make_app
  mkdir -p "$app/frontend/src" "$app/backend" "$BATS_TEST_TMPDIR/bin"
  echo one >"$app/frontend/src/app.js"
  echo '{}' >"$app/frontend/package-lock.json"
  echo one >"$app/backend/main.py"
  tool 1.0
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
  frontend
  save
}

teardown() {
  stop_all
  ! mountpoint -q "$tree" || umount "$tree"
}

# tool VERSION: the bundler that the step needs.
tool() {
  printf '#!/bin/sh\necho "bundler %s"\n' "$1" >"$BATS_TEST_TMPDIR/bin/bundler"
  chmod 755 "$BATS_TEST_TMPDIR/bin/bundler"
}

save() {
  git -C "$app" add -A . ':!deploy.yaml'
  git -C "$app" commit -q --allow-empty -m "$RANDOM"
}

# frontend [LINE]: the manifest, with more of the step in LINE and more of the manifest on standard input.
frontend() {
  manifest --bare <<YAML
build:
  frontend:
    dir: frontend
    inputs: [frontend/src, frontend/package-lock.json]
    outputs: [frontend/dist]
    needs: bundler>=1.0
    run:
      - echo "\$RELEASE_ID" >>$BATS_TEST_TMPDIR/runs
      - mkdir -p dist/assets/empty
      - cat src/* >dist/assets/app.js
      - ln -sfn assets/app.js dist/entry.js
      - install -m 755 /dev/null "dist/it's a \$(printf 'n\303\266') -file"
    ${1-}
${2-}
YAML
}

build() {
  local id=$1
  shift
  op release/build_release HEAD --id "$id" "$@"
}

# assert_runs ID…: the releases for which the step ran.
assert_runs() {
  assert_equal "$(xargs <"$BATS_TEST_TMPDIR/runs")" "$*"
}

dist() {
  snapshot "$tree/releases/$1/frontend/dist"
}

@test "a change of the backend alone takes the frontend's outputs from the release before" {
  build r1
  echo two >"$app/backend/main.py"
  save
  run build r2
  assert_success
  assert_output --partial 'Take frontend/dist from r1: nothing of frontend changed (1 of 1)'
  assert_runs r1
  assert_equal "$(dist r2)" "$(dist r1)"
  assert_equal "$(stat -c %Y "$tree"/releases/r2/frontend/dist/assets/app.js)" "$(stat -c %Y "$tree"/releases/r1/frontend/dist/assets/app.js)"
  [ -d "$tree/releases/r2/frontend/dist/assets/empty" ]
  # Never a hard link: a service may write into its own release.
  echo changed >>"$tree/releases/r2/frontend/dist/assets/app.js"
  assert_equal "$(cat "$tree/releases/r1/frontend/dist/assets/app.js")" one
  run op release/verify r1
  assert_success
}

@test "whatever the step reads runs it again, and the plan says what changed" {
  build r1
  echo two >"$app/frontend/src/app.js"
  save
  run build r2
  assert_output --partial 'build.frontend runs: frontend/src changed since r1'
  echo '{"a":1}' >"$app/frontend/package-lock.json"
  save
  run build r3
  assert_output --partial 'build.frontend runs: frontend/package-lock.json changed since r2'
  frontend 'env: { API_URL: "http://127.0.0.1:1" }'
  run build r4
  assert_output --partial 'build.frontend runs: its inputs, command, environment, tools or dependencies changed since r3'
  sed -i 's/cat src/cat -- src/' "$app/deploy.yaml"
  build r5
  tool 1.1
  build r6
  build r7
  assert_runs r1 r2 r3 r4 r5 r6
}

@test "the port of a service that stands in the environment is part of what was read" {
  local url='env: { API_URL: "http://127.0.0.1:${services.web.port}" }'
  frontend "$url" "services: { web: { run: sleep 1, port: 24061 } }"
  build r1
  build r2
  frontend "$url" "services: { web: { run: sleep 1, port: 24062 } }"
  build r3
  assert_runs r1 r3
}

@test "--no-cache does it again, and what it made is taken afterwards" {
  build r1
  build r2 --no-cache
  run build r3
  assert_output --partial 'Take frontend/dist from r2'
  assert_runs r1 r2
}

@test "two releases back and forth: each state of the inputs is built once" {
  build r1
  echo two >"$app/frontend/src/app.js"
  save
  build r2
  git -C "$app" revert --no-edit HEAD >/dev/null
  run build r3
  assert_output --partial 'Take frontend/dist from r1'
  op release/build_release HEAD~1 --id r4
  assert_runs r1 r2
  assert_equal "$(cat "$tree"/releases/{r1,r2,r3,r4}/frontend/dist/entry.js | xargs)" 'one two one two'
}

@test "outputs that were altered by hand are not taken, nor are files that were added" {
  build r1
  build r2
  echo added >"$tree/releases/r2/frontend/dist/assets/added.js"
  build r3
  [ ! -e "$tree/releases/r3/frontend/dist/assets/added.js" ]
  echo altered >"$tree/releases/r3/frontend/dist/assets/app.js"
  run build r4
  assert_output --partial 'from r2'
  for id in r1 r2 r4; do rm "$tree/releases/$id/frontend/dist/entry.js"; done
  run build r5
  assert_output --partial 'build.frontend runs: what it made in r4 was altered'
  assert_runs r1 r5
}

@test "what looks unaltered and is not is found before it is taken" {
  build r1
  local file=$tree/releases/r1/frontend/dist/assets/app.js
  touch -r "$file" "$BATS_TEST_TMPDIR/time"
  printf 'xxx\n' >"$file"
  touch -r "$BATS_TEST_TMPDIR/time" "$file"
  build r2
  assert_runs r1 r2
  # One that only changes after it was looked at is found by the copy.
  mkdir -p "$tree/releases/r9"
  touch "$tree/releases/r9/.building"
  run op release/build_release --part reuse r9 frontend r1
  assert_failure 1
  assert_output --partial 'frontend/dist/assets/app.js in r1 is not what was built there'
  assert_output --regexp 'build_release.ts --manifest .* --no-cache'
}

@test "what was altered before the release's schema was recorded is made again" {
  printf 'database: { sqlite: app.db }\nmigrate: { run: "true" }\n' >>"$app/deploy.yaml"
  build r1
  echo altered >"$tree/releases/r1/frontend/dist/assets/app.js"
  sqlite3 "$tree/shared/app.db" 'CREATE TABLE a (b)'
  op release/switch_current r1 >/dev/null
  grep -q '"migration_marker": "schema-' "$tree/releases/r1/RELEASE.json"
  run build r2
  assert_output --partial 'build.frontend runs: what it made in r1 was altered'
  assert_runs r1 r2
}

@test "outputs that the user who builds may not read are made again" {
  as_nobody() { setpriv --reuid nobody --clear-groups -- "$@"; }
  [ "$(id -u)" = 0 ] || skip "only root can make a file that the tree's owner may not read"
  as_nobody test -r "$suite/package.json" || skip "the suite lies where no other user may read it"
  place=$(mktemp -d "${TMPDIR:-/tmp}/switchback-cache-XXXXXX")
  make_app "$place"
  chmod 755 "$place"
  manifest --bare <<YAML
build: { copy: { run: mkdir made && cp mode made, inputs: [mode], outputs: [made] } }
YAML
  install -d -o nobody "$tree"
  chown -R nobody "$place"
  as_nobody "$ops/release/build_release.ts" --manifest "$app/deploy.yaml" --id r1
  chown root "$tree/releases/r1/made/mode"
  chmod 600 "$tree/releases/r1/made/mode"
  run as_nobody "$ops/release/build_release.ts" --manifest "$app/deploy.yaml" --id r2
  rm -rf "$place"
  assert_success
  assert_output --partial 'build.copy runs: what it made in r1 was altered'
}

@test "a tree that was copied elsewhere and back is looked at by contents" {
  build r1
  cp -a "$tree/releases/r1" "$tree/copy"
  rm -rf "$tree/releases/r1"
  sleep 0.01
  mv "$tree/copy" "$tree/releases/r1"
  touch -h "$tree/releases/r1/frontend/dist/assets/app.js"
  build r2
  assert_runs r1
}

@test "a release that is gone, and one whose build failed, are no source" {
  build r1
  rm -rf "$tree/releases/r1"
  build r2
  frontend 'env: { A: b }'
  echo '  last: { run: "false" }' >>"$app/deploy.yaml"
  run build r3
  assert_failure 1
  sed -i '/^  last/d' "$app/deploy.yaml"
  build r4
  assert_runs r1 r2 r3 r4
}

@test "a dry run says what would be taken, and what it prints makes the same release" {
  build r1
  local lines
  lines=$(build r2 --dry-run)
  assert_regex "$lines" '--part reuse r2 frontend r1'
  dash -c "$lines" >/dev/null
  assert_equal "$(dist r2)" "$(dist r1)"
  assert_runs r1
}

@test "a step behind another one's outputs runs when that one does, and is skipped with it" {
  cat >>"$app/deploy.yaml" <<YAML
  bundle:
    inputs: [frontend/dist/assets]
    outputs: [bundle.tar]
    run: ["echo bundle-\$RELEASE_ID >>$BATS_TEST_TMPDIR/runs", "tar -cf bundle.tar frontend/dist"]
YAML
  build r1
  build r2
  echo two >"$app/frontend/src/app.js"
  save
  build r3
  assert_runs r1 bundle-r1 r3 bundle-r3
}

@test "beside a build hook every step runs, and the plan says why" {
  build r1
  frontend '' 'hooks: { before_build: "true" }'
  run build r2
  assert_output --partial 'build.frontend runs: hooks.before_build may change what it reads'
  assert_runs r1 r2
}

@test "a working tree: what is left out or lies beside does not matter, one byte of the inputs does" {
  frontend '' 'source: { via: worktree, exclude: [node_modules, "frontend/src/*.log"] }'
  wt() { op release/build_release --id "$1"; }
  wt r1
  mkdir "$app/frontend/src/node_modules"
  touch "$app/frontend/src/node_modules/x" "$app/frontend/src/y.log"
  echo two >"$app/backend/main.py"
  wt r2
  assert_runs r1
  chmod +x "$app/frontend/src/app.js"
  wt r3
  printf 'onE\n' >"$app/frontend/src/app.js"
  run wt r4
  assert_output --partial 'build.frontend runs: its inputs, command, environment, tools or dependencies changed since r3'
  touch "$app/frontend/src/new.js"
  wt r5
  assert_runs r1 r3 r4 r5
}

@test "a linked file in the inputs counts: another .env makes another bundle" {
  sed -i 's/inputs: .*/inputs: [frontend]/; $a linked_files: [frontend/.env]' "$app/deploy.yaml"
  mkdir -p "$tree/shared/frontend"
  echo A=1 >"$tree/shared/frontend/.env"
  build r1
  build r2
  echo A=2 >"$tree/shared/frontend/.env"
  build r3
  assert_runs r1 r3
}

@test "a link of the commit where outputs go is never written through" {
  mkdir "$BATS_TEST_TMPDIR/outside"
  build r1
  mv "$app/frontend" "$app/web"
  ln -s web "$app/frontend"
  save
  run build r2
  assert_output --partial 'build.frontend runs: its input frontend/src is or lies behind a link'
  run op release/build_release --part reuse r2 frontend r1
  assert_failure 2
  assert_output --partial 'r2 is not being built'
  mkdir -p "$tree/releases/r9"
  touch "$tree/releases/r9/.building"
  ln -s "$BATS_TEST_TMPDIR/outside" "$tree/releases/r9/frontend"
  run op release/build_release --part reuse r9 frontend r1
  assert_failure 1
  assert_output --partial 'frontend is a symbolic link in the release'
  assert_equal "$(ls -A "$BATS_TEST_TMPDIR/outside")" ''
}

@test "another lockfile makes another dependency set, and what was built with it again" {
  cat >>"$app/deploy.yaml" <<YAML
dependencies:
  backend: { path: backend/packages, key: backend/lock, run: mkdir -p backend/packages && cp backend/lock backend/packages }
YAML
  echo 1 >"$app/backend/lock"
  save
  build r1
  build r2
  echo 2 >"$app/backend/lock"
  save
  build r3
  assert_runs r1 r3
}

@test "an input that nothing has is warned of" {
  sed -i 's/inputs: .*/inputs: [frontend\/src, nowhere]/' "$app/deploy.yaml"
  run build r1
  assert_success
  assert_output --partial 'warning: build.frontend: its input nowhere is not in HEAD'
}

@test "a file system that is full in the middle leaves nothing behind" {
  [ "$(id -u)" = 0 ] || skip 'only root mounts a small file system'
  [ "$(uname)" = Linux ] || skip 'tmpfs is of Linux'
  mkdir -p "$tree"
  mount -t tmpfs -o size=26m none "$tree" || skip 'nothing can be mounted here'
  sed -i '/^build:/a\  filler: { run: "[ $RELEASE_ID = r1 ] || head -c 10m /dev/zero >fill" }' "$app/deploy.yaml"
  sed -i 's/mkdir -p dist/head -c 8m \/dev\/urandom >big; mkdir -p dist/; s/cat src/cat big src/; s/- ln -sfn/- rm big; ln -sfn/' "$app/deploy.yaml"
  build r1
  run build r2
  assert_failure 1
  assert_output --partial 'no room on the disk'
  assert_equal "$(ls -A "$tree/releases")" r1
}
