"""Receivers of webhooks that stand in the fake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ._http import Http, Json
from ._span import Span, read_instant, span


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver a message."""

    at: datetime
    status: int | None
    """``None`` where no answer came."""


@dataclass(frozen=True)
class Message:
    """A message that an inbox holds."""

    number: int
    at: datetime
    id: str | None
    """The ``webhook-id``, the same for each attempt; ``None`` for a plain ``POST``."""
    type: str | None
    body: Json
    headers: Mapping[str, str]
    signature: str
    """``verified``, ``wrong`` or ``none``."""
    answered: int | None
    attempts: list[Attempt]


@dataclass(frozen=True)
class NearMiss:
    """A message that came and did not match."""

    number: int
    type: str | None
    missed: Mapping[str, Json]
    """By member, ``{"wanted": …, "got": …}``."""


class NoMessage(AssertionError):
    """No message came that matches."""

    def __init__(self, told: str, near_misses: list[NearMiss]) -> None:
        super().__init__(told)
        self.near_misses = near_misses


class Inbox:
    """A receiver of webhooks, which exists under any name."""

    def __init__(self, http: Http, path: str, base: str, name: str) -> None:
        self._http = http
        self._path = f"{path}/inbox/{name}"
        self.name = name
        self.url = f"{base}{name}"
        """Give it to a webhook as its ``url``."""

    def answers(self, *answers: int | Mapping[str, object]) -> None:
        """Scripts the answers, in order; the last one stands for all later ones.

        An answer is a status, or ``{"status": 200, "delay": "2s", "retryAfter": 5, "body": "ok"}``.
        """
        self._http.ask("PUT", self._path, {"answers": list(answers)})

    def messages(self) -> list[Message]:
        """The messages in the order in which they came."""
        return [_message(message) for message in self._http.ask("GET", self._path)["messages"]]

    def clear(self) -> None:
        """Forgets messages and script."""
        self._http.ask("DELETE", self._path)

    def wait(
        self,
        type: str | None = None,  # noqa: A002 - the name that an event has
        where: Mapping[str, Json] | None = None,
        *,
        timeout: Span = "1h",
        patience: Span = 0,
    ) -> Message:
        """The next message that was accepted and matches, which no earlier wait has answered.

        ``where`` names members of the body by path, as ``{"data.stageId": stage}``. The tenant's clock moves, instead of
        sleeping: what falls due within ``timeout`` runs, in order. ``patience`` is the real time to wait for the program
        under test when nothing is due. If nothing matches, this is :class:`NoMessage`, which tells the near misses.
        """
        asked = {"type": type, "where": dict(where) if where else None, "timeout": span(timeout), "patience": span(patience)}
        body = {name: value for name, value in asked.items() if value is not None}
        waited = self._http.ask("POST", f"{self._path}/wait", body)
        if waited["matched"]:
            return _message(waited["message"])
        misses = [NearMiss(one["number"], one["type"], one["missed"]) for one in waited["nearMisses"]]
        raise NoMessage(_told(self.name, asked, misses), misses)


def _message(json: Json) -> Message:
    attempts = [Attempt(read_instant(one["at"]), one["status"]) for one in json["attempts"]]
    return Message(
        number=json["number"],
        at=read_instant(json["at"]),
        id=json["id"],
        type=json["type"],
        body=json["body"],
        headers=json["headers"],
        signature=json["signature"],
        answered=json["answered"],
        attempts=attempts,
    )


def _told(inbox: str, asked: Mapping[str, object], misses: list[NearMiss]) -> str:
    wanted = asked["type"] or "a message"
    condition = f" with {asked['where']}" if asked["where"] else ""
    lines = [f"inbox {inbox!r} got no {wanted}{condition} within {asked['timeout']} of the tenant's time"]
    for miss in misses:
        faults = ", ".join(f"{member} is {one['got']!r}, not {one['wanted']!r}" for member, one in miss.missed.items())
        lines.append(f"  message {miss.number}, {miss.type}: {faults}")
    return "\n".join(lines)
