load helper.bash

setup() {
  make_app
}

@test "a deploy builds, switches, proves and records; the next one takes its place" {
  run deploy r1
  assert_success
  assert_output --partial "r1 is current."
  assert_serves r1
  commit ok
  run deploy r2
  assert_success
  assert_output --partial "r2 is current; it was r1."
  assert_serves r2
  assert_equal "$(status_of r1)" replaced
}
