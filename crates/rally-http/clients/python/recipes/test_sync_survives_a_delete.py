"""A copy that follows the feed keeps up with what was deleted, also between two of its pages."""

from typing import Any

import rally_crm
from app import App, with_key


def sync(app: App, copy: dict[str, Any], since: str) -> str:
    """Brings a copy of the contacts up to date, and gives the place to go on from."""
    while changes := app.call("GET", f"/sync/changes?since={since}&entities=contacts&limit=2"):
        for change in changes:
            copy.pop(change["entityId"], None)
            if change["action"] != "deleted":
                found = app.call("GET", f"/contacts?updatedSince={since}")
                copy.update({one["id"]: one for one in found if one["id"] == change["entityId"]})
        since = changes[-1]["changedAt"]
    return since


def test_a_sync_survives_a_delete(rally: rally_crm.Tenant) -> None:
    rally.seed(dataset="demo")
    app = App(rally.url, with_key(rally.keys.read))
    copy: dict[str, Any] = {}
    since = sync(app, copy, "1970-01-01")
    gone, *rest = list(copy)
    rally.call("DELETE", f"/contacts/{gone}")
    rally.call("PUT", f"/contacts/{rest[0]}", {"title": "Countess"})

    sync(app, copy, since)

    assert copy == {one["id"]: one for one in rally.call("GET", "/contacts").json()}
    assert gone not in copy and copy[rest[0]]["title"] == "Countess"
