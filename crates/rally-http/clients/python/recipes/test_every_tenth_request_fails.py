"""Every tenth request fails, in another way each time, and the app still does all of its work."""

from collections import Counter

import rally_crm
from app import App, with_key

FAULTS: list[tuple[str, rally_crm.Action]] = [
    ("before", rally_crm.status(503, retry_after=1)),
    ("afterCommit", rally_crm.reset()),
    ("body", rally_crm.truncate(20)),
    ("wire", rally_crm.reset(at=10)),
]


def test_the_app_still_finishes(rally: rally_crm.Tenant) -> None:
    for number, (point, action) in enumerate(FAULTS):
        rally.faults.arm(point, action, method="POST", nth=5 + 10 * number, every=40, times=None)
    app = App(rally.url, with_key(rally.api_key), sleep=rally.clock.advance)

    for number in range(100):
        app.call("POST", "/contacts", {"firstName": "Ada", "lastName": f"{number}", "email": f"a{number}@x.example"})

    assert len(rally.call("GET", "/contacts").json()) == 100
    rally.faults.verify()
    hits = Counter(request.fault is not None for request in rally.requests.all(method="POST"))
    assert hits[True] >= 10, "each tenth request was hit"
    assert rally.requests.unexpected() == [], "nothing failed but what was hit"
