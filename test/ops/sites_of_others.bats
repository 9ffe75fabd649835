# caddy/install_caddy on a real Caddy, traefik/install_traefik into a folder, and host/maintenance for both.
# shellcheck disable=SC2154 # what helper.bash sets
load helper

setup() {
  place=$(mktemp -d "${TMPDIR:-/tmp}/switchback-sites-XXXXXX")
  chmod 755 "$place"
  app=$place/app tree=$place/tree etc=$place/etc listen=$((22280 + BATS_TEST_NUMBER))
  mkdir -p "$app" "$tree/releases/r1/dist" "$etc/conf.d" "$etc/dynamic"
  ln -s releases/r1 "$tree/current"
  echo entry >"$tree/releases/r1/dist/index.html"
  echo "back soon" >"$tree/releases/r1/maintenance.html"
  export SWITCHBACK_CADDY_CONF=$etc/Caddyfile SWITCHBACK_TRAEFIK_DYNAMIC=$etc/dynamic
  export HOME=$place XDG_DATA_HOME=$place/data XDG_CONFIG_HOME=$place/config
}

teardown() {
  [ -n "${place-}" ] || return 0
  [ -z "${caddy-}" ] || kill "$caddy"
  rm -rf "$place"
}

# caddy_runs: a Caddy with nothing but what it imports; its admin endpoint is a socket of its own.
caddy_runs() {
  command -v caddy >/dev/null || skip "caddy is not installed here"
  printf '{\n\tadmin unix/%s\n}\nimport conf.d/*.caddy\n' "$place/admin.sock" >"$SWITCHBACK_CADDY_CONF"
  caddy run --config "$SWITCHBACK_CADDY_CONF" --adapter caddyfile 3>&- >"$place/caddy.log" 2>&1 &
  caddy=$!
  until [ -S "$place/admin.sock" ]; do sleep 0.02; done
}

sites() {
  { printf 'app: shop\ndeploy_to: %s\nservices: { web: { run: x, port: 22299 } }\nsites:\n' "$tree"; cat; } >"$app/deploy.yaml"
}

asked() {
  curl -s -o "$place/body.txt" -w '%{http_code} ' --max-time 5 "http://127.0.0.1:$1${2:-/}"
  cat "$place/body.txt"
}

@test "a site of Caddy is installed, serves, and shows its page; one that Caddy does not take is put back" {
  caddy_runs
  echo "  main: { kind: caddy, listen: $listen, root: dist, maintenance: { page: maintenance.html } }" | sites
  run op caddy/install_caddy
  assert_success
  assert_output --partial "1 site is as the manifest says."
  assert_equal "$(asked "$listen")" "200 entry"
  run op caddy/install_caddy
  assert_output "1 site is as the manifest says already."
  op host/maintenance on
  assert_equal "$(asked "$listen")" "503 back soon"
  op host/maintenance off
  assert_equal "$(asked "$listen")" "200 entry"

  local before
  before=$(cat "$etc/conf.d/shop-main.caddy")
  printf 'http://:%s {\n\toops\n}\n' "$((listen + 6))" >"$etc/conf.d/others.caddy"
  echo "  main: { kind: caddy, listen: $((listen + 5)), root: dist }" | sites
  run op caddy/install_caddy
  assert_failure 1
  assert_output --partial "others.caddy"
  assert_equal "$(cat "$etc/conf.d/shop-main.caddy")" "$before"
  assert_equal "$(asked "$listen")" "200 entry"

  # What only the reload tells: a port that another program has.
  rm "$etc/conf.d/others.caddy"
  "$ops/_bun" -e "require('node:net').createServer().listen($((listen + 5)), '0.0.0.0')" 3>&- &
  local taker=$!
  until (exec 3<>"/dev/tcp/127.0.0.1/$((listen + 5))") 2>/dev/null; do sleep 0.02; done
  run op caddy/install_caddy
  kill "$taker"
  assert_failure 3
  assert_output --partial "address already in use"
  assert_equal "$(cat "$etc/conf.d/shop-main.caddy")" "$before"
  assert_equal "$(asked "$listen")" "200 entry"
}

@test "a Caddyfile that does not import the site is told the line that it needs" {
  command -v caddy >/dev/null || skip "caddy is not installed here"
  echo "import other/*.caddy" >"$SWITCHBACK_CADDY_CONF"
  echo "  main: { kind: caddy, listen: $listen, root: dist }" | sites
  run op caddy/install_caddy
  assert_failure 1
  assert_output --partial "$etc/Caddyfile does not import $etc/conf.d/shop-main.caddy: add the line  import $etc/conf.d/*.caddy"
  assert_equal "$(ls "$etc/conf.d")" ""
}

@test "files of Traefik are written whole, say when the tree is in maintenance, and go with their sites" {
  echo "  main: { kind: traefik, server_name: shop.example, proxy: { /: { service: web } }, maintenance: { page: maintenance.html } }" | sites
  run op traefik/install_traefik
  assert_success
  local file=$etc/dynamic/shop-main.yml open
  open=$(cat "$file")
  op host/maintenance on
  assert [ "$(cat "$file")" != "$open" ]
  # Installed again while the page is on, it stays on.
  run op traefik/install_traefik
  assert_output --partial "already"
  op host/maintenance off
  assert_equal "$(cat "$file")" "$open"
  echo "  main: { kind: nginx, listen: $listen }" | sites
  op traefik/install_traefik
  assert_equal "$(ls "$etc/dynamic")" ""
}
