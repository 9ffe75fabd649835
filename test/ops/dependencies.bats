# Dependency sets by lockfile: real environments of Python and of Node, made once in shared/deps and linked into releases.
load helper

bats_require_minimum_version 1.10.0

free_port() {
  local candidate=$((24000 + RANDOM % 50))
  while (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; do candidate=$((24000 + RANDOM % 50)); done
  echo "$candidate"
}

setup() {
  python3 -m venv --help >/dev/null 2>&1 || skip "no python3 with venv is installed"
  make_app
  write_python
  with_set
}

teardown() {
  stop_all
}

# An application that says which release it is, which package it found, and where its interpreter lives.
write_python() {
  mkdir -p "$app/backend/vendor"
  cat >"$app/backend/server.py" <<'PY'
import http.server, os, sys, greet
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(f"{os.environ['RELEASE_ID']} {greet.VERSION} {os.path.realpath(sys.prefix)}".encode())
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
PY
  wheel 1
  wheel 2
  echo 'greet==1' >"$app/backend/requirements.txt"
  git -C "$app" add backend
  commit ok
}

# wheel VERSION: a package as pip installs it, made by hand.
wheel() {
  python3 - "$app/backend/vendor/greet-$1-py3-none-any.whl" "$1" <<'PY'
import sys, zipfile
file, version = sys.argv[1:]
info = f"greet-{version}.dist-info"
with zipfile.ZipFile(file, "w") as wheel:
    wheel.writestr("greet.py", f"VERSION = {version}\n")
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: greet\nVersion: {version}\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", "")
PY
}

# The lines of the set's run: an interpreter of its own, and in it what requirements.txt names. Each run is counted.
install='- "\"$PYTHON3\" -m venv --without-pip .venv"
      - "site=$(.venv/bin/python -c \"import site; print(site.getsitepackages()[0])\")"
      - "\"$PYTHON3\" -m zipfile -e vendor/greet-\"$(sed s/.*=// requirements.txt)\"-py3-none-any.whl \"$site\""
      - "echo made >> \"$DEPLOY_TO/shared/made\""'

# with_set [LINES-OF-RUN]: the manifest with the set `backend`; more of it on standard input where that is no terminal.
with_set() {
  cat >"$app/deploy.yaml" <<YAML
app: bats
deploy_to: $tree
keep_releases: ${keep:-5}
dependencies:
  backend:
    path: backend/.venv
    key: [backend/requirements.txt, backend/vendor/greet-1-py3-none-any.whl, backend/vendor/greet-2-py3-none-any.whl]
    dir: backend
    needs: "python3>=3.9"
    run:
      ${1:-$install}
services:
  web:
    run: .venv/bin/python server.py
    dir: backend
    port: $port
    health: { path: /, every: 20ms, timeout: 10s, soak: 50ms }
    stop_timeout: 2s
YAML
}

require() {
  echo "greet==$1" >"$app/backend/requirements.txt"
  git -C "$app" add backend
  commit ok
}

sets() {
  find "$tree/shared/deps" -mindepth 2 -maxdepth 2 -printf '%f\n' 2>/dev/null | sort
}

# key_of RELEASE: what its RELEASE.json says.
key_of() {
  sed -n 's/.*"backend": "\(.*\)".*/\1/p' "$tree/releases/$1/RELEASE.json"
}

made() {
  grep -c made "$tree/shared/made"
}

@test "two releases with different lockfiles keep their own packages, and a rollback gets its own back" {
  run deploy one
  assert_success
  assert_equal "$(answer)" "one 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
  require 2
  run deploy two
  assert_success
  assert_equal "$(answer)" "two 2 $tree/shared/deps/backend/$(key_of two)/backend/.venv"
  run op release/rollback
  assert_success
  assert_equal "$(answer)" "one 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
  run op release/rollback two
  assert_success
  assert_equal "$(answer)" "two 2 $tree/shared/deps/backend/$(key_of two)/backend/.venv"
  assert_equal "$(made)" 2
  run op release/verify one
  assert_success
}

@test "a set holds copies of its lockfiles, counts by its mark, and is linked by a relative link" {
  run deploy one
  assert_success
  local set
  set=$tree/shared/deps/backend/$(key_of one)
  assert_equal "$(readlink "$tree/releases/one/backend/.venv")" "../../../shared/deps/backend/$(key_of one)/backend/.venv"
  run cmp "$set/backend/requirements.txt" "$app/backend/requirements.txt"
  assert_success
  run grep -E '^\{"key":"[0-9a-f]{16}","made_at":"[^"]+Z","bytes":[1-9][0-9]+,"files":[1-9][0-9]+\}$' "$set/.complete"
  assert_success
}

@test "with the same lockfile nothing is made again, whatever else changed" {
  deploy one
  local before
  before=$(find "$tree/shared/deps" -printf '%p %C@\n' | sort)
  commit ok
  run deploy two
  assert_success
  refute_output --partial "Make the dependency set"
  assert_equal "$(made)" 1
  assert_equal "$(find "$tree/shared/deps" -printf '%p %C@\n' | grep -v __pycache__ | sort)" "$(grep -v __pycache__ <<<"$before")"
  assert_equal "$(answer)" "two 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
}

@test "an install that fails leaves nothing, and the old release serves" {
  deploy one
  require 2
  with_set '- mkdir -p .venv/lib && touch .venv/lib/half && chmod a-w .venv/lib
      - "false"'
  run deploy two
  assert_failure 1
  assert_equal "$(sets)" "$(key_of one)"
  assert [ ! -e "$tree/releases/two" ]
  assert_equal "$(answer)" "one 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
}

@test "an install that ends well and makes no path does not count" {
  with_set '- "true"'
  run deploy one
  assert_failure 1
  assert_output --partial "made no backend/.venv"
  assert_equal "$(sets)" ""
}

@test "an install killed in the middle never looks complete, and the next deploy makes it anew" {
  deploy one
  require 2
  with_set '- mkdir -p .venv/lib && touch .venv/lib/half && chmod a-w .venv/lib
      - touch "$DEPLOY_TO/begun"
      - sleep 60'
  "$ops/release/deploy.ts" --manifest "$app/deploy.yaml" HEAD --id two 3>&- >/dev/null 2>&1 &
  local pid=$!
  until [ -e "$tree/begun" ]; do sleep 0.05; done
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null || true
  # The same key, so that the same directory would be taken for a finished one.
  local half
  half=$(find "$tree/shared/deps/backend" -mindepth 1 -maxdepth 1 -not -name "$(key_of one)")
  assert [ -e "$half/backend/.venv/lib/half" ]
  assert [ ! -e "$half/.complete" ]
  assert_equal "$(answer)" "one 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
  run op release/recover
  assert_success
  assert [ ! -e "$half" ]
  with_set
  run deploy two
  assert_success
  assert_equal "$(answer)" "two 2 $tree/shared/deps/backend/$(key_of two)/backend/.venv"
}

@test "what is left of an install is removed before it is made again, read-only directories too" {
  deploy one
  local set
  set=$tree/shared/deps/backend/$(key_of one)
  op service/stop
  rm "$set/.complete"
  mkdir "$set/backend/.venv/closed"
  touch "$set/backend/.venv/closed/old"
  chmod a-w "$set/backend/.venv/closed"
  commit ok
  run deploy two
  assert_success
  assert [ ! -e "$set/backend/.venv/closed" ]
  assert [ -e "$set/.complete" ]
  assert_equal "$(made)" 2
}

@test "a set whose path was removed by hand is made again" {
  deploy one
  rm -rf "$tree/shared/deps/backend/$(key_of one)/backend/.venv"
  commit ok
  run deploy two
  assert_success
  assert_equal "$(answer)" "two 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
}

@test "prune takes a set with the last release that refers to it, and never one that is still referred to" {
  deploy one
  local first
  first=$(key_of one)
  require 2
  deploy two
  commit ok
  deploy three
  run op release/prune --keep 3 --dry-run
  assert_success
  assert_output --partial "stays  shared/deps/backend/$first  for one"
  cp -a "$tree/releases/one" "$tree/releases/by-hand"
  run op release/prune --keep 2
  assert_success
  assert [ -d "$tree/shared/deps/backend/$first" ]
  rm -rf "$tree/releases/by-hand"
  run op release/prune --keep 2 --dry-run
  assert_output --partial "goes   shared/deps/backend/$first  no release has it"
  run op release/prune --keep 2
  assert_success
  assert_equal "$(sets)" "$(key_of two)"
  assert_equal "$(answer)" "three 2 $tree/shared/deps/backend/$(key_of two)/backend/.venv"
}

@test "a deploy prunes the set of the release that it pushes out, and not the one that it uses itself" {
  keep=1 with_set
  deploy one
  local first
  first=$(key_of one)
  require 2
  deploy two
  commit ok
  # The set of `one` is what three goes back to, while one itself is pushed out.
  require 1
  run deploy three
  assert_success
  assert [ ! -e "$tree/releases/one" ]
  assert_equal "$(key_of three)" "$first"
  # What runs has loaded its packages already: it answers without them, too.
  assert [ -e "$tree/shared/deps/backend/$first/.complete" ]
  assert_equal "$(answer)" "three 1 $tree/shared/deps/backend/$first/backend/.venv"
  commit ok
  run deploy four
  assert_success
  assert_equal "$(sets)" "$first"
}

@test "what an interrupted removal left goes with the next prune" {
  deploy one
  mkdir -p "$tree/shared/deps/backend/.removing-0123456789abcdef/x" "$tree/shared/deps/gone/0123456789abcdef"
  run op release/prune
  assert_success
  assert_equal "$(sets)" "$(key_of one)"
}

@test "an environment outside of the tree is linked as it is, and a place that is gone is refused" {
  local env=$BATS_TEST_TMPDIR/conda/envs/medc
  python3 -m venv --without-pip "$env"
  python3 -m zipfile -e "$app/backend/vendor/greet-2-py3-none-any.whl" "$("$env/bin/python" -c 'import site; print(site.getsitepackages()[0])')"
  sed -i '/^dependencies:/,/^services:/{/^services:/!d}' "$app/deploy.yaml"
  printf 'dependencies:\n  backend: { path: backend/.venv, use: %s }\n' "$env" >>"$app/deploy.yaml"
  run deploy one
  assert_success
  assert_equal "$(readlink "$tree/releases/one/backend/.venv")" "$env"
  assert_equal "$(answer)" "one 2 $env"
  assert_equal "$(key_of one)" "$env"
  run op release/prune
  assert_success
  rm -rf "$env"
  commit ok
  run deploy two
  assert_failure 2
  assert_output --partial "dependencies.backend.use: there is no $env"
}

@test "a missing lockfile and an interpreter of another version are refused before anything is made" {
  sed -i 's/python3>=3.9/python3>=3.97,<3.98/; s/greet-2-py3-none-any.whl/poetry.lock/' "$app/deploy.yaml"
  run deploy one
  assert_failure 2
  assert_output --partial "dependencies.backend.key: backend/vendor/poetry.lock is not in HEAD"
  assert_output --partial "dependencies.backend.needs: python3>=3.97,<3.98 is needed"
  assert_output --partial "uv python install 3.97"
  assert [ ! -e "$tree/releases" ]
}

@test "two sets of one release: only the one whose lockfile changed is made" {
  cat >>"$app/deploy.yaml" <<YAML
build:
  check: { run: test "\$(cat tools/out)" = tools }
YAML
  sed -i 's|^services:|  tools: { path: tools, key: mode, run: [mkdir tools, echo tools > tools/out, echo made >> "$DEPLOY_TO/shared/tools"] }\nservices:|' "$app/deploy.yaml"
  deploy one
  require 2
  run deploy two
  assert_success
  assert_output --partial "Make the dependency set backend"
  refute_output --partial "Make the dependency set tools"
  assert_equal "$(wc -l <"$tree/shared/tools")" 1
}

@test "pip installs what the lockfile names into the set, without an index" {
  python3 -c 'import ensurepip' 2>/dev/null || skip "no python3 with ensurepip is installed"
  with_set '- "\"$PYTHON3\" -m venv .venv"
      - .venv/bin/pip install --quiet --no-index --find-links vendor -r requirements.txt'
  run deploy one
  assert_success
  assert_equal "$(answer)" "one 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
  run head -n 1 "$tree/releases/one/backend/.venv/bin/pip"
  assert_output --partial "#!$tree/shared/deps/backend/$(key_of one)/backend/.venv/bin/python"
}

@test "node_modules come from npm ci, and a build step and the service find them" {
  command -v npm >/dev/null || skip "npm is not installed"
  mkdir -p "$app/frontend/vendor/package"
  echo '{"name":"left","version":"1.0.0","main":"index.js"}' >"$app/frontend/vendor/package/package.json"
  echo 'module.exports = "left 1";' >"$app/frontend/vendor/package/index.js"
  tar -czf "$app/frontend/vendor/left-1.0.0.tgz" -C "$app/frontend/vendor" package
  rm -r "$app/frontend/vendor/package"
  echo '{"name":"front","version":"1.0.0","dependencies":{"left":"file:vendor/left-1.0.0.tgz"}}' >"$app/frontend/package.json"
  (cd "$app/frontend" && npm install --offline --no-audit --no-fund --cache "$BATS_TEST_TMPDIR/npm" >/dev/null && rm -r node_modules)
  git -C "$app" add frontend
  commit ok
  cat >"$app/deploy.yaml" <<YAML
app: bats
deploy_to: $tree
dependencies:
  frontend:
    path: frontend/node_modules
    key: [frontend/package.json, frontend/package-lock.json, frontend/vendor/left-1.0.0.tgz]
    dir: frontend
    needs: [node, npm]
    env: { npm_config_cache: "$BATS_TEST_TMPDIR/npm", npm_config_audit: "false" }
    run: [npm ci --offline, echo made >> "\$DEPLOY_TO/shared/made"]
build:
  frontend: { dir: frontend, run: node -p 'require("left")' > built }
health: { run: grep -qx 'left 1' frontend/built, every: 10ms, timeout: 2s, soak: 20ms }
YAML
  run deploy one
  assert_success
  assert [ -f "$tree/releases/one/frontend/node_modules/left/index.js" ]
  commit ok
  run deploy two
  assert_success
  assert_equal "$(made)" 1
}

@test "a full disk in the middle of an install leaves nothing of the set or of the release" {
  [ "$(id -u)" = 0 ] || skip "mounting a tmpfs needs root"
  mkdir "$tree"
  mount -t tmpfs -o size=24m tmpfs "$tree" || skip "a tmpfs cannot be mounted here"
  with_set '- mkdir .venv && head -c 64m /dev/zero >.venv/large'
  run deploy one
  local left released
  left=$(sets)
  released=$(ls "$tree/releases")
  umount -l "$tree"
  assert_failure 1
  assert_output --partial "No space left"
  assert_equal "$left" ""
  assert_equal "$released" ""
}

# borrow: a release that uses the checkout's environment by shared/venv, and then a manifest that has a set in its place.
borrow() {
  (cd "$app/backend" && PYTHON3=python3 DEPLOY_TO=$BATS_TEST_TMPDIR bash -euo pipefail -c '
    "$PYTHON3" -m venv --without-pip .venv
    "$PYTHON3" -m zipfile -e vendor/greet-1-py3-none-any.whl "$(.venv/bin/python -c "import site; print(site.getsitepackages()[0])")"')
  echo .venv >"$app/.gitignore"
  git -C "$app" add .gitignore
  commit ok
  sed -i '/^dependencies:/,/^services:/{/^services:/!d}' "$app/deploy.yaml"
  printf 'linked_dirs:\n  - { path: backend/.venv, shared: venv }\n' >>"$app/deploy.yaml"
  op release/prepare_shared >/dev/null
  deploy one
  assert_equal "$(answer)" "one 1 $app/backend/.venv"
  with_set
}

# assert_borrows: what served before a promotion serves, and the release says so.
assert_borrows() {
  assert_equal "$(answer)" "one 1 $app/backend/.venv"
  assert_equal "$(readlink "$tree/releases/one/backend/.venv")" ../../../shared/venv
  assert [ ! -L "$tree/releases/one/backend/.kept-.venv" ]
  run op release/verify one
  assert_success
  refute_output --partial added
}

@test "promote turns the borrowed environment into a set of the current release's own" {
  borrow
  run op release/promote
  assert_success
  assert_equal "$(answer)" "one 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
  assert [ ! -L "$tree/releases/one/backend/.kept-.venv" ]
  run op release/verify one
  assert_success
  # A deploy of the same lockfile uses the same set; the checkout's environment is needed by nothing any more.
  rm -rf "$app/backend/.venv"
  commit ok
  run deploy two
  assert_success
  assert_equal "$(made)" 1
  run op release/prune --keep 1
  assert_success
  run op release/rollback
  assert_success
  assert_equal "$(answer)" "one 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
}

@test "promote without a running service only links; and there is nothing to promote twice" {
  borrow
  op service/stop
  run op release/promote backend
  assert_success
  refute_output --partial "Start web"
  run op release/verify one
  assert_success
  run op release/promote
  assert_failure 2
  assert_output --partial "backend/.venv of one leads to a dependency set already"
  run op release/promote nothing
  assert_failure 2
  op service/start
  assert_equal "$(answer)" "one 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
}

@test "a promoted release that does not get healthy borrows again" {
  borrow
  with_set '- "\"$PYTHON3\" -m venv --without-pip .venv"'
  run op release/promote
  assert_failure 3
  assert_borrows
}

@test "promote is undone by the next command, wherever a kill came" {
  command -v strace >/dev/null || skip "strace is not installed"
  borrow
  local call when
  for call in symlink:1 symlink:2 rename:2 rename:3 rename:4 rename:5 unlink:2; do
    when=${call#*:}
    strace -f -b execve -qq -o /dev/null -e trace="${call%:*}" -e inject="${call%:*}:signal=KILL:when=$when" \
      "$suite"/node_modules/@oven/bun-linux-x64*/bin/bun --no-install --no-env-file --config=/dev/null \
      "$ops/release/promote.ts" --manifest "$app/deploy.yaml" >/dev/null 2>&1 3>&- || true
    run op release/recover
    assert_success
    if [ "$(readlink "$tree/releases/one/backend/.venv")" != ../../../shared/venv ]; then
      # It came after all was done.
      assert_equal "$(answer)" "one 1 $tree/shared/deps/backend/$(key_of one)/backend/.venv"
      run op release/verify one
      assert_success
      break
    fi
    assert_borrows
  done
}
