load helper.bash

# A tree as the teams' own scripts left it: an absolute `current`, and releases that say of themselves what each script wrote.
setup() {
  make_app
  sha=$(git -C "$app" rev-parse HEAD)
  for id in json meta neither; do
    mkdir -p "$tree/releases/$id"
    cp "$app/server.ts" "$app/mode" "$tree/releases/$id"
  done
  printf '{"id":"json","sha":"%s","built_at":"2025-01-02T03:04:05Z"}\n' "$sha" >"$tree/releases/json/RELEASE.json"
  printf 'commit_sha=%s\nbuilt_at_utc=2025-01-03T03:04:05Z\n' "$sha" >"$tree/releases/meta/.deploy-meta"
  ln -s "$tree/releases/meta" "$tree/current"
}

@test "releases that the old scripts made are listed, with what they say of themselves" {
  run op release/list
  assert_success
  for id in json meta neither; do assert_line --partial "$id"; done
  run op release/list --json
  assert_equal "$(grep -c "$sha" <<<"$output")" 2
  assert_output --partial '"2025-01-02T03:04:05Z"'
  assert_output --partial '"2025-01-03T03:04:05Z"'
  assert [ ! -e "$tree/registry.db" ]
}

@test "each of them can be switched to, and current becomes a relative link" {
  for id in json neither meta; do
    run op release/switch_current "$id"
    assert_success
    assert_serves "$id"
  done
}

@test "a deploy over them that fails puts the link back as it was, and that release answers" {
  commit dying
  run deploy r1
  assert_failure 3
  assert_output --partial "rolled back: meta is restored and healthy"
  assert_equal "$(current)" "$tree/releases/meta"
  assert_equal "$(answer)" "meta plain"
}

@test "a rollback goes back to the adopted release that served; prune leaves those that the registry does not know" {
  deploy r1
  run op release/rollback
  assert_success
  assert_serves meta
  op release/switch_current r1
  commit ok
  deploy r2
  run op release/prune --keep 1
  assert_success
  assert_line --regexp "^stays +json +the registry does not know it: it is left alone$"
  assert_equal "$(ls "$tree/releases" | xargs)" "json neither r1 r2"
}

@test "a real directory where current should be is refused, with what to type; that done, the deploy goes through" {
  rm "$tree/current"
  mkdir "$tree/current"
  touch "$tree/current/precious"
  assert_untouched op release/switch_current json
  assert_failure 2
  assert_output --partial "$tree/current is a real directory, and has to be a link to a release"
  run bash -c "$(sed -n '/^What to type:/{n;p}' <<<"$output")"
  assert [ -f "$tree/current.was-a-directory/precious" ]
  run op release/switch_current json
  assert_success
  assert_serves json
}

@test "a current that leads nowhere is no release: the next deploy replaces it" {
  ln -sfn "$tree/releases/gone" "$tree/current"
  run deploy r1
  assert_success
  assert_line "r1 is current."
  assert_serves r1
  run op release/rollback
  assert_failure 2
}
