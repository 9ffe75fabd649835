load helper.bash

# An application as somebody has it: a repository with a Node server, its settings and its data.
setup() {
  repo=$BATS_TEST_TMPDIR/shop tree=$BATS_TEST_TMPDIR/tree port=$(host_port)
  mkdir -p "$repo/data"
  cat >"$repo/server.js" <<'JS'
const { createServer } = require("node:http");
const answer = (request, response) => response.end(request.url === "/health" ? "ok" : `${process.env.RELEASE_ID} ${process.env.GREETING}`);
createServer(answer).listen(process.env.PORT, "127.0.0.1");
JS
  echo '{"name":"shop","scripts":{"start":"node server.js"}}' >"$repo/package.json"
  echo 'GREETING=canary-hello' >"$repo/.env"
  chmod 600 "$repo/.env"
  echo kept >"$repo/data/state"
  git -C "$repo" init -q -b main
  git -C "$repo" add server.js package.json
  git -C "$repo" commit -q -m first
}

teardown() {
  if [ -f "$BATS_TEST_TMPDIR/index.pid" ]; then kill "$(cat "$BATS_TEST_TMPDIR/index.pid")"; fi
  stop_all
}

host_port() {
  local candidate=$((21100 + RANDOM % 50))
  while [ "$candidate" = "${port:-}" ] || (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; do candidate=$((21100 + RANDOM % 50)); done
  echo "$candidate"
}

init() {
  "$ops/host/init.ts" "$repo" --deploy-to "$tree" --port "$port" "$@"
}

# What cron or a bare shell gives a command.
bare() {
  env -i PATH=/usr/bin:/bin HOME="$BATS_TEST_TMPDIR" "$@" </dev/null
}

commit_all() {
  git -C "$repo" add -A
  git -C "$repo" commit -q -m suite
}

@test "a Node server goes from init to serving by what init says to type, and back" {
  init
  commit_all
  export SWITCHBACK_HOME=$suite
  cd "$repo"
  run ops/host/doctor.ts
  assert_success
  assert_output --partial 'ops/release/prepare_shared.ts'
  ops/release/prepare_shared.ts
  run ops/host/doctor.ts
  assert_success
  ops/release/deploy.ts HEAD --id r1
  assert_equal "$(curl -fsS "http://127.0.0.1:$port/")" 'r1 canary-hello'
  ops/deploy.ts build HEAD --id r2
  cd /
  "$repo/ops/release/switch_current.ts" r2
  assert_equal "$(curl -fsS "http://127.0.0.1:$port/")" 'r2 canary-hello'
  "$repo/ops/deploy.ts" rollback
  assert_equal "$(curl -fsS "http://127.0.0.1:$port/")" 'r1 canary-hello'
  run "$repo/ops/host/doctor.ts"
  assert_success
}

@test "what is committed has the names of the settings, and never a value" {
  init
  commit_all
  run git -C "$repo" ls-files
  refute_line .env
  refute_line data/state
  assert_line .env.example
  run git -C "$repo" grep -n canary
  assert_failure
}

@test "--dry-run prints sh that makes the same files, and writes none" {
  run init --dry-run
  assert_success
  echo "$output" >"$BATS_TEST_TMPDIR/paste"
  assert_equal "$(ls -A "$repo" | sort | tr '\n' ' ')" '.env .git data package.json server.js '
  cp -a "$repo" "$BATS_TEST_TMPDIR/other"
  init
  mv "$repo" "$BATS_TEST_TMPDIR/applied"
  mv "$BATS_TEST_TMPDIR/other" "$repo"
  dash "$BATS_TEST_TMPDIR/paste"
  run diff -r -x .git "$BATS_TEST_TMPDIR/applied" "$repo"
  assert_success
  run diff <(cd "$BATS_TEST_TMPDIR/applied" && find ops -printf '%p %m\n' | sort) <(cd "$repo" && find ops -printf '%p %m\n' | sort)
  assert_success
}

@test "--json is one JSON value" {
  run --separate-stderr init --json
  assert_success
  assert_equal "$(jq -r '.written | contains(["deploy.yaml", "ops/_suite", "ops/RUNBOOK.md"])' <<<"$output")" true
}

@test "a manifest that is there is never overwritten; it says what to type" {
  init
  before=$(cat "$repo/deploy.yaml")
  run init --app other
  assert_failure 2
  assert_output --partial "$ops/host/generate.ts --manifest $repo/deploy.yaml"
  assert_equal "$(cat "$repo/deploy.yaml")" "$before"
}

@test "a complete manifest to begin with: this application's own" {
  run --separate-stderr "$ops/host/init.ts" "$repo" --like medc-anot
  assert_failure 2
  assert_equal "$(grep -c 'medc-annot: A Linux server' <<<"$stderr")" 1
  assert [ ! -e "$repo/deploy.yaml" ]
  run "$ops/host/init.ts" "$repo" --like oroboros --deploy-to "$tree"
  assert_success
  refute_output --partial 'its supervisor cannot do'
  rm -r "$repo/deploy.yaml" "$repo/ops"
  run "$ops/host/init.ts" "$repo" --like medc-annot --deploy-to "$tree"
  assert_success
  refute_output --partial 'its supervisor cannot do'
  grep -qx 'app: shop' "$repo/deploy.yaml"
  grep -qx "deploy_to: $tree" "$repo/deploy.yaml"
  assert [ -x "$repo/ops/systemd/install_systemd.ts" ]
  assert [ -x "$repo/ops/nginx/install_nginx.ts" ]
  run "$ops/host/generate.ts" --check --manifest "$repo/deploy.yaml"
  assert_success
  run --separate-stderr "$ops/host/doctor.ts" --json --manifest "$repo/deploy.yaml"
  assert_failure 1
  assert_equal "$(jq -r '.findings[] | select(.check == "programs").message' <<<"$output")" 'services.api.run: /opt/conda/envs/medc/bin/gunicorn is not there'
}

@test "a folder without package.json, or with nothing at all" {
  rm "$repo/package.json" "$repo/server.js"
  rm -r "$repo/.git"
  run init --run 'python3 -m http.server ${PORT}'
  assert_success
  run "$ops/host/generate.ts" --check --manifest "$repo/deploy.yaml"
  assert_success
  mkdir "$BATS_TEST_TMPDIR/empty"
  run "$ops/host/init.ts" "$BATS_TEST_TMPDIR/empty"
  assert_success
  assert_output --partial 'services is empty'
}

@test "a launcher works from anywhere, through a link, with nothing in the environment" {
  init
  ln -s "$repo/ops/release/list.ts" "$BATS_TEST_TMPDIR/list"
  ln -s "$repo" "$BATS_TEST_TMPDIR/linked"
  cd /
  for launcher in "$repo/ops/release/list.ts" "$BATS_TEST_TMPDIR/list" "$BATS_TEST_TMPDIR/linked/ops/release/list.ts"; do
    run --separate-stderr bare SWITCHBACK_HOME="$suite" "$launcher" --json
    assert_success
    assert_output '[]'
  done
  cd "$repo/ops/release"
  run bare SWITCHBACK_HOME="$suite" sh list.ts --json
  assert_output '[]'
}

@test "a launcher that finds no suite says what to type" {
  init
  run bare "$repo/ops/release/list.ts"
  assert_failure 2
  assert_output --partial 'npm install --save-dev switchback'
  assert_output --partial 'export SWITCHBACK_HOME='
}

@test "launchers and the crontab's line find the suite in the tree, with nothing else" {
  init
  commit_all
  "$ops/release/prepare_shared.ts" --manifest "$repo/deploy.yaml"
  run bare "$repo/ops/release/list.ts" --json
  assert_success
  assert_output '[]'
  line=$(grep -v '^#' "$repo/ops/crontab")
  assert_regex "$line" '^0 3 \* \* \* '
  run bare /bin/sh -c "${line#0 3 \* \* \* }"
  assert_success
  run cat "$tree/logs/cron.log"
  assert_output --partial 'Nothing to remove.'
}

@test "the runbook's blocks do what the commands do" {
  init
  commit_all
  mkdir -p "$tree/shared/data"
  install -m 600 "$repo/.env" "$tree/shared/.env"
  "$ops/release/deploy.ts" HEAD --id r1 --manifest "$repo/deploy.yaml"
  "$ops/release/build_release.ts" HEAD --id r2 --manifest "$repo/deploy.yaml"
  {
    echo "CHECKOUT=$repo"
    sed -n '/^## Switch/,/^## /p' "$repo/ops/RUNBOOK.md" | sed -n '/^($/,/^)$/p' | sed 's/20261120-221530-a1b2c3d/r2/g; s/20261113-090000-0d4c3b2/r1/g'
  } >"$BATS_TEST_TMPDIR/paste"
  cd /
  SWITCHBACK_HOME=$suite dash "$BATS_TEST_TMPDIR/paste"
  assert_equal "$(curl -fsS "http://127.0.0.1:$port/")" 'r2 canary-hello'
  assert_equal "$(readlink "$tree/current")" releases/r2
  assert_equal "$(status_of r2)" deployed
  run "$ops/release/status.ts" --manifest "$tree/deploy.yaml"
  assert_success
}

@test "generate: --check names what is stale; an edit is shown and kept, unless it is forced" {
  init
  export SWITCHBACK_HOME=$suite
  cd "$repo"
  ops/host/generate.ts --check
  sed -i 's/^keep_releases: 5/keep_releases: 7/' deploy.yaml
  run ops/host/generate.ts --check
  assert_failure 1
  assert_output --partial 'ops/RUNBOOK.md  (stale)'
  refute_output --partial 'ops/crontab'
  echo '# ours' >>ops/crontab
  run ops/host/generate.ts
  assert_failure 1
  assert_output --partial 'wrote    ops/RUNBOOK.md'
  assert_output --partial 'kept     ops/crontab'
  assert_output --partial '-# ours'
  run tail -n 1 ops/crontab
  assert_output '# ours'
  run ops/host/generate.ts --check
  assert_failure 1
  assert_output --partial 'ops/crontab  (edited)'
  ops/host/generate.ts --force
  ops/host/generate.ts --check
  refute grep -q ours ops/crontab
}

@test "generate: what the manifest no longer needs goes, what was edited of it stays" {
  init
  cd "$repo"
  sed -i 's/^  - data$/&\ndatabase: { sqlite: data\/a.db }/' deploy.yaml
  "$ops/host/generate.ts"
  mkdir -p ops/data
  # A launcher of an earlier generation, as the record knows it.
  echo old >ops/data/backup.ts
  echo old >ops/data/restore.ts
  hash=$(sha256sum <ops/data/backup.ts | cut -d' ' -f1)
  jq --arg hash "$hash" '.files["ops/data/backup.ts"] = $hash | .files["ops/data/restore.ts"] = $hash' ops/.generated.json >new
  mv new ops/.generated.json
  echo mine >>ops/data/restore.ts
  sed -i '/^database:/d' deploy.yaml
  run "$ops/host/generate.ts"
  assert_failure 1
  assert_output --partial 'removed  ops/data/backup.ts'
  assert_output --partial 'kept     ops/data/restore.ts'
  assert [ ! -e ops/data/backup.ts ]
  assert [ -e ops/data/restore.ts ]
}

@test "generate keeps to an environment that was chosen once" {
  printf 'app: shop\nenvironments:\n  prod: { deploy_to: %s }\n  test: { deploy_to: %s-test }\n' "$tree" "$tree" >"$repo/deploy.yaml"
  cd "$repo"
  run "$ops/host/generate.ts"
  assert_failure 2
  assert_output --partial '--env prod'
  "$ops/host/generate.ts" --env prod
  "$ops/host/generate.ts" --check
  run "$ops/host/generate.ts" --check --env test
  assert_failure 1
}

@test "generate writes neither into the suite nor into a tree" {
  init
  mkdir -p "$tree/releases"
  ln -s "$ops" "$tree/ops"
  { cat "$repo/deploy.yaml"; echo "# switchback: origin=$repo"; } >"$tree/deploy.yaml"
  run "$tree/ops/host/generate.ts" --force
  assert_failure 2
  assert_output --partial "--manifest $repo/deploy.yaml"
  run "$ops/host/init.ts" "$suite"
  assert_failure 2
  ln -s "$suite/ops" "$BATS_TEST_TMPDIR/ops"
  run "$ops/host/init.ts" "$BATS_TEST_TMPDIR"
  assert_failure 2
  assert [ ! -e "$suite/ops/_suite" ]
}

@test "what is generated is the same wherever the repository is checked out" {
  "$ops/host/init.ts" "$repo"
  cp -a "$repo" "$BATS_TEST_TMPDIR/elsewhere"
  run env HOME=/nowhere DEPLOY_ROOT=/other "$ops/host/generate.ts" --check --manifest "$BATS_TEST_TMPDIR/elsewhere/deploy.yaml"
  assert_success
}

@test "the generated scripts are clean" {
  init
  command -v shellcheck >/dev/null || skip 'no shellcheck'
  shellcheck "$repo/ops/_suite"
  "$suite/node_modules/.bin/tsc" --ignoreConfig --noEmit --strict --module nodenext --skipLibCheck "$repo"/ops/*/*.ts
}

# wheel NAME VERSION: a package as pip installs it, made by hand.
wheel() {
  python3 - "$BATS_TEST_TMPDIR/index/$1-$2-py3-none-any.whl" "$1" "$2" <<'PY'
import sys, zipfile
file, name, version = sys.argv[1:]
info = f"{name}-{version}.dist-info"
with zipfile.ZipFile(file, "w") as wheel:
    wheel.writestr(f"{name}.py", f"VERSION = {version}\n")
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", "")
PY
}

@test "a Python server: its packages are a set by what init wrote, and a rollback gets its own back" {
  python3 -c 'import ensurepip, venv' 2>/dev/null || skip "no python3 with venv and ensurepip is installed"
  mkdir "$BATS_TEST_TMPDIR/index"
  wheel greet 1
  wheel greet 2
  export PIP_NO_INDEX=1 PIP_FIND_LINKS=$BATS_TEST_TMPDIR/index PIP_DISABLE_PIP_VERSION_CHECK=1
  git -C "$repo" rm -q server.js package.json
  cat >"$repo/server.py" <<'PY'
import http.server, os, greet
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(b"ok" if self.path == "/health" else f"{os.environ['RELEASE_ID']} {greet.VERSION}".encode())
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
PY
  echo 'greet==1' >"$repo/requirements.txt"
  printf '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.9"\n' >"$repo/pyproject.toml"
  init
  commit_all
  manifest=$repo/deploy.yaml
  "$ops/release/prepare_shared.ts" --manifest "$manifest"
  "$ops/release/deploy.ts" HEAD --id r1 --manifest "$manifest"
  assert_equal "$(curl -fsS "http://127.0.0.1:$port/")" 'r1 1'
  echo 'greet==2' >"$repo/requirements.txt"
  commit_all
  "$ops/release/deploy.ts" HEAD --id r2 --manifest "$manifest"
  assert_equal "$(curl -fsS "http://127.0.0.1:$port/")" 'r2 2'
  assert_equal "$(find "$tree/shared/deps" -name .complete | wc -l)" 2
  "$ops/release/rollback.ts" --manifest "$manifest"
  assert_equal "$(curl -fsS "http://127.0.0.1:$port/")" 'r1 1'
}

@test "a Node server with packages: npm installs them once, and a build step's outputs are taken over, by what init wrote" {
  command -v npm >/dev/null || skip 'no npm'
  mkdir -p "$BATS_TEST_TMPDIR/pack/package" "$BATS_TEST_TMPDIR/index"
  # Stands for Vite, by name and by what it writes.
  echo '{"name":"vite","version":"6.0.0","bin":{"vite":"vite.js"}}' >"$BATS_TEST_TMPDIR/pack/package/package.json"
  cat >"$BATS_TEST_TMPDIR/pack/package/vite.js" <<'JS'
#!/usr/bin/env node
const fs = require("node:fs");
fs.mkdirSync("dist", { recursive: true });
fs.writeFileSync("dist/index.html", `built by ${process.pid}`);
JS
  tar -czf "$BATS_TEST_TMPDIR/index/vite-6.0.0.tgz" -C "$BATS_TEST_TMPDIR/pack" package
  index=$(host_port)
  python3 -m http.server "$index" --bind 127.0.0.1 --directory "$BATS_TEST_TMPDIR/index" >/dev/null 2>&1 3>&- &
  echo $! >"$BATS_TEST_TMPDIR/index.pid"
  mkdir "$repo/web"
  echo '{"name":"web","version":"1.0.0","scripts":{"build":"vite build"},"devDependencies":{"vite":"6.0.0"}}' >"$repo/web/package.json"
  cat >"$repo/web/package-lock.json" <<JSON
{"name":"web","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{
  "":{"name":"web","version":"1.0.0","devDependencies":{"vite":"6.0.0"}},
  "node_modules/vite":{"version":"6.0.0","resolved":"http://127.0.0.1:$index/vite-6.0.0.tgz",
    "integrity":"sha512-$(openssl dgst -sha512 -binary "$BATS_TEST_TMPDIR/index/vite-6.0.0.tgz" | base64 -w0)","dev":true,"bin":{"vite":"vite.js"}}}}
JSON
  printf 'node_modules\ndist\n' >"$repo/.gitignore"
  init
  # No proxy is installed here.
  sed -i '/^sites:/,/^$/d' "$repo/deploy.yaml"
  "$ops/host/generate.ts" --manifest "$repo/deploy.yaml"
  commit_all
  manifest=$repo/deploy.yaml
  export npm_config_cache=$BATS_TEST_TMPDIR/npm
  "$ops/release/prepare_shared.ts" --manifest "$manifest"
  "$ops/release/deploy.ts" HEAD --id r1 --manifest "$manifest"
  kill "$(cat "$BATS_TEST_TMPDIR/index.pid")"
  rm "$BATS_TEST_TMPDIR/index.pid"
  rm -rf "$npm_config_cache"
  echo '// changed' >>"$repo/server.js"
  commit_all
  "$ops/release/deploy.ts" HEAD --id r2 --manifest "$manifest"
  assert_equal "$(curl -fsS "http://127.0.0.1:$port/")" 'r2 canary-hello'
  assert_equal "$(cat "$tree/releases/r2/web/dist/index.html")" "$(cat "$tree/releases/r1/web/dist/index.html")"
  echo '<!-- changed -->' >"$repo/web/page.html"
  commit_all
  "$ops/release/deploy.ts" HEAD --id r3 --manifest "$manifest"
  assert [ "$(cat "$tree/releases/r3/web/dist/index.html")" != "$(cat "$tree/releases/r1/web/dist/index.html")" ]
}
