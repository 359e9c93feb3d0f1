"""The console below a path of a proxy."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import expect

PREFIX = "/tools/rally"


def proxy(port):
    """A proxy that takes its own path off, and knows nothing more."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_ANY(self):
            if not self.path.startswith(PREFIX):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            upstream = http.client.HTTPConnection("127.0.0.1", port)
            upstream.request(self.command, self.path[len(PREFIX):], body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_ANY

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_the_console_works_below_a_path(fake, tabs):
    fake.deals(60)
    server = proxy(int(fake.url.rsplit(":", 1)[1]))
    base = f"http://127.0.0.1:{server.server_port}{PREFIX}"
    tab = tabs(fake, base=base)
    tab.goto(f"{base}/console/")
    assert tab.url == f"{base}/console"
    tab.sign_in().show("board")
    tab.button("Show 50 more of Lead").click()
    expect(tab.locator(".card")).to_have_count(60)
    tab.link("Deal 00000").focus()
    tab.keyboard.press("Shift+ArrowRight")
    tab.says("Deal 00000 is in Qualified")
    server.shutdown()
