"""The clock of a tenant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ._http import Http, Json
from ._span import Span, instant, read_instant, read_optional_instant, span


@dataclass(frozen=True)
class Ran:
    """Something that fell due, and ran at its instant."""

    at: datetime
    what: str
    """``delivery``, ``keyExpired``, ``tokenExpired``, ``idempotencyKeyExpired``, ``eventsForgotten`` or ``rateWindow``."""
    details: Json
    """All members, as the control plane has them."""


class Clock:
    """The clock of a tenant, which no other shares."""

    def __init__(self, http: Http, path: str) -> None:
        self._http = http
        self._path = f"{path}/clock"

    @property
    def now(self) -> datetime:
        """The present instant, in UTC."""
        return read_instant(self._http.ask("GET", self._path)["now"])

    @property
    def mode(self) -> str:
        """``real``, ``running`` (beside real time) or ``frozen``."""
        return str(self._http.ask("GET", self._path)["mode"])

    @property
    def next_due(self) -> datetime | None:
        """The instant at which something is to run next."""
        return read_optional_instant(self._http.ask("GET", self._path)["nextDue"])

    def freeze(self, at: datetime | str | None = None) -> datetime:
        """Stands still, at the present instant or at another, and tells it."""
        return self._go("freeze", {} if at is None else {"at": instant(at)})

    def set(self, to: datetime | str) -> datetime:
        """Goes to an instant, back too. What falls due in between does not run."""
        return self._go("set", {"to": instant(to)})

    def advance(self, by: Span | None = None, *, to: datetime | str | None = None) -> list[Ran]:
        """Runs all that falls due until then, in order, each at its instant, and tells what ran."""
        if (by is None) == (to is None):
            raise TypeError("advance takes a duration or an instant")
        body = {"by": span(by)} if by is not None else {"to": instant(to)} if to is not None else {}
        return self._run("advance", body)

    def settle(self) -> list[Ran]:
        """Runs what is due already, and tells what ran."""
        return self._run("settle", {})

    def real(self) -> datetime:
        """Goes by real time again."""
        return self._go("real", {})

    def _go(self, verb: str, body: Json) -> datetime:
        return read_instant(self._http.ask("POST", f"{self._path}/{verb}", body)["now"])

    def _run(self, verb: str, body: Json) -> list[Ran]:
        ran = self._http.ask("POST", f"{self._path}/{verb}", body)["ran"]
        return [Ran(read_instant(one["at"]), str(one["what"]), one) for one in ran]
