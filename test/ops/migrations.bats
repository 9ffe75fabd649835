load helper.bash

# A real SQLite database in shared/, and releases that bring it to their schema: each line of migrate.sql is a statement of its own,
# committed by itself.
setup() {
  make_app
  migrating </dev/null
  cp "$suite/test/ops/app/migrate.ts" "$app"
  git -C "$app" add migrate.ts
  db=$tree/shared/data/app.db
}

# migrating: the manifest of an application with migrations; more YAML from standard input.
migrating() {
  manifest < <(
    cat <<YAML
linked_dirs: [data]
database: { sqlite: data/app.db }
migrate: { run: "'$ops/_bun' migrate.ts" }
YAML
    cat
  )
}

# release ID MODE [SQL…]: a commit with these statements as its whole migration, deployed.
release() {
  schema "${@:2}"
  deploy "$1"
}

schema() {
  local mode=$1
  shift
  printf '%s\n' "$@" >"$app/migrate.sql"
  git -C "$app" add migrate.sql
  commit "$mode"
}

one="CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)"
two="ALTER TABLE orders ADD COLUMN price TEXT"

data() {
  "$ops/_bun" -e '
    const { DatabaseSync } = require("node:sqlite");
    const database = new DatabaseSync(process.argv[1]);
    console.log(database.prepare(process.argv[2]).all().map((row) => Object.values(row).join(" ")).join("\n"));
    database.close();
  ' "$db" "${1:-SELECT group_concat(name) FROM pragma_table_info('orders')}"
}

marker_of() {
  sql "SELECT migration_marker FROM releases WHERE release_id = '$1'"
}

backups() {
  find "$tree/backups" -name BACKUP.json 2>/dev/null | wc -l
}

marks() {
  find "$tree/backups" -name MIGRATING 2>/dev/null | wc -l
}

@test "a first deploy makes the database; one whose schema stays leaves no backup; one that changes it leaves one" {
  release r1 ok "$one"
  assert_serves r1
  assert_equal "$(data)" id
  assert_regex "$(marker_of r1)" '^schema-[0-9a-f]{12}\.0$'
  run grep -q "\"migration_marker\": \"$(marker_of r1)\"" "$tree/releases/r1/RELEASE.json"
  assert_success
  first=$(backups)

  release r2 ok "$one"
  assert_serves r2
  assert_equal "$(marker_of r2)" "$(marker_of r1)"
  assert_equal "$(backups)" "$first"

  release r3 ok "$two"
  assert_serves r3
  assert_equal "$(data)" id,price
  assert_not_equal "$(marker_of r3)" "$(marker_of r2)"
  assert_equal "$(backups)" $((first + 1))
  assert_equal "$(marks)" 0
  run op release/verify r3
  assert_success
}

@test "a first migration that fails leaves no database, and keeps what it made" {
  run release r1 ok "$one" "nonsense"
  assert_failure 3
  [ ! -e "$db" ]
  assert [ -s "$db".failed-* ]
  [ ! -e "$tree/current" ]
}

@test "a migration that fails half-way: the data is as before, the failed file is kept, the old release serves" {
  release r1 ok "$one"
  data "INSERT INTO orders VALUES (7)" >/dev/null
  run release r2 ok "$two" "nonsense"
  assert_failure 3
  assert_output --partial 'Migrate the data for r2'
  assert_serves r1
  assert_equal "$(data) $(data 'SELECT id FROM orders') $(data 'PRAGMA integrity_check')" "id 7 ok"
  operation=$(sql "SELECT id FROM operations WHERE outcome = 'restored'")
  assert_equal "$(db=$db.failed-$operation data)" id,price
  assert_equal "$(marks)" 0
}

@test "a release that fails its gate after a good migration: the data is as before" {
  release r1 ok "$one"
  data "INSERT INTO orders VALUES (7)" >/dev/null
  gate_timeout=1s migrating </dev/null
  run release r2 bad "$two"
  assert_failure 3
  assert_serves r1
  assert_equal "$(data)" id
  assert_equal "$(data 'SELECT id FROM orders')" 7
  assert_equal "$(db=$(ls -d "$db".failed-*) data)" id,price
}

@test "what fails before the data is changed restores nothing" {
  release r1 ok "$one"
  echo "hooks: { before_switch: 'false' }" | migrating
  run release r2 ok "$two"
  assert_failure 1
  printf 'no database' >"$BATS_TEST_TMPDIR/garbage"
  migrating </dev/null
  cp "$db" "$BATS_TEST_TMPDIR/whole"
  cp "$BATS_TEST_TMPDIR/garbage" "$db"
  run release r3 ok "$two"
  assert_failure 3
  assert_equal "$(cat "$db")" "no database"
  assert_serves r1
  run bash -c "ls $db.failed-*"
  assert_failure
}

@test "back across a change of the schema: refused with the choices; --keep-data and --restore-data do as they say" {
  release r1 ok "$one"
  data "INSERT INTO orders VALUES (7)" >/dev/null
  release r2 ok "$two"
  data "INSERT INTO orders VALUES (8, 'dear')" >/dev/null

  for name in rollback "switch_current r1"; do
    # shellcheck disable=SC2086 # two words
    assert_untouched op release/$name
    assert_failure 2
    assert_output --partial "crosses a change of the schema"
    assert_output --partial "orders: 2 rows now, 1 in the backup"
    assert_output --partial -- "--restore-data --yes"
    assert_output --partial -- "--keep-data"
  done
  assert_untouched op release/rollback --restore-data
  assert_failure 2
  assert_output --partial "only --yes agrees"
  run op release/rollback --restore-data --keep-data
  assert_failure 2
  assert_serves r2

  op release/rollback --keep-data
  assert_serves r1
  assert_equal "$(data 'SELECT count(*) FROM orders')" 2
  op release/switch_current r2
  assert_serves r2
}

@test "--restore-data brings back the data that the release had; what was there is kept" {
  release r1 ok "$one"
  data "INSERT INTO orders VALUES (7)" >/dev/null
  release r2 ok "$two"
  data "INSERT INTO orders VALUES (8, 'dear')" >/dev/null
  op release/rollback --restore-data --yes
  assert_serves r1
  assert_equal "$(data 'SELECT * FROM orders')" 7
  assert_equal "$(db=$(ls -d "$db".failed-*) data 'SELECT count(*) FROM orders')" 2
  assert_equal "$(grep -l '"restore"' "$tree"/backups/*/BACKUP.json | wc -l)" 1
  assert_equal "$(marks)" 0
  # Forward again: migrated again.
  op release/switch_current r2
  assert_equal "$(data)" id,price
}

@test "--restore-data to a release that is no longer healthy: the data is as it was" {
  release r1 ok "$one"
  release r2 ok "$two"
  data "INSERT INTO orders VALUES (8, 'dear')" >/dev/null
  # r2 may share the file.
  rm "$tree/releases/r1/mode"
  echo bad >"$tree/releases/r1/mode"
  sed -i 's/timeout: 20s/timeout: 1s/' "$tree/manifests/r1.yaml"
  run op release/rollback --restore-data --yes
  assert_failure 3
  assert_serves r2
  assert_equal "$(data 'SELECT * FROM orders')" "8 dear"
  assert_equal "$(marks)" 0
}

@test "after a restore of older data the release that is current has that schema, and a way back is judged by it" {
  release r1 ok "$one"
  op data/backup --quiet
  release r2 ok "$two"
  local id
  id=$(grep -l '"reason": "manual"' "$tree"/backups/*/BACKUP.json | xargs dirname | xargs basename)
  op data/restore "$id" --yes
  assert_serves r2
  assert_equal "$(data)" id
  assert_equal "$(marker_of r2)" "$(marker_of r1)"
  run op release/rollback
  assert_success
  assert_serves r1
  assert_equal "$(data)" id
}

@test "a restore that cannot be served leaves the marker as it was" {
  release r1 ok "$one"
  op data/backup --quiet
  release r2 ok "$two"
  local id marker
  id=$(grep -l '"reason": "manual"' "$tree"/backups/*/BACKUP.json | xargs dirname | xargs basename)
  marker=$(marker_of r2)
  rm "$tree/releases/r2/mode"
  echo bad >"$tree/releases/r2/mode"
  # What is restored is judged by the manifest that it last ran with.
  sed -i 's/timeout: 20s/timeout: 1s/' "$tree/manifests/r2.yaml"
  run op data/restore "$id" --yes
  assert_failure 4
  assert_equal "$(data)" id,price
  assert_equal "$(marker_of r2)" "$marker"
}

@test "the release that served before there were migrations is known by its schema" {
  manifest <<<"linked_dirs: [data]"
  commit ok
  deploy r1
  data "$one" >/dev/null
  migrating </dev/null
  release r2 ok "$two"
  assert_not_equal "$(marker_of r1)" -
  assert_untouched op release/rollback
  assert_failure 2
  op release/rollback --restore-data --yes
  assert_serves r1
  assert_equal "$(data)" id
}

@test "where no backup of the older schema is there, only --keep-data is possible" {
  release r1 ok "$one"
  release r2 ok "$two"
  rm -r "$tree/backups"
  run op release/rollback --restore-data --yes
  assert_failure 2
  assert_output --partial "there is no backup"
  refute_output --partial -- "--restore-data --yes"
  op release/rollback --keep-data
  assert_serves r1
}

@test "a backup that is damaged, or that the manifest cannot bring back, is found before anything is stopped" {
  release r1 ok "$one"
  release r2 ok "$two"
  local pid
  pid=$(head -n 1 "$tree/run/web.pid")
  for file in "$tree"/backups/*/data; do echo more >>"$file"; done
  run op release/rollback r1 --restore-data --yes
  assert_failure 1
  assert_output --partial 'is not what its sha256 says'
  manifest </dev/null
  run op release/rollback r1 --restore-data --yes
  assert_failure 2
  assert_output --partial '--restore-data is not possible'
  assert_equal "$(head -n 1 "$tree/run/web.pid")" "$pid"
  assert_serves r2
}

@test "a marker of its own; without one, and without SQLite, that is said" {
  manifest <<'YAML'
linked_dirs: [data]
migrate: { run: 'echo "$PLACE $RELEASE_ID" > data/ran', env: { PLACE: here }, marker: ['echo', 'printf "  rev-%s \n\n" "$PLACE"'] }
YAML
  run release r1 ok ""
  assert_success
  assert_output --partial "without database"
  assert_equal "$(marker_of r1)" rev-here
  assert_equal "$(cat "$tree/shared/data/ran")" "here r1"
  manifest <<'YAML'
linked_dirs: [data]
migrate: { run: "true" }
YAML
  run release r2 ok ""
  assert_output --partial "without marker"
}

@test "nothing is migrated while a service would go on" {
  release r1 ok "$one"
  schema ok "$two"
  DEPLOY_SKIP_SERVICE_RESTART=1 run deploy r2
  assert_failure 2
  assert_output --partial "web would go on"
  assert_equal "$(data)" id
}

@test "migrate.ts: the release that is current, without a switch; a failure brings the data back" {
  release r1 ok "$one"
  before=$(marker_of r1)
  echo "$two" >"$tree/releases/r1/migrate.sql"
  op data/migrate
  assert_serves r1
  assert_equal "$(data)" id,price
  marker=$(marker_of r1)
  assert_not_equal "$marker" "$before"
  printf '%s\n' "DROP TABLE orders" nonsense >"$tree/releases/r1/migrate.sql"
  run op data/migrate
  assert_failure 3
  assert_serves r1
  assert_equal "$(data)" id,price
  echo "DROP TABLE orders" >"$tree/releases/r1/migrate.sql"
  rm "$tree/releases/r1/mode"
  echo bad >"$tree/releases/r1/mode"
  gate_timeout=1s migrating </dev/null
  sed -i 's/timeout: 20s/timeout: 1s/' "$tree/manifests/r1.yaml"
  run op data/migrate
  assert_failure 4
  assert_equal "$(data)" id,price
  assert_equal "$(marker_of r1)" "$marker"
}

@test "killed while the data is half migrated: the next command brings it back, and nobody writes meanwhile" {
  release r1 ok "$one"
  before=$(data)
  schema ok "$two" "SLEEP"
  op release/deploy HEAD --id r2 3>&- >/dev/null 2>&1 &
  for _ in $(seq 200); do
    [ "$(data 2>/dev/null)" = id,price ] && break
    sleep 0.1
  done
  pid=$(sql "SELECT pid FROM operations WHERE finished_at IS NULL")
  kill -KILL "$pid"
  wait || true
  assert_equal "$(answer || true)" ""
  op release/recover
  assert_serves r1
  assert_equal "$(data)" "$before"
  assert_equal "$(marks)" 0
  run pgrep -f "$tree/releases/r2"
  assert_failure
}

@test "a release that was deployed without migrations has the schema of the one before it" {
  release r1 ok "$one"
  release r2 ok "$two"
  manifest <<YAML
linked_dirs: [data]
database: { sqlite: data/app.db }
YAML
  release r3 ok "$two"
  run op release/rollback r1
  assert_failure 2
  assert_output --partial "the data has $(marker_of r2) (r3), and r1 had $(marker_of r1)"
  op release/rollback r1 --keep-data
  assert_equal "$(marker_of r1)" "$(marker_of r2)"
}

@test "forward again by a rollback that names the release, and without a registry: refused, too" {
  release r1 ok "$one"
  release r2 ok "$two"
  op release/rollback --restore-data --yes
  run op release/rollback r2
  assert_failure 2
  assert_output --partial "the data has $(marker_of r1) (r1), and r2 had $(marker_of r2)"
  op release/switch_current r2
  export DEPLOY_SKIP_REGISTRY_UPDATE=1
  rm "$tree/registry.db"
  run op release/rollback r1
  assert_failure 2
  assert_output --partial 'crosses a change of the schema'
  assert_equal "$(readlink "$tree/current")" releases/r2
}
