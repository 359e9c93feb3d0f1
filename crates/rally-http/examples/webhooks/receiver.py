"""A receiver of webhooks: verifies each event, handles it once, and answers soon.

python receiver.py PORT, with the webhook's secret in WEBHOOK_SECRET. Port 0 takes any free one; the first line says which.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
handled = set()  # in a database, in the transaction that handles the event


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        # The bytes that were signed are those that came: verify them before any JSON is read.
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            event = webhook.verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            self.answer(400, str(error))
            return
        event_id = self.headers["webhook-id"]
        if event_id not in handled:
            handled.add(event_id)
            print(json.dumps({"id": event_id, "type": event["type"], "sequence": event["sequence"]}), flush=True)
        self.answer(204)

    def answer(self, status, reason=None):
        self.send_response(status, reason)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print(f"http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
