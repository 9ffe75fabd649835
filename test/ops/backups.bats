#!/usr/bin/env bats
# shellcheck disable=SC2154 # app, tree and port are set by helper.bash
# Backups and restores of a real SQLite database, by the real commands.
load helper

setup() {
  make_app
  mkdir -p "$tree/shared/data"
  manifest <<YAML
linked_dirs: [data]
database: { sqlite: data/app.db }
YAML
  db=$tree/shared/data/app.db
}

# lite FILE SQL: the first column of what it answers.
lite() {
  "$ops/_bun" -e '
    const { DatabaseSync } = require("node:sqlite");
    const database = new DatabaseSync(process.argv[1]);
    for (const sql of process.argv.slice(2))
      for (const row of database.prepare(sql).all()) console.log(Object.values(row)[0]);
    database.close();
  ' "$@"
}

fill() {
  lite "$db" "PRAGMA journal_mode=${1:-wal}" "CREATE TABLE orders (item TEXT)" >/dev/null
  lite "$db" "INSERT INTO orders VALUES ('canary-7f3a')" "INSERT INTO orders VALUES ('two')"
}

newest() {
  find "$tree/backups" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tail -n 1
}

@test "a backup under a writer is consistent and private, keeps the journal mode, and shows nothing of what is in it" {
  fill
  "$ops/_bun" -e '
    const { DatabaseSync } = require("node:sqlite");
    const database = new DatabaseSync(process.argv[1]);
    database.exec("PRAGMA busy_timeout=5000; CREATE TABLE pairs (a INTEGER, b INTEGER)");
    console.log("writing");
    for (let i = 0; ; i++) {
      database.exec("BEGIN; INSERT INTO pairs VALUES (" + i + ", randomblob(2000)); UPDATE orders SET item = item");
      database.exec("INSERT INTO pairs VALUES (" + i + ", NULL); COMMIT");
    }
  ' "$db" 3>&- >"$BATS_TEST_TMPDIR/writer" &
  writer=$!
  until [ -s "$BATS_TEST_TMPDIR/writer" ]; do sleep 0.05; done
  sleep 0.3
  run op data/backup
  kill -0 "$writer"
  kill "$writer"
  assert_success
  refute_output --partial canary-7f3a
  id=$(newest)
  assert_equal "$(stat -c %a "$tree/backups" "$tree/backups/$id" "$tree/backups/$id/data" "$tree/backups/$id/BACKUP.json" | xargs)" '700 700 600 600'
  assert_equal "$(find "$tree/backups/$id" -type f | wc -l)" 2
  cp "$tree/backups/$id/data" "$BATS_TEST_TMPDIR/copy"
  assert_equal "$(lite "$BATS_TEST_TMPDIR/copy" 'PRAGMA integrity_check' 'PRAGMA journal_mode' 'SELECT count(*) FROM orders' | xargs)" 'ok wal 2'
  assert [ "$(lite "$BATS_TEST_TMPDIR/copy" 'SELECT count(*) FROM pairs')" -gt 0 ]
  assert_equal "$(lite "$BATS_TEST_TMPDIR/copy" 'SELECT count(*) % 2 FROM pairs')" 0
  run grep -rl canary-7f3a "$tree/logs" "$tree/registry.db"
  assert_failure
  run op data/backup --list --json
  assert_output --partial "\"id\": \"$id\""
}

@test "a database that is not there yet is no error, and one that is none is" {
  run op data/backup
  assert_success
  assert_output --partial 'does not exist yet: there is nothing to back up'
  assert [ ! -e "$tree/backups" ]
  echo "no database" >"$db"
  run op data/backup
  assert_failure 1
  assert_output --partial "$db is not an SQLite database"
  assert_equal "$(find "$tree/backups" -mindepth 1)" ''
}

@test "a restore has to be agreed to, brings the data back, and keeps what was there" {
  fill
  deploy one
  op data/backup --quiet
  id=$(newest)
  lite "$db" "INSERT INTO orders VALUES ('three')"
  chmod 640 "$db"
  assert_untouched op data/restore "$id"
  assert_failure 2
  assert_output --partial 'orders: 3 rows now, 2 in the backup'
  assert_output --partial "data/restore.ts --manifest $app/deploy.yaml $id --yes"
  run op data/restore "$id" --yes
  assert_success
  assert_equal "$(lite "$db" 'SELECT count(*) FROM orders')" 2
  assert_equal "$(stat -c %a "$db")" 640
  kept=$(find "$tree/shared/data" -name 'app.db.failed-*' ! -name '*-wal' ! -name '*-shm')
  assert_equal "$(lite "$kept" 'SELECT count(*) FROM orders')" 3
  assert_serves one
  # What a restore took away is a backup of its own.
  run op data/backup --list
  assert_line --regexp '^[0-9-]+-restore-[0-9a-f]{4} .* restore '
  run op data/restore 20200101-000000-backup-0000 --yes
  assert_failure 2
}

@test "a damaged backup is refused before anything is stopped" {
  fill
  deploy one
  op data/backup --quiet
  id=$(newest)
  printf x | dd of="$tree/backups/$id/data" bs=1 seek=5000 conv=notrunc status=none
  before=$(cat "$tree/run/web.pid")
  run op data/restore "$id" --yes
  assert_failure 1
  assert_output --partial 'is damaged'
  assert_equal "$(cat "$tree/run/web.pid")" "$before"
  run op data/restore --prove "$id"
  assert_failure 1
}

@test "a backup is proven by restoring it elsewhere" {
  fill
  op data/backup --quiet
  before=$(snapshot "$tree/shared")
  run op data/restore --prove
  assert_success
  assert_output --partial 'is sound: 1 tables with 2 rows were read'
  assert_equal "$(snapshot "$tree/shared")" "$before"
}

@test "what cannot serve the restored data leads back to the data and the release" {
  manifest <<YAML
linked_dirs: [data]
database: { sqlite: data/app.db }
health: { run: grep -aq three data/app.db, every: 10ms, timeout: 2s, soak: 20ms }
YAML
  fill delete
  op data/backup --quiet
  id=$(newest)
  lite "$db" "INSERT INTO orders VALUES ('three')"
  deploy one
  run op data/restore "$id" --yes
  assert_failure 3
  assert_output --partial 'the data is as it was before, and one serves'
  assert_equal "$(lite "$db" 'SELECT count(*) FROM orders')" 3
  assert_serves one
}

@test "a damaged database is restored, and kept as it lay" {
  fill delete
  deploy one
  op data/backup --quiet
  id=$(newest)
  head -c 5000 "$db" >"$BATS_TEST_TMPDIR/damaged"
  cat "$BATS_TEST_TMPDIR/damaged" >"$db"
  run op data/backup
  assert_failure 1
  run op data/restore "$id" --yes
  assert_success
  assert_equal "$(lite "$db" 'SELECT count(*) FROM orders')" 2
  cmp "$BATS_TEST_TMPDIR/damaged" "$tree"/shared/data/app.db.failed-*-restore-????
  assert_serves one
}

@test "a kill in the middle of a restore is undone by the next command, which then does it" {
  fill
  deploy one
  op data/backup --quiet
  id=$(newest)
  lite "$db" "INSERT INTO orders VALUES ('three')"
  for delay in 0.2 0.4 0.5 0.6 0.7 0.8; do
    # Not by op: what is killed has to be the command itself.
    "$ops/data/restore.ts" --manifest "$app/deploy.yaml" "$id" --yes >/dev/null 2>&1 3>&- &
    sleep "$delay"
    kill -KILL $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    run op data/backup
    assert_success
    assert_serves one
    assert [ -f "$db" ]
    assert_regex "$(lite "$db" 'SELECT count(*) FROM orders')" '^[23]$'
  done
  run op data/restore "$id" --yes
  assert_success
  assert_equal "$(lite "$db" 'SELECT count(*) FROM orders')" 2
  run find "$tree/shared/data" -name '*.restoring'
  assert_output ''
}

@test "a full disk leaves no backup, and the database as it was" {
  [ "$(id -u)" = 0 ] || skip 'only root mounts a file system'
  mount -t tmpfs -o size=6m tmpfs "$tree" || skip 'nothing can be mounted here'
  mkdir -p "$tree/shared/data"
  fill
  lite "$db" "INSERT INTO orders VALUES (hex(randomblob(900000)))" 'PRAGMA wal_checkpoint(TRUNCATE)'
  run op data/backup --quiet
  fail=$status
  head -c 20m /dev/zero >"$tree/shared/ballast" 2>/dev/null || true
  run op data/backup
  full=$status output_full=$output left=$(find "$tree/backups" -name '*.json' | wc -l) begun=$(find "$tree/backups" -mindepth 1 -maxdepth 1 | wc -l)
  rm "$tree/shared/ballast"
  lines_there=$(lite "$db" 'SELECT count(*) FROM orders')
  umount "$tree"
  assert_equal "$fail $full $left $begun $lines_there" '0 1 1 1 3'
  assert_regex "$output_full" 'no room'
}

@test "a restore refuses while something else has the database open" {
  fill
  op data/backup --quiet
  "$ops/_bun" -e 'const { DatabaseSync } = require("node:sqlite"); const d = new DatabaseSync(process.argv[1]); d.exec("SELECT 1"); d.prepare("SELECT * FROM orders").all(); console.log("open"); setInterval(() => d, 1000)' "$db" 3>&- >"$BATS_TEST_TMPDIR/holder" &
  holder=$!
  until [ -s "$BATS_TEST_TMPDIR/holder" ]; do sleep 0.05; done
  run op data/restore --yes
  kill "$holder"
  assert_failure 3
  assert_output --partial 'is in use by pid'
  assert_equal "$(lite "$db" 'SELECT count(*) FROM orders')" 2
}
