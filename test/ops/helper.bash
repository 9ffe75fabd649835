# Loaded by every file here: a real application with its repository, a real tree, real commands.
# shellcheck disable=SC2013,SC2119,SC2120 # its functions are called by the bats files
bats_require_minimum_version 1.10.0
suite=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
ops=$suite/ops
load "$suite/node_modules/bats-support/load.bash"
load "$suite/node_modules/bats-assert/load.bash"
# The caller's own settings would lead the commands to another tree; git needs a name to commit.
unset "${!DEPLOY_@}" "${!SWITCHBACK_@}" REPO_ROOT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost

# make_app [DIRECTORY]: sets `app`, `tree` and `port`, and makes the application with its first commit and its manifest.
make_app() {
  local place=${1:-$BATS_TEST_TMPDIR}
  app=$place/app tree=$place/tree port=$(free_port)
  mkdir -p "$app"
  cp "$suite/test/ops/app/server.ts" "$app"
  git -C "$app" init -q -b main
  commit ok
  manifest </dev/null
}

# A port of 21200 to 21299 on which nobody listens.
free_port() {
  local candidate=$((21200 + RANDOM % 100))
  while (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; do candidate=$((21200 + RANDOM % 100)); done
  echo "$candidate"
}

# commit MODE: a commit whose application behaves as MODE says; each is another one.
commit() {
  echo "$1" >"$app/mode"
  echo "$RANDOM$RANDOM" >"$app/marker"
  git -C "$app" add server.ts mode marker
  git -C "$app" commit -q -m "$1"
}

# manifest [--bare]: writes deploy.yaml, with the YAML of standard input behind it; --bare has no service, and its gate wants
# that the release's mode is ok.
manifest() {
  {
    printf 'app: bats\ndeploy_to: %s\n' "$tree"
    if [ "${1-}" = --bare ]; then
      echo "health: { run: grep -qx ok mode, every: 10ms, timeout: ${gate_timeout:-20s}, soak: 20ms }"
    else
      service
    fi
    cat
  } >"$app/deploy.yaml"
}

# The service of the manifest, with a quick gate; `gate_timeout` is how long a release that never answers well is waited for.
service() {
  cat <<YAML
services:
  web:
    run: "'$ops/_bun' server.ts"
    port: $port
    health: { path: /, every: 20ms, timeout: ${gate_timeout:-20s}, soak: 100ms }
    stop_timeout: 2s
YAML
}

# op GROUP/NAME [WORD…]: one of the suite's commands, on this application.
op() {
  local name=$1
  shift
  "$ops/$name.ts" --manifest "$app/deploy.yaml" "$@"
}

# deploy ID: builds the newest commit as ID and makes it current.
deploy() {
  op release/deploy HEAD --id "$@"
}

# What a visitor sees: `<release> <variant>`, or nothing.
answer() {
  curl -s --max-time 5 "http://127.0.0.1:$port/"
}

current() {
  readlink "$tree/current"
}

sql() {
  "$ops/_bun" -e '
    const { DatabaseSync } = require("node:sqlite");
    const rows = new DatabaseSync(process.argv[1], { readOnly: true }).prepare(process.argv[2]).all();
    for (const row of rows) console.log(Object.values(row).map((value) => value ?? "-").join(" "));
  ' "$tree/registry.db" "$1"
}

status_of() {
  sql "SELECT status FROM releases WHERE release_id = '$1'"
}

# What a tree holds; see snapshot.ts.
snapshot() {
  "$ops/_bun" "$suite/test/ops/snapshot.ts" "$1"
}

# assert_untouched COMMAND…: it changes nothing in the tree.
assert_untouched() {
  local before
  before=$(snapshot "$tree")
  run "$@"
  assert_equal "$(snapshot "$tree")" "$before"
}

# assert_serves ID [VARIANT]: it is current, answers, and the registry knows it as serving.
assert_serves() {
  assert_equal "$(current)" "releases/$1"
  assert_equal "$(answer)" "$1 ${2:-plain}"
  assert_regex "$(status_of "$1")" '^(deployed|rolled_back)$'
}

# Stops what a test started, whatever became of it: by the mark that every process of a tree bears.
stop_all() {
  local environ
  for environ in $(grep -alsF -- "SWITCHBACK_SERVICE=${1:-$BATS_TEST_TMPDIR}/" /proc/[0-9]*/environ); do
    environ=${environ#/proc/}
    kill -KILL "${environ%/environ}" 2>/dev/null || true
  done
}

teardown() {
  stop_all
}
