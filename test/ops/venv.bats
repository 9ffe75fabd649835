# A Python environment is bound to its place: console scripts start with its absolute path, an editable install points into the
# release. Built where it will live, it runs after the build, after a switch and after a rollback.
load helper

setup() {
  if ! python3 -c 'import ensurepip, venv; assert any(p[0] == "setuptools" for p in ensurepip._PROJECTS)' 2>/dev/null; then
    skip "no python3 whose ensurepip brings setuptools (up to 3.11) is installed"
  fi
  make_app
  write_python
  manifest --bare <<YAML
linked_files: []
build:
  venv:
    needs: "python3>=3.9"
    run:
      - '"\$PYTHON3" -m venv .venv'
      # Without an index: what is installed is the checkout itself, as editable.
      - .venv/bin/python setup.py --quiet develop --no-deps 2>/dev/null
services:
  web: { run: .venv/bin/shop-serve, port: $port, stop_timeout: 2s }
smoke:
  - { url: "http://127.0.0.1:\${services.web.port}/" }
YAML
}

teardown() {
  stop_all
}

write_python() {
  mkdir -p "$app/shop"
  cat >"$app/setup.py" <<'PY'
from setuptools import setup
setup(name="shop", version="1", packages=["shop"], entry_points={"console_scripts": ["shop-serve=shop.serve:main"]})
PY
  touch "$app/shop/__init__.py"
  cat >"$app/shop/serve.py" <<'PY'
import http.server, os, shop
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(f"{os.environ['RELEASE_ID']} {os.path.dirname(shop.__file__)}".encode())
    def log_message(self, *_): pass
def main():
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
PY
  git -C "$app" add setup.py shop
  commit ok
}

@test "a venv with console scripts and an editable install runs after the build and after a rollback" {
  run deploy one
  assert_success
  assert_equal "$(answer)" "one $tree/releases/one/shop"
  commit ok
  run deploy two
  assert_success
  assert_equal "$(answer)" "two $tree/releases/two/shop"
  run op release/rollback
  assert_success
  assert_equal "$(answer)" "one $tree/releases/one/shop"
  run head -n 1 "$tree/releases/one/.venv/bin/shop-serve"
  assert_output --partial "$tree/releases/one/.venv/bin/python"
}
