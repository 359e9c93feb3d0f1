"""Syncs with unmodified clients while a writer works, and compares what they loaded with the API.

    check.py RALLY FOLDER CLIENT...

RALLY is the program, FOLDER has a virtual environment for each client (`dlt`, `singer`, `airbyte`).
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import urllib.request

HERE = pathlib.Path(__file__).parent
CONTACTS, DEALS = 3_000, 300


class Api:
    """The API of a tenant whose name is the sync's: each sync has a credential of its own."""

    def __init__(self, url, key):
        self.url, self.key = url, key

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-Api-Key": self.key, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def all(self, noun):
        records, page = {}, self.ask("GET", noun)
        while page:
            records.update((record["id"], record["updatedAt"]) for record in page)
            page = self.ask("GET", f"{noun}?after={page[-1]['id']}")
        return records

    def fill(self):
        made = {"contacts": list(self.all("contacts")), "deals": list(self.all("deals"))}
        pipeline = self.ask("GET", "pipelines")[0]
        for first in range(len(made["contacts"]), CONTACTS, 100):
            items = [
                {"firstName": "Ada", "lastName": f"L{n}", "email": f"{random.getrandbits(64)}@x.example"}
                for n in range(first, first + 100)
            ]
            made["contacts"] += [result["id"] for result in self.ask("POST", "contacts/bulk", items)["results"]]
        for first in range(len(made["deals"]), DEALS, 100):
            stage = pipeline["stages"][0]["id"]
            items = [{"pipelineId": pipeline["id"], "stageId": stage, "name": f"Deal {n}"} for n in range(first, first + 100)]
            made["deals"] += [result["id"] for result in self.ask("POST", "deals/bulk", items)["results"]]
        return made


class Writer(threading.Thread):
    """Changes records all the time, deletes some, and adds some."""

    def __init__(self, api, made):
        super().__init__(daemon=True)
        self.api, self.made, self.over, self.changes = api, made, threading.Event(), 0

    def run(self):
        while not self.over.is_set():
            noun = random.choice(["contacts", "contacts", "contacts", "deals"])
            ids = self.made[noun]
            place = random.randrange(len(ids))
            # However long a first sync takes, records are left to change.
            if random.random() < 0.05 and len(ids) > 100:
                self.api.ask("DELETE", f"{noun}/{ids.pop(place)}")
            elif random.random() < 0.05:
                body = {"firstName": "New", "lastName": "X", "email": f"{random.getrandbits(64)}@x.example"}
                self.made["contacts"].append(self.api.ask("POST", "contacts", body)["id"])
            else:
                self.api.ask("PUT", f"{noun}/{ids[place]}", {"notes": str(random.random())})
            self.changes += 1


def run(folder, client, environment, *what):
    python = folder / client / "bin" / "python"
    what = what or [HERE / f"{client}_sync.py"]
    done = subprocess.run([python, *what], cwd=HERE, env=environment, capture_output=True, text=True, timeout=240)
    if done.returncode:
        raise SystemExit(f"{client} failed:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
    return done.stdout


def loaded_by(folder, client, environment):
    """The records that a client has loaded, by table and id, with the instants of their last changes."""
    if client == "dlt":
        return json.loads(run(folder, client, environment, "-c", "import json, dlt_sync; print(json.dumps(dlt_sync.loaded()))"))
    tables, _ = json.loads((pathlib.Path(environment["SYNC_FOLDER"]) / "target.json").read_text())
    return tables


def check(api, folder, client, paging):
    place = folder / "runs" / f"{client}-{paging}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    writer = Writer(api, api.fill())
    environment = os.environ | {
        "RALLY_URL": api.url, "RALLY_KEY": api.key, "SYNC_FOLDER": str(place), "PAGING": paging, "HOME": str(place),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    writer.start()
    run(folder, client, environment)
    writer.over.set()
    writer.join()
    for _ in range(2):
        run(folder, client, environment)
    loaded = loaded_by(folder, client, environment)
    problems = []
    for noun in ("contacts", "deals"):
        records = api.all(noun)
        wrong = {id for id in records.keys() | loaded[noun].keys() if records.get(id) != loaded[noun].get(id)}
        if wrong:
            examples = [(id, loaded[noun].get(id), records.get(id)) for id in sorted(wrong)[:3]]
            problems.append(f"{len(wrong)} of {len(records)} {noun} (id, loaded, in the API: {examples})")
    outcome = ", ".join(problems) + " differ" if problems else "all is loaded as it is"
    print(f"{client} by {paging}: {writer.changes} changes during the first sync; {outcome}", flush=True)
    return not problems


def main():
    rally, folder, *clients = sys.argv[1:]
    folder = pathlib.Path(folder).resolve()
    fake = subprocess.Popen([rally, "fake", "--json", "--rate-limit", "0"], stdout=subprocess.PIPE)
    try:
        ready = json.loads(fake.stdout.readline())
        api = Api(ready["url"], ready["tenants"][0]["apiKey"])
        checks = [(client, paging) for client in clients for paging in ("link", "offset")]
        good = [check(api, folder, client, paging) for client, paging in checks]
    finally:
        fake.terminate()
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
