"""A CRM in a test: the fake of Rally, with its clock, its faults and its inbox in your hand.

    import rally_crm

    with rally_crm.fake() as rally:
        rally.seed(dataset="demo")
        app = MyApp(url=rally.url, api_key=rally.api_key)
        rally.faults.arm("afterCommit", rally_crm.reset(), method="POST", route="/deals")
        app.sync()
        assert rally.requests.count(method="POST", route="/deals") == 2

With pytest the fixtures ``rally`` and ``rally_server`` are there without an import.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from ._actions import Action, delay, drop, duplicate, reset, slow, status, truncate
from ._binary import MissingBinary, find_binary
from ._clock import Clock, Ran
from ._faults import Fault, Faults, Unfired
from ._http import Answer, Refused
from ._inbox import Attempt, Inbox, Message, NearMiss, NoMessage
from ._requests import Request, Requests
from ._server import Server, StartFailed
from ._span import Span
from ._tenant import Keys, Seeded, Snapshot, Tenant

__all__ = [
    "Action",
    "Answer",
    "Attempt",
    "Clock",
    "Fault",
    "Faults",
    "Inbox",
    "Keys",
    "Message",
    "MissingBinary",
    "NearMiss",
    "NoMessage",
    "Ran",
    "Refused",
    "Request",
    "Requests",
    "Seeded",
    "Server",
    "Snapshot",
    "Span",
    "StartFailed",
    "Tenant",
    "Unfired",
    "delay",
    "drop",
    "duplicate",
    "fake",
    "find_binary",
    "reset",
    "slow",
    "status",
    "truncate",
]


@contextmanager
def fake(
    tenant: str | None = None,
    *,
    clock: datetime | str | None = None,
    seed: int | None = None,
    rate_limit: int | None = None,
) -> Iterator[Tenant]:
    """Starts a fake, makes a tenant of it, and ends it with the block.

    ``clock`` is an instant at which the tenant's clock stands still; ``seed`` a number that ids, keys and secrets follow
    from; ``rate_limit`` the requests a minute, 0 for no limit. For many tenants start one :class:`Server`.
    """
    with Server(seed=seed, rate_limit=rate_limit) as server:
        yield server.tenant(tenant, clock=clock)
