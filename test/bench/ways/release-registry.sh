#!/usr/bin/env bash
# release-registry.sh upsert --release-id ID --commit-sha SHA --status STATUS: seed 004's registry command, with SQLite.
set -euo pipefail
exec python3 - "${DEPLOY_ROOT:?}/registry.db" "$@" <<'PY'
import argparse, datetime, json, sqlite3, sys

parser = argparse.ArgumentParser()
upsert = parser.add_subparsers(dest="command", required=True).add_parser("upsert")
for name in ("--release-id", "--commit-sha", "--status"):
    upsert.add_argument(name, required=True)
args = parser.parse_args(sys.argv[2:])
now = datetime.datetime.now(datetime.timezone.utc).isoformat()
with sqlite3.connect(sys.argv[1]) as database:
    database.execute(
        "CREATE TABLE IF NOT EXISTS releases (id INTEGER PRIMARY KEY, release_id TEXT UNIQUE, commit_sha TEXT, status TEXT, deployed_at TEXT)"
    )
    database.execute(
        "INSERT INTO releases (release_id, commit_sha, status, deployed_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (release_id) DO UPDATE SET commit_sha = excluded.commit_sha, status = excluded.status, deployed_at = excluded.deployed_at",
        (args.release_id, args.commit_sha, args.status, now),
    )
print(json.dumps(vars(args)))
PY
