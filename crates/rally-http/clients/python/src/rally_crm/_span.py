"""Durations and instants, as the control plane reads and writes them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

#: A duration: a :class:`~datetime.timedelta`, a number of seconds, or a text such as ``"250ms"``, ``"5m"`` or ``"24h"``.
Span = timedelta | float | str


def span(value: Span) -> float | str:
    """A duration for JSON."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def instant(value: datetime | str) -> str:
    """An instant for JSON. One without a time zone is UTC."""
    if isinstance(value, str):
        return value
    known = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    return known.astimezone(timezone.utc).isoformat()


def read_instant(text: str) -> datetime:
    """An instant of JSON, in UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def read_optional_instant(text: str | None) -> datetime | None:
    """An instant of JSON that may be null."""
    return None if text is None else read_instant(text)
