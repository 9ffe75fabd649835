#!/usr/bin/env bash
# rollback.sh <release_id>: what seed 004 documents of its team's script, written anew: the target is checked, the registry
# told, `current` replaced by one rename, services and gate skipped by that team's variables, the registry told again.
# The rename and the registry's three commands are Python with SQLAlchemy, as theirs are; where python3 has no SQLAlchemy, its sqlite3.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
id=${1:?usage: rollback.sh <release_id>}
root=${DEPLOY_ROOT:?}
releases=${DEPLOY_RELEASES_DIR:-$root/releases}
current=${DEPLOY_CURRENT_LINK:-$root/current}
previous=""

log() { printf '%s [rollback] %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

register() {
  [[ ${DEPLOY_SKIP_REGISTRY_UPDATE:-0} == 1 ]] && return
  "$here/release-registry.sh" upsert --release-id "$1" --commit-sha "$2" --status "$3" >/dev/null ||
    log "the registry could not be told: $1 $3"
}

swap() {
  local next="$current.next.$$"
  ln -s "$1" "$next"
  python3 -c 'import os, sys; os.replace(sys.argv[1], sys.argv[2])' "$next" "$current"
}

restart() {
  [[ ${DEPLOY_SKIP_SERVICE_RESTART:-0} == 1 ]] && return
  # shellcheck disable=SC2086
  sudo systemctl restart ${DEPLOY_SERVICES:?}
}

gate() {
  [[ ${DEPLOY_SKIP_HEALTHCHECK:-0} == 1 ]] && return
  "${DEPLOY_HEALTHCHECK_CMD:-$current/scripts/runtime-health-check.sh}"
}

[[ -d $releases/$id ]] || { log "there is no release $releases/$id" >&2; exit 1; }
[[ -L $current ]] && previous=$(readlink -f "$current")
sha=$(sed -n 's/^commit_sha=//p' "$releases/$id/.deploy-meta" | head -n 1)
log "rolling back to $id"
register "$id" "$sha" rollback_in_progress
swap "$releases/$id"
restart
if ! gate; then
  [[ -n $previous ]] && swap "$previous" && restart
  register "$id" "$sha" rollback_failed
  exit 1
fi
register "$id" "$sha" rolled_back
[[ -z $previous ]] || register "${previous##*/}" "$(sed -n 's/^commit_sha=//p' "$previous/.deploy-meta" | head -n 1)" replaced_by_rollback
log "rolled back to $id"
