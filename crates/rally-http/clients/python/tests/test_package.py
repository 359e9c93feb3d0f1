"""Each part of the package, against the program that it brings along."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from http.client import HTTPException

import pytest

import rally_crm

ADA = {"firstName": "Ada", "lastName": "Lovelace", "email": "ada@x.example"}
NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)


def test_a_fake_is_one_line() -> None:
    with rally_crm.fake() as rally:
        assert rally.call("POST", "/contacts", ADA).status == 201
        assert [one["email"] for one in rally.call("GET", "/contacts").json()] == ["ada@x.example"]
        assert rally.call("GET", "/api-keys", key=rally.keys.read).status == 403


def test_a_seed_repeats_ids_and_keys() -> None:
    def told() -> tuple[str, str]:
        with rally_crm.fake("acme", seed=7) as rally:
            return rally.api_key, str(rally.call("POST", "/contacts", ADA).json()["id"])

    assert told() == told()


def test_a_wrong_option_tells_what_the_program_says() -> None:
    with pytest.raises(rally_crm.StartFailed, match="rate-limit"):
        rally_crm.Server(rate_limit=-1)


def test_a_missing_binary_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RALLY_BINARY", "/nowhere/rally")
    with pytest.raises(rally_crm.MissingBinary, match="/nowhere/rally"):
        rally_crm.find_binary()


def test_the_module_is_the_program() -> None:
    told = subprocess.run([sys.executable, "-m", "rally_crm", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("rally ")


def test_the_fake_ends_when_its_parent_is_killed() -> None:
    source = "import rally_crm, time; s = rally_crm.Server(); print(s._process.pid, flush=True); time.sleep(600)"
    parent = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    # The kernel tells its end: the descriptor of a process that has ended is readable.
    try:
        descriptor = os.pidfd_open(child)
    except ProcessLookupError:
        return
    assert select.select([descriptor], [], [], 60)[0], "the fake outlives its parent"


def test_records_are_seeded_by_bodies_by_files_and_by_name(rally: rally_crm.Tenant) -> None:
    made = rally.seed(
        companies=[{"@id": "looms", "name": "Looms Ltd"}],
        contacts=[{**ADA, "companyId": "@looms"}],
    )
    assert made.created == {"companies": 1, "contacts": 1}
    assert rally.call("GET", "/contacts").json()[0]["companyId"] == made.ids["looms"]
    rally.reset()
    assert rally.seed(dataset="demo").created["deals"] == 30
    told = rally.seed_file("contacts", b"firstName,lastName,email\nGrace,Hopper,grace@x.example\n")
    assert told["imported"] == 1
    file = b"Vorname,Nachname,Mail,Fax\nAda,Lovelace,ada@x.example,1\n"
    mapping = {"Vorname": "firstName", "Nachname": "lastName", "Mail": "email", "Fax": None}
    assert rally.seed_file("contacts", file, mapping=mapping, dryRun=True)["imported"] == 1
    assert len(rally.call("GET", "/contacts").json()) == 41, "40 of the data set and one of the file"


def test_what_is_refused_says_why(rally: rally_crm.Tenant) -> None:
    with pytest.raises(rally_crm.Refused, match="email"):
        rally.seed(contacts=[{**ADA, "email": "nobody"}])


def test_the_clock_is_the_tests_own(rally_server: rally_crm.Server) -> None:
    with rally_server.tenant(clock=NOON) as rally:
        assert (rally.clock.now, rally.clock.mode) == (NOON, "frozen")
        [ran] = rally.clock.advance(timedelta(days=1))
        assert (ran.what, ran.details["count"]) == ("rateWindow", 1440)
        assert [ran.what for ran in rally.clock.advance(to=NOON + timedelta(days=2))] == ["rateWindow"]
        assert rally.clock.now == NOON + timedelta(days=2)
        assert rally.clock.set(NOON + timedelta(days=3)) == rally.clock.freeze()
        rally.clock.real()
        assert (rally.clock.mode, rally.clock.next_due) == ("real", None)
        with pytest.raises(TypeError):
            rally.clock.advance()


def test_a_fault_fires_as_often_as_it_is_told_to(rally: rally_crm.Tenant) -> None:
    fault = rally.faults.arm("before", rally_crm.status(503, retry_after=2), method="GET", route="/contacts", nth=2)
    assert [rally.call("GET", "/contacts").status for _ in range(3)] == [200, 503, 200]
    rally.faults.verify()
    assert [(one.id, one.fired) for one in rally.faults.armed()] == [(fault.id, 1)]
    assert rally.faults.disarm(fault) == 1
    rally.faults.arm("body", rally_crm.truncate(10), route="/deals")
    with pytest.raises(rally_crm.Unfired, match="/deals"):
        rally.faults.verify()
    with pytest.raises(rally_crm.Refused, match="route"):
        rally.faults.arm("before", rally_crm.drop(), route="/nowhere")


@pytest.mark.parametrize(
    ("point", "action"),
    [
        ("before", rally_crm.reset()),
        ("afterCommit", rally_crm.drop()),
        ("body", rally_crm.truncate(1)),
        ("wire", rally_crm.reset(at=5)),
    ],
)
def test_a_lost_answer_is_lost(rally: rally_crm.Tenant, point: str, action: rally_crm.Action) -> None:
    rally.faults.arm(point, action, method="POST", route="/contacts")
    with pytest.raises((OSError, HTTPException)):
        rally.call("POST", "/contacts", ADA)
    assert rally.requests.all(route="/contacts")[0].fault
    rally.faults.verify()


def test_an_inbox_takes_events_and_waiting_moves_the_clock(rally: rally_crm.Tenant) -> None:
    inbox = rally.inbox("ledger")
    inbox.answers(500, {"status": 200, "body": "ok"})
    rally.seed(webhooks=[{"name": "Ledger", "url": inbox.url, "events": ["contact.created"]}])
    rally.call("POST", "/contacts", ADA)
    message = inbox.wait("contact.created", where={"data.email": "ada@x.example"})
    assert message.signature == "verified"
    assert [attempt.status for attempt in message.attempts] == [500, 200]
    with pytest.raises(rally_crm.NoMessage, match="contact.deleted") as told:
        inbox.wait("contact.deleted", timeout="1m")
    assert told.value.near_misses == [] or told.value.near_misses[0].missed
    assert [one.answered for one in inbox.messages()] == [500, 200]
    inbox.clear()
    assert inbox.messages() == []


def test_snapshots_forks_and_resets_are_worlds_of_their_own(rally: rally_crm.Tenant) -> None:
    rally.call("POST", "/contacts", ADA)
    kept = rally.snapshot("one")
    with rally.fork() as other:
        other.call("POST", "/contacts", {**ADA, "email": "b@x.example"})
        assert len(other.call("GET", "/contacts").json()) == 2
    assert len(rally.call("GET", "/contacts").json()) == 1
    rally.call("POST", "/contacts", {**ADA, "email": "c@x.example"})
    rally.restore(kept)
    assert len(rally.call("GET", "/contacts").json()) == 1
    rally.reset()
    assert rally.call("GET", "/contacts").json() == []


def test_the_journal_tells_what_was_asked(rally: rally_crm.Tenant) -> None:
    rally.call("GET", "/contacts")
    rally.call("GET", "/contacts/none")
    assert rally.requests.count(method="GET", route="/contacts") == 1
    [unexpected] = rally.requests.unexpected()
    assert unexpected.status in (400, 404) and unexpected.curl.startswith("curl")
    assert len(rally.requests.unexpected("GET /contacts")) == 1
    rally.requests.clear()
    assert rally.requests.all() == []


def test_tenants_of_many_threads_do_not_meet(rally_server: rally_crm.Server) -> None:
    counts = []

    def work(number: int) -> None:
        with rally_server.tenant() as rally:
            for contact in range(number % 3):
                rally.call("POST", "/contacts", {**ADA, "email": f"c{contact}@x.example"})
            counts.append((number % 3, len(rally.call("GET", "/contacts").json())))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == 30 and all(made == found for made, found in counts)
