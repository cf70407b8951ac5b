"""A web server that knows nothing of etcd: etcd-discovery register runs it, and registers it meanwhile."""

import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"hello from {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def stop(*_):
    print("asked to stop", flush=True)
    raise SystemExit(0)


signal.signal(signal.SIGTERM, stop)
server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Hello)
print(f"listening on {server.server_port}", flush=True)
server.serve_forever()
