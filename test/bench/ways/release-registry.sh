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
now = datetime.datetime.now(datetime.timezone.utc)


def by_orm():
    from sqlalchemy import Column, DateTime, Integer, String, create_engine, select
    from sqlalchemy.orm import Session, declarative_base

    Base = declarative_base()

    class Release(Base):
        __tablename__ = "releases"
        id = Column(Integer, primary_key=True)
        release_id = Column(String, unique=True)
        commit_sha = Column(String)
        status = Column(String)
        deployed_at = Column(DateTime)

    engine = create_engine(f"sqlite:///{sys.argv[1]}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        row = session.scalars(select(Release).where(Release.release_id == args.release_id)).first()
        row = row or Release(release_id=args.release_id)
        row.commit_sha, row.status, row.deployed_at = args.commit_sha, args.status, now
        session.add(row)
        session.commit()


def by_hand():
    with sqlite3.connect(sys.argv[1]) as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS releases (id INTEGER PRIMARY KEY, release_id TEXT UNIQUE, commit_sha TEXT, status TEXT, deployed_at TEXT)"
        )
        database.execute(
            "INSERT INTO releases (release_id, commit_sha, status, deployed_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (release_id) DO UPDATE SET commit_sha = excluded.commit_sha, status = excluded.status, deployed_at = excluded.deployed_at",
            (args.release_id, args.commit_sha, args.status, now.isoformat()),
        )


try:
    by_orm()
except ModuleNotFoundError:
    by_hand()
print(json.dumps(vars(args)))
PY
