"""The requests that a tenant's API has had."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ._http import Http, Json
from ._span import read_instant


@dataclass(frozen=True)
class Request:
    """A request to the API."""

    number: int
    at: datetime
    method: str
    route: str | None
    """The path as the API's document has it, such as ``/deals/{id}/stage``; ``None`` for one that it does not have."""
    path: str
    status: int | None
    """``None`` where no answer was sent."""
    fault: str | None
    """The id of the fault that has hit it."""
    curl: str
    """A line that repeats it."""


class Requests:
    """The journal of a tenant's last 10,000 requests."""

    def __init__(self, http: Http, path: str) -> None:
        self._http = http
        self._path = f"{path}/requests"

    def all(
        self,
        *,
        method: str | None = None,
        route: str | None = None,
        status: int | None = None,
        fault: str | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[Request]:
        """The requests, oldest first, 1,000 at most."""
        asked = {"method": method, "route": route, "status": status, "fault": fault, "after": after, "limit": limit}
        return [_request(one) for one in self._http.ask("GET", self._path, parameters=asked)]

    def count(
        self,
        *,
        method: str | None = None,
        route: str | None = None,
        status: int | None = None,
        fault: str | None = None,
    ) -> int:
        """The number of requests."""
        asked = {"method": method, "route": route, "status": status, "fault": fault}
        return int(self._http.ask("GET", f"{self._path}/count", parameters=asked)["count"])

    def unexpected(self, *expected: str) -> list[Request]:
        """The requests that none of ``expected`` names, as ``"GET /contacts"``; without any, those that were answered 4xx
        or 5xx by no fault."""
        asked = {"expected": list(expected) or None}
        return [_request(one) for one in self._http.ask("GET", f"{self._path}/unexpected", parameters=asked)]

    def clear(self) -> None:
        """Forgets them."""
        self._http.ask("DELETE", self._path)


def _request(json: Json) -> Request:
    return Request(
        number=json["number"],
        at=read_instant(json["at"]),
        method=json["method"],
        route=json["route"],
        path=json["path"],
        status=json["status"],
        fault=json["fault"],
        curl=json["curl"],
    )
