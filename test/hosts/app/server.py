"""A service as teams have them, for switches under load: standard library only, 400 ms to boot.

Takes the socket that a manager passes (fd 3), unless OWN_PORT is set; else listens on PORT. POST /count writes the id of
its body to data/counted, so that a request that was lost or run twice is seen. The file `mode` of its release: `ok`;
`sick`: /health answers 500 and the rest works; `broken`: everything answers 500; `crash`: ends at its start.
"""

import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RELEASE = os.environ.get("RELEASE_ID", "none")
with open("mode", encoding="utf-8") as file:
    MODE = file.read().strip()
COUNTED = os.path.join(os.environ.get("COUNTED_IN", "data"), "counted")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if MODE == "broken" or (MODE == "sick" and self.path == "/health"):
            return self.answer(500, "sick")
        if self.path == "/":
            return self.answer(200, f"{RELEASE} {os.getpid()}")
        if self.path == "/health":
            return self.answer(200, "well")
        if self.path == "/counted":
            with open(COUNTED, "a+", encoding="utf-8") as file:
                file.seek(0)
                return self.answer(200, file.read().rstrip("\n"))
        return self.answer(404, "nothing here")

    def do_POST(self):
        name = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if MODE == "broken" or self.path != "/count":
            return self.answer(500, "sick")
        # As long as a database may take: requests are in flight at any moment.
        time.sleep(0.02)
        # One write to a file that is appended to: lines of several threads do not mix.
        file = os.open(COUNTED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(file, f"{name}\n".encode())
        os.close(file)
        return self.answer(200, f"counted {name}")

    def answer(self, status, text):
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class Server(ThreadingHTTPServer):
    # What was accepted is answered before the process ends; what waits in a held socket's queue is its successor's.
    daemon_threads = False
    block_on_close = True
    request_queue_size = 1024


def held():
    ours = os.environ.get("LISTEN_FDS") == "1" and os.environ.get("LISTEN_PID", str(os.getpid())) == str(os.getpid())
    return ours and "OWN_PORT" not in os.environ


time.sleep(0.4)
if MODE == "crash":
    sys.exit("it crashes, as it was told")
address = ("127.0.0.1", int(os.environ.get("PORT", "0")))
server = Server(address, Handler, bind_and_activate=not held())
if held():
    server.socket.close()
    server.socket = socket.socket(fileno=3)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"{RELEASE} serves", flush=True)
server.serve_forever(poll_interval=0.02)
server.server_close()
