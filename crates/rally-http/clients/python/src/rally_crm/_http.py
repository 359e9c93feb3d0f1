"""Requests to a fake, by the standard library alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit

#: JSON as :mod:`json` reads it.
Json = Any
#: Parameters of a query; those that are ``None`` are left out, a list is a parameter for each value, and a mapping is JSON.
Parameters = Mapping[str, object]


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    text: str

    def json(self) -> Json:
        """The body, read as JSON."""
        return json.loads(self.text)


class Refused(RuntimeError):
    """The fake has refused what was asked of its control plane."""

    def __init__(self, answer: Answer) -> None:
        try:
            detail = str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            detail = answer.text
        super().__init__(f"{answer.status}: {detail}")
        self.answer = answer


class Http:
    """Sends requests to one server, each over a connection of its own, so that threads need not agree on any."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._host = urlsplit(url).netloc

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> Answer:
        """Sends a request and reads all of its answer."""
        connection = HTTPConnection(self._host, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            return _read(connection.getresponse())
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Json = None, parameters: Parameters | None = None) -> Json:
        """Asks the control plane, and reads what it says; what it refuses is :class:`Refused`."""
        return self.control(method, path, json.dumps(body).encode() if body is not None else None, "application/json", parameters)

    def control(
        self, method: str, path: str, body: bytes | None, content_type: str, parameters: Parameters | None = None
    ) -> Json:
        """Sends bytes to the control plane, and reads what it says."""
        headers = {} if body is None else {"Content-Type": content_type}
        answer = self.send(method, f"/_fake{path}{query(parameters)}", body=body, headers=headers)
        if answer.status >= 400:
            raise Refused(answer)
        return answer.json()


def query(parameters: Parameters | None) -> str:
    """The query of a URL, with its question mark if there is any."""
    given = {name: _parameter(value) for name, value in (parameters or {}).items() if value is not None}
    return f"?{urlencode(given, doseq=True)}" if given else ""


def _parameter(value: object) -> object:
    """The value as the API reads it: ``true`` and JSON, where Python would write ``True`` and its own literals."""
    return json.dumps(value) if isinstance(value, bool | dict) else value


def _read(response: HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read().decode())
