# nginx/install_nginx and host/maintenance on a real nginx: installed, refused, put back, removed, and in maintenance.
# shellcheck disable=SC2154 # what helper.bash sets
load helper

setup() {
  PATH=$PATH:/usr/sbin:/sbin
  command -v nginx >/dev/null || skip "nginx is not installed here"
  # nginx's workers are another user's, and what bats makes is root's alone.
  place=$(mktemp -d "${TMPDIR:-/tmp}/switchback-sites-XXXXXX")
  chmod 755 "$place"
  app=$place/app tree=$place/tree etc=$place/etc listen=$((22220 + BATS_TEST_NUMBER))
  mkdir -p "$app" "$tree/releases/r1/dist" "$etc/conf.d"
  ln -s releases/r1 "$tree/current"
  echo entry >"$tree/releases/r1/dist/index.html"
  echo "back soon" >"$tree/releases/r1/maintenance.html"
  export SWITCHBACK_NGINX_CONF=$etc/nginx.conf
  cat >"$SWITCHBACK_NGINX_CONF" <<CONF
pid $place/nginx.pid; error_log $place/error.log; worker_processes 1; events {}
http {
  access_log off; client_body_temp_path $place/body; proxy_temp_path $place/proxy;
  fastcgi_temp_path $place/fastcgi; uwsgi_temp_path $place/uwsgi; scgi_temp_path $place/scgi;
  include $etc/conf.d/*.conf;
}
CONF
  nginx -e stderr -c "$SWITCHBACK_NGINX_CONF" 3>&-
}

teardown() {
  [ -n "${place-}" ] || return 0
  [ -z "${taker-}" ] || kill "$taker"
  [ ! -f "$place/nginx.pid" ] || kill -QUIT "$(cat "$place/nginx.pid")"
  rm -rf "$place"
}

# sites: writes a manifest with the sites of standard input.
sites() {
  { printf 'app: shop\ndeploy_to: %s\nservices: { web: { run: x, port: 22299 } }\nsites:\n' "$tree"; cat; } >"$app/deploy.yaml"
}

# site NAME PORT [MORE]: a line for `sites`.
site() {
  echo "  $1: { kind: nginx, listen: $2, root: dist, maintenance: { page: maintenance.html }${3:+, $3} }"
}

# asked PORT [PATH]: status and body.
asked() {
  curl -s -o "$place/body.txt" -w '%{http_code} ' --max-time 5 "http://127.0.0.1:$1${2:-/}"
  cat "$place/body.txt"
}

@test "a site is installed, serves at once, and the second time nothing changes" {
  site main "$listen" | sites
  run op nginx/install_nginx
  assert_success
  assert_output --partial "+++ $etc/conf.d/shop-main.conf"
  assert_output --partial "+  listen $listen;"
  assert_output --partial "1 site is as the manifest says."
  assert_equal "$(asked "$listen")" "200 entry"
  assert_equal "$(stat -c %a "$etc/conf.d/shop-main.conf")" 644
  local workers
  workers=$(pgrep -n -P "$(cat "$place/nginx.pid")")
  run op nginx/install_nginx
  assert_success
  assert_output "1 site is as the manifest says already."
  assert_equal "$(pgrep -n -P "$(cat "$place/nginx.pid")")" "$workers"
}

@test "the printed steps do the same" {
  site main "$listen" | sites
  op nginx/install_nginx --dry-run >"$place/paste"
  assert_equal "$(ls "$etc/conf.d")" ""
  env -u SWITCHBACK_NGINX_CONF dash "$place/paste"
  assert_equal "$(asked "$listen")" "200 entry"
  run op nginx/install_nginx
  assert_output "1 site is as the manifest says already."
}

@test "a site that nginx refuses is named and left out, and the others are installed" {
  { site bad "[$listen, '0.0.0.0:$listen']"; site good "$((listen + 30))"; } | sites
  run op nginx/install_nginx
  assert_failure 1
  assert_output --partial "site bad: a duplicate listen 0.0.0.0:$listen in shop-bad.conf:5"
  assert_equal "$(ls "$etc/conf.d")" shop-good.conf
  assert_equal "$(asked "$((listen + 30))")" "200 entry"
}

@test "where another file breaks the whole, the site is put back as it was, and what serves goes on" {
  site main "$listen" | sites
  op nginx/install_nginx
  echo "oops;" >"$etc/conf.d/others.conf"
  site main "$listen" "server_name: other.example" | sites
  local before
  before=$(cat "$etc/conf.d/shop-main.conf")
  run op nginx/install_nginx
  assert_failure 1
  assert_output --partial 'unknown directive "oops"'
  assert_output --partial "$etc/conf.d/others.conf:1"
  assert_equal "$(cat "$etc/conf.d/shop-main.conf")" "$before"
  assert_equal "$(asked "$listen")" "200 entry"
}

@test "where nginx does not take it at the reload, because a port is another program's, the file is put back" {
  site main "$listen" | sites
  op nginx/install_nginx
  local before taken=$((listen + 30))
  before=$(cat "$etc/conf.d/shop-main.conf")
  "$ops/_bun" -e "require('node:net').createServer().listen($taken, '0.0.0.0')" 3>&- &
  taker=$!
  for _ in {1..500}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$taken") 2>/dev/null && break
    sleep 0.02
  done
  site main "[$listen, $taken]" | sites
  run op nginx/install_nginx
  assert_failure 3
  assert_output --partial "bind() to 0.0.0.0:$taken failed"
  assert_output --partial "nginx kept its former configuration"
  assert_equal "$(cat "$etc/conf.d/shop-main.conf")" "$before"
  assert_equal "$(asked "$listen")" "200 entry"
}

@test "a site that the manifest no longer has is removed, and nobody else's file is" {
  { site main "$listen"; site second "$((listen + 30))"; } | sites
  op nginx/install_nginx
  echo "# made by switchback for /srv/other; ops/nginx/install_nginx.ts writes it again" >"$etc/conf.d/other.conf"
  echo "# by hand" >"$etc/conf.d/hand.conf"
  site main "$listen" | sites
  run op nginx/install_nginx
  assert_success
  assert_output --partial "$etc/conf.d/shop-second.conf is removed."
  assert_equal "$(cd "$etc/conf.d" && echo *)" "hand.conf other.conf shop-main.conf"
  assert_equal "$(asked "$listen")" "200 entry"
  # The former worker closes its door a moment later.
  for _ in {1..50}; do (exec 3<>"/dev/tcp/127.0.0.1/$((listen + 30))") 2>/dev/null || break; sleep 0.1; done
  run asked "$((listen + 30))"
  assert_output --partial 000
}

@test "a file that a person wrote is kept in the tree, another tree's is refused" {
  { site main "$listen" "file: $etc/conf.d/shop.conf"; site second "$((listen + 30))"; } | sites
  echo "# by hand" >"$etc/conf.d/shop.conf"
  mkdir -p "$place/other"
  echo "# made by switchback for $place/other; ops/nginx/install_nginx.ts writes it again" >"$etc/conf.d/shop-second.conf"
  run op nginx/install_nginx
  assert_failure 1
  assert_output --partial "shop-second.conf belongs to $place/other: give sites.second a file of its own"
  assert_equal "$(cat "$tree/by-hand/shop.conf")" "# by hand"
  assert_equal "$(asked "$listen")" "200 entry"
}

@test "a file that no include takes in is not left behind" {
  site main "$listen" "file: $etc/elsewhere/shop.conf" | sites
  run op nginx/install_nginx
  assert_failure 1
  assert_output --partial "no include in $etc/nginx.conf takes in $etc/elsewhere/shop.conf"
  assert [ ! -e "$etc/elsewhere/shop.conf" ]
}

@test "what an installation that was cut off left is taken by the next one" {
  site main "$listen" | sites
  op nginx/install_nginx
  "$ops/_bun" -e '
    const { DatabaseSync } = require("node:sqlite");
    new DatabaseSync(process.argv[1]).exec("UPDATE operations SET outcome = '"'interrupted'"' WHERE kind = '"'install_nginx'"'");
  ' "$tree/registry.db"
  run op nginx/install_nginx
  assert_output --partial "Reload nginx"
  run op nginx/install_nginx
  assert_output "1 site is as the manifest says already."
}

# One order to end can come too early for an nginx that is just being reloaded.
end_nginx() {
  local pid
  pid=$(cat "$place/nginx.pid")
  for _ in {1..200}; do
    [ -f "$place/nginx.pid" ] || return 0
    kill -QUIT "$pid" 2>/dev/null || true
    sleep 0.05
  done
  fail "nginx does not end"
}

@test "an nginx that does not run gets its files, and what starts it is told" {
  end_nginx
  site main "$listen" | sites
  run op nginx/install_nginx
  assert_success
  assert_output --partial "nginx does not run: $(command -v nginx) -c $etc/nginx.conf"
  nginx -e stderr -c "$SWITCHBACK_NGINX_CONF" 3>&-
  assert_equal "$(asked "$listen")" "200 entry"
}

@test "the owner needs nobody else where the files are the owner's; root leaves the records to the owner" {
  [ "$(id -u)" = 0 ] || skip "only root can make a tree of another user"
  setpriv --reuid nobody --clear-groups -- test -r "$suite/package.json" || skip "the suite lies where no other user may read it"
  site main "$listen" | sites
  chown -R nobody "$place"
  run op nginx/install_nginx
  assert_success
  assert_equal "$(find "$tree" ! -user nobody)" ""
  end_nginx
  chown -R nobody "$place"
  as_nobody() { setpriv --reuid nobody --clear-groups -- "$@"; }
  as_nobody nginx -e stderr -c "$SWITCHBACK_NGINX_CONF" 3>&-
  { site main "$listen"; site second "$((listen + 30))"; } | sites
  run as_nobody "$ops/nginx/install_nginx.ts" --manifest "$app/deploy.yaml"
  assert_success
  assert_equal "$(asked "$((listen + 30))")" "200 entry"
}

@test "maintenance: every site of the tree answers with its page until it is turned off, without a reload" {
  { site main "$listen" "proxy: { /api/: { service: web } }"; site second "$((listen + 30))"; } | sites
  op nginx/install_nginx
  local workers before
  workers=$(pgrep -n -P "$(cat "$place/nginx.pid")")
  assert_equal "$(asked "$listen")" "200 entry"
  # The service is not there: the page answers for it already.
  assert_equal "$(asked "$listen" /api/x)" "503 back soon"
  before=$(snapshot "$tree")
  op host/maintenance on --dry-run >"$place/paste"
  assert_equal "$(snapshot "$tree")" "$before"
  run op host/maintenance on
  assert_success
  assert_line "main, second answer with the maintenance page."
  assert_equal "$(asked "$listen")" "503 back soon"
  assert_equal "$(asked "$((listen + 30))")" "503 back soon"
  assert_regex "$(curl -sI "http://127.0.0.1:$listen/")" "Retry-After: 5"
  run op host/maintenance off
  assert_success
  assert_equal "$(asked "$listen")" "200 entry"
  dash "$place/paste"
  assert_equal "$(asked "$listen")" "503 back soon"
  op host/maintenance off
  assert_equal "$(pgrep -n -P "$(cat "$place/nginx.pid")")" "$workers"
}

@test "maintenance: what would make it unseen is said, and a word that is neither on nor off is refused" {
  site main "$listen" | sites
  chmod o-x "$tree"
  run op host/maintenance on
  assert_success
  assert_output --partial "chmod o+x $tree"
  assert_output --partial "site main is not installed with its page: $ops/nginx/install_nginx.ts"
  assert_untouched op host/maintenance of
  assert_failure 2
  assert_output --partial 'on or off, not "of"'
}
