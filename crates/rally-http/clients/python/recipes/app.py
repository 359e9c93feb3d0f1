"""The program under test of these recipes: a small client of the API, by the standard library alone."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen


class App:
    """Calls the API, and tries again what failed on the way."""

    def __init__(self, url: str, credential: dict[str, str], sleep: Callable[[float], object] = time.sleep) -> None:
        self.base = f"{url}/api/v1"
        self.credential = credential
        self.sleep = sleep

    def call(self, method: str, path: str, body: Any = None, attempts: int = 5) -> Any:
        """Sends a request until it is answered. A write has one key for all attempts, so that it happens once."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4()), **self.credential}
        content = None if body is None else json.dumps(body).encode()
        for attempt in range(1, attempts + 1):
            request = Request(f"{self.base}{path}", content, headers, method=method)
            try:
                with urlopen(request, timeout=30) as answer:
                    return json.load(answer)
            except HTTPError as error:
                if attempt == attempts or error.code not in (429, 500, 503):
                    raise
                self.sleep(float(error.headers.get("Retry-After", "0")))
            except (URLError, OSError, HTTPException):
                # No answer, or a part of one.
                if attempt == attempts:
                    raise
        raise AssertionError("unreachable")


def with_key(key: str) -> dict[str, str]:
    """The credential of a program."""
    return {"X-Api-Key": key}
