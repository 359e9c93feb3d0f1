"""What a fault does."""

from __future__ import annotations

from dataclasses import dataclass

from ._http import Json
from ._span import Span, span


@dataclass(frozen=True)
class Action:
    """What a fault does when it fires; made by the functions of this module."""

    json: Json


def status(code: int, *, retry_after: int | None = None) -> Action:
    """Answers a problem of that status: 400, 401, 403, 404, 409, 429, 500 or 503. ``retry_after`` is in seconds."""
    after = {} if retry_after is None else {"retryAfter": retry_after}
    return Action({"kind": "status", "status": code, **after})


def delay(by: Span) -> Action:
    """Waits in real time; where an event is sent, on the tenant's clock."""
    return Action({"kind": "delay", "by": span(by)})


def reset(*, at: int | None = None) -> Action:
    """Resets the connection (RST). At the point ``wire``, after ``at`` bytes of the answer."""
    return Action({"kind": "reset"} if at is None else {"kind": "reset", "at": at})


def drop() -> Action:
    """Closes the connection without an answer."""
    return Action({"kind": "drop"})


def truncate(at: int) -> Action:
    """Closes the connection after so many bytes."""
    return Action({"kind": "truncate", "at": at})


def slow(*, bytes: int, pause: Span) -> Action:  # noqa: A002 - the name that the control plane has
    """Sends so many bytes at a time, with pauses in real time."""
    return Action({"kind": "slow", "bytes": bytes, "pause": span(pause)})


def duplicate() -> Action:
    """Sends an event twice."""
    return Action({"kind": "duplicate"})
