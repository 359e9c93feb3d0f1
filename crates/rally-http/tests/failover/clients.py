"""Writers, readers of feeds and a receiver of webhooks, which note what they were told."""

import http.client
import http.server
import json
import threading
import time
from collections import defaultdict


def ask(address, method, path, key, body=None, headers=None, timeout=20):
    """A status, the headers and the JSON of an answer; a status of 0 if there is none."""
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body),
                           headers={"X-Api-Key": key, "Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, answer.headers, json.loads(text) if text else None
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}, None
    finally:
        connection.close()


class Writer(threading.Thread):
    """Creates contacts of one tenant, each until it is acknowledged, with one idempotency key."""

    def __init__(self, tenant, key, servers, pause):
        super().__init__(daemon=True)
        self.tenant, self.key, self.servers, self.pause = tenant, key, servers, pause
        self.acknowledged = {}
        self.longest = 0.0
        self.refusals = []
        self.is_over = threading.Event()

    def run(self):
        number = 0
        while not self.is_over.is_set():
            self.write(number)
            number += 1
            self.is_over.wait(self.pause)

    def write(self, number):
        email = f"c{number}@{self.tenant}.example"
        body = {"firstName": "C", "lastName": str(number), "email": email}
        began, attempt = time.monotonic(), number
        while True:
            status, _, answer = ask(self.servers[attempt % len(self.servers)], "POST", "/api/v1/contacts", self.key, body,
                                    {"Idempotency-Key": f"{self.tenant}-{number}"})
            if status == 201:
                self.acknowledged[email] = answer["id"]
                self.longest = max(self.longest, time.monotonic() - began)
                return
            if 0 < status < 500 and status != 409:
                self.refusals.append((status, answer))
                return
            if self.is_over.is_set() and time.monotonic() - began > 90:
                self.refusals.append(("given up", email))
                return
            attempt += 1
            time.sleep(0.1)


# Numbers that are passed over at a promotion: one for each microsecond in which a change can have been told, and two minutes more.
LEAST_GAP = 120_000_000


class Reader(threading.Thread):
    """Follows a feed by its numbers, in its epoch. A number may be missing at a promotion alone."""

    def __init__(self, tenant, key, servers):
        super().__init__(daemon=True)
        self.tenant, self.key, self.servers = tenant, key, servers
        self.last, self.seen, self.faults, self.resets = 0, {}, [], 0
        self.epoch = None
        self.is_over = threading.Event()

    def run(self):
        turn = 0
        while True:
            was_over = self.is_over.is_set()
            turn += 1
            if self.read(self.servers[turn % len(self.servers)]) == 0:
                if was_over:
                    return
                time.sleep(0.1)

    def read(self, address):
        headers = {"X-Feed-Epoch": self.epoch} if self.epoch else {}
        status, told, entries = ask(address, "GET", f"/api/v1/sync/changes?after={self.last}&limit=200", self.key,
                                    headers=headers)
        if status == 400 and entries and entries.get("code") == "feed_reset":
            self.resets += 1
            self.last, self.seen, self.epoch = 0, {}, None
            return 1
        if status != 200:
            if 0 < status < 500:
                self.faults.append((status, entries))
            return 0
        self.epoch = told.get("X-Feed-Epoch") or self.epoch
        for entry in entries:
            if entry["id"] != self.last + 1 and entry["id"] < self.last + LEAST_GAP:
                self.faults.append(f"{entry['id']} comes after {self.last}")
            self.last = entry["id"]
            if entry["entityType"] == "contact":
                if entry["entityId"] in self.seen:
                    self.faults.append(f"{entry['entityId']} is told twice")
                self.seen[entry["entityId"]] = entry["id"]
        return len(entries)


class Receiver:
    """Takes the events of all tenants, and fails the first attempt at one in twenty."""

    def __init__(self, port):
        self.events, self.lock, self.count = defaultdict(set), threading.Lock(), 0
        self.failed = set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.count += 1
                    # A second failure is retried only after minutes.
                    fails = outer.count % 20 == 0 and event["id"] not in outer.failed
                    outer.failed |= {event["id"]} if fails else set()
                    if not fails:
                        outer.events[event["tenantId"]].add(event["sequence"])
                self.send_response(500 if fails else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            # All that waited during a failover comes at once.
            request_queue_size = 512

        self.server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{port}/hook"
