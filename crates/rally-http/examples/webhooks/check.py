"""Sends events of a `rally fake` to the receivers of this folder, and compares what they have verified with the feed.

check.py RALLY PYTHON NODE_MODULES: the program, a Python that has requirements.txt, and the folder that has package.json's.
"""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
CONTACTS = 20


class Rally:
    """A fake of its own, which ends with this program."""

    def __init__(self, program):
        command = [program, "fake", "--exit-with-stdin", "--json", "--rate-limit", "0"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.url, self.key = ready["url"], ready["tenants"][0]["apiKey"]

    def send(self, method, path, body=None):
        headers = {"X-Api-Key": self.key, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def create_contacts(self, name):
        for number in range(CONTACTS):
            contact = {"firstName": name, "lastName": str(number), "email": f"{name}{number}@x.example"}
            self.send("POST", "/contacts", contact)


class Receiver:
    """A receiver that runs on its own, with what it prints."""

    def __init__(self, command, secret, environment=()):
        environment = {**os.environ, **dict(environment), "WEBHOOK_SECRET": secret}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self.url = self.process.stdout.readline().strip()

    def read(self, verified, count):
        """Adds what it verifies to what was verified before, until there is so much."""
        while len(verified) < count:
            event = json.loads(self.process.stdout.readline())
            verified[event["sequence"]] = event["type"]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def check(rally, name, command):
    """A webhook whose secret is rotated: a receiver with the old one and one with the new one both verify all."""
    # The secret is known only once the webhook is made, so its URL is set afterwards.
    draft = {"name": name, "url": "http://127.0.0.1:1024/", "events": ["contact.created"]}
    hook = rally.send("POST", "/webhooks", draft)
    path = f"/webhooks/{hook['id']}"
    secret, verified = hook["secret"], {}
    for number, phase in enumerate(["before", "during", "after"], 1):
        receiver = Receiver(command, secret)
        rally.send("PUT", path, {"url": receiver.url})
        if phase == "during":
            secret = rally.send("POST", f"{path}/rotate-secret", {"graceHours": 1})["secret"]
        rally.create_contacts(f"{name}-{phase}")
        receiver.read(verified, number * CONTACTS)
        receiver.stop()
    feed = rally.send("GET", "/sync/changes?after=0&limit=1000")
    expected = [entry["id"] for entry in feed][-len(verified) :]
    assert sorted(verified) == expected, (verified, expected)
    assert set(verified.values()) == {"contact.created"}, verified
    print(f"{name}: {len(verified)} events were verified, before, during and after a rotation of the secret")


def main():
    program, python, node_modules = sys.argv[1:]
    rally = Rally(program)
    check(rally, "python", [python, str(HERE / "receiver.py"), "0"])
    # Node looks for packages beside the program that it runs, not where it runs.
    beside = Path(node_modules).parent / "receiver.mjs"
    beside.write_text((HERE / "receiver.mjs").read_text())
    check(rally, "node", ["node", str(beside), "0"])


main()
