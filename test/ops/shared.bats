# What an application keeps: taken over while nothing writes, proven, and never shown.
load helper

setup() {
  make_app
  cat >"$app/keeper.ts" <<'TS'
import { DatabaseSync } from "node:sqlite";
import http from "node:http";
const database = new DatabaseSync("data/shop.db");
database.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE IF NOT EXISTS visits (at TEXT)");
http
  .createServer((_, answer) => {
    if (process.env["BROKEN_HOST"] === "yes") return void answer.writeHead(500).end();
    database.exec("INSERT INTO visits VALUES (datetime())");
    answer.end(String(database.prepare("SELECT count(*) AS n FROM visits").get()?.["n"]));
  })
  .listen(Number(process.env["PORT"]), "127.0.0.1");
TS
  mkdir -p "$app/data"
  printf 'SECRET_KEY=canary-7f3a9\n' >"$app/.env"
  chmod 600 "$app/.env"
  git -C "$app" add keeper.ts
  commit ok
  manifest --bare <<YAML
linked_files: [{ path: .env, mode: "0600" }]
linked_dirs: [data]
services:
  web:
    run: "'$ops/_bun' keeper.ts"
    port: $port
    env_file: .env
    env_required: [SECRET_KEY]
    stop_timeout: 2s
smoke: [{ url: "http://127.0.0.1:\${services.web.port}/" }]
YAML
}

teardown() {
  [ -z "${in_place-}" ] || kill -KILL "$in_place"
  stop_all
}

rows() {
  "$ops/_bun" -e '
    const { DatabaseSync } = require("node:sqlite");
    console.log(new DatabaseSync(process.argv[1]).prepare("SELECT count(*) AS n FROM visits").get().n);
  ' "$1"
}

@test "harden: every row of a database that a service writes in WAL mode is in the copy, and the old one is left as it was" {
  op release/prepare_shared
  run deploy one
  assert_success
  for _ in 1 2 3 4 5; do answer >/dev/null; done
  # Killed, not stopped: its last rows lie in the write-ahead log only.
  kill -KILL "$(head -n 1 "$tree/run/web.pid")"
  run op service/start
  assert_success
  run op release/prepare_shared --harden
  assert_success
  assert_output --partial "are needed in $tree/shared"
  assert [ ! -L "$tree/shared/data" ]
  assert [ ! -L "$tree/shared/.env" ]
  assert_equal "$(stat -c %a "$tree/shared/.env")" 600
  # One by the smoke request of the deploy, five by us; the next one is the seventh.
  assert_equal "$(answer)" 7
  assert_equal "$(rows "$app/data/shop.db")" 6
  run ls -A "$tree/shared"
  refute_output --regexp '\.(kept|taking)-'
}

@test "harden that ends in a failed gate: exit 3, the links are back, and what was written meanwhile is kept" {
  sed -i 's/timeout: 20s/timeout: 1s/' "$app/deploy.yaml"
  op release/prepare_shared
  run deploy one
  assert_success
  # Healthy is now who reads the checkout's data through the link: what is hardened is not.
  sed -i "s|grep -qx ok mode|test -L $tree/shared/data|" "$app/deploy.yaml" "$tree/manifests/one.yaml"
  run op release/prepare_shared --harden
  assert_failure 3
  assert_output --partial "rolled back"
  assert_equal "$(readlink "$tree/shared/data")" "$app/data"
  assert_equal "$(readlink "$tree/shared/.env")" "$app/.env"
  assert_equal "$(answer)" 2
  run ls -A "$tree/shared"
  assert_output --partial data.failed-
}

@test "move: refused while the application that runs in place has its database open; then it moves in, and nothing is overwritten" {
  (cd "$app" && PORT=$port exec "$ops/_bun" keeper.ts) 3>&- &
  in_place=$!
  until answer >/dev/null; do sleep 0.05; done
  assert_untouched_app op release/prepare_shared --move
  assert_failure 1
  assert_output --partial "is in use by pid"
  kill -KILL "$in_place"
  wait "$in_place" || true
  in_place=
  run op release/prepare_shared --move
  assert_success
  assert_equal "$(rows "$tree/shared/data/shop.db")" "$(rows "$app/data/shop.db")"
  run deploy one
  assert_success
  assert [ -f "$app/data/shop.db" ]
}

assert_untouched_app() {
  local before
  before=$(find "$app/data" "$app/.env" -type f ! -name '*-shm' -exec sha256sum {} +)
  run "$@"
  assert_equal "$(find "$app/data" "$app/.env" -type f ! -name '*-shm' -exec sha256sum {} +)" "$before"
  assert [ ! -e "$tree/shared/data" ]
}

@test "env_required is met before the first build begins, from what lies in shared/" {
  op release/prepare_shared
  printf 'SECRET_KEY=your-prod-secret\n' >"$app/.env"
  run deploy one
  assert_failure 2
  assert_output --partial "SECRET_KEY is still a placeholder"
  assert [ -z "$(ls -A "$tree/releases")" ]
}

@test "a release that could not be started is refused before anything is stopped" {
  op release/prepare_shared
  run deploy one
  assert_success
  commit ok
  op release/build_release --id two
  sed -i 's/env_file: .env/env_file: [.env, none.env]/' "$app/deploy.yaml"
  run op release/switch_current two
  assert_failure 2
  assert_output --partial none.env
  assert_equal "$(current)" releases/one
  sed -i "s/env_file: .*/env_file: .env/; s/keeper.ts\"/keeper.ts \${NOT_THERE}\"/" "$app/deploy.yaml"
  run op release/switch_current two
  assert_failure 2
  assert_output --partial NOT_THERE
  assert_equal "$(answer)" 2
}

@test "no secret is shown: not in what is said, not in logs, registry or process arguments" {
  op release/prepare_shared
  run deploy one --verbose
  assert_success
  refute_output --partial canary-7f3a9
  # From a file, so that the search does not find its own words.
  echo canary-7f3a9 >"$BATS_TEST_TMPDIR/canary"
  # Processes come and go while it searches: only what it finds counts.
  run grep -sraFl -f "$BATS_TEST_TMPDIR/canary" "$tree/logs" "$tree/registry.db" "$tree/manifests" "$tree/deploy.yaml" "$tree/run" /proc/[0-9]*/cmdline
  assert_output ""
  commit ok
  printf 'SECRET_KEY=canary-7f3a9\nnot a line\n' >"$app/.env"
  run deploy two --verbose
  refute_output --partial canary-7f3a9
  run op release/status --json
  refute_output --partial canary-7f3a9
  run op host/doctor
  refute_output --partial canary-7f3a9
}

@test "source.exclude holds for a commit as for a working tree" {
  mkdir -p "$app/docs/inner" "$app/src/docs"
  touch "$app/docs/inner/a.md" "$app/src/docs/b" "$app/c.log" "$app/src/d.log"
  git -C "$app" add docs src c.log
  commit ok
  op release/prepare_shared
  for via in git worktree; do
    sed -i '/^source:/d' "$app/deploy.yaml"
    echo "source: { via: $via, exclude: [/docs, '*.log'] }" >>"$app/deploy.yaml"
    run op release/build_release --id "by-$via"
    assert_success
    run sh -c "cd '$tree/releases/by-$via' && find docs src -name '*' 2>/dev/null | sort; ls *.log 2>/dev/null"
    assert_output "$(printf 'src\nsrc/docs\nsrc/docs/b')"
  done
}
