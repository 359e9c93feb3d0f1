"""The faults of a tenant, which are counted and never left to chance."""

from __future__ import annotations

from dataclasses import dataclass

from ._actions import Action
from ._http import Http, Json


class Unfired(AssertionError):
    """A fault that was armed has not fired as often as it should."""


@dataclass(frozen=True)
class Fault:
    """An armed fault, as it was when it was asked for."""

    id: str
    point: str
    matched: int
    fired: int
    times: int | None
    details: Json


class Faults:
    """The faults of a tenant."""

    def __init__(self, http: Http, path: str) -> None:
        self._http = http
        self._path = f"{path}/faults"

    def arm(
        self,
        point: str,
        action: Action,
        *,
        method: str | None = None,
        route: str | None = None,
        credential: str | None = None,
        event: str | None = None,
        nth: int = 1,
        every: int = 1,
        times: int | None = 1,
    ) -> Fault:
        """Arms a fault.

        ``point`` is ``before``, ``afterCommit``, ``body``, ``wire`` or ``webhook``. Of the requests that match, it fires at
        number ``nth``, then at each ``every``-th one, ``times`` times in all (``None``: for ever). A ``route`` is a path
        of the API's document without ``/api/v1``; one that it does not have is :class:`Refused`.
        """
        match = {"method": method, "route": route, "credential": credential, "event": event, "nth": nth, "every": every}
        given = {name: value for name, value in match.items() if value is not None}
        body = {"point": point, "action": action.json, "match": given, "times": times}
        return _fault(self._http.ask("POST", self._path, body))

    def armed(self) -> list[Fault]:
        """The faults that are armed."""
        return [_fault(fault) for fault in self._http.ask("GET", self._path)]

    def disarm(self, fault: Fault | str | None = None) -> int:
        """Disarms one fault, or all, and tells how many."""
        one = fault.id if isinstance(fault, Fault) else fault
        path = self._path if one is None else f"{self._path}/{one}"
        return int(self._http.ask("DELETE", path)["disarmed"])

    def verify(self) -> None:
        """Fails with :class:`Unfired` unless each fault that is armed has fired, as often as it was to."""
        verdict = self._http.ask("POST", f"{self._path}/verify")
        if not verdict["passed"]:
            unfired = ", ".join(_told(fault) for fault in verdict["unfired"])
            raise Unfired(f"armed and not fired: {unfired}")


def _fault(json: Json) -> Fault:
    return Fault(json["id"], json["point"], json["matched"], json["fired"], json["times"], json)


def _told(unfired: Json) -> str:
    if not isinstance(unfired, dict):
        return str(unfired)
    match = {name: value for name, value in unfired["match"].items() if value is not None}
    return f"{unfired['point']} {unfired['action']['kind']} at {match} (fired {unfired['fired']} of {unfired['times']} times)"
