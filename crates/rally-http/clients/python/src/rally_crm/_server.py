"""The process of a fake."""

from __future__ import annotations

import json
import subprocess
import tempfile
from datetime import datetime
from types import TracebackType

from ._binary import find_binary
from ._http import Http
from ._span import instant
from ._tenant import Tenant

#: Seconds that the program has to end by itself once its standard input has.
_END_SECONDS = 10


class StartFailed(RuntimeError):
    """The fake has ended before it was ready; the text is what it said."""


class Server:
    """A fake in a process of its own, which ends with this one, however that ends. It holds any number of tenants."""

    def __init__(self, *, seed: int | None = None, rate_limit: int | None = None) -> None:
        options = ["--json", "--exit-with-stdin"]
        if seed is not None:
            options.append(f"--seed={seed}")
        if rate_limit is not None:
            options.append(f"--rate-limit={rate_limit}")
        # What it logs goes to a file, as a pipe that nobody reads fills up.
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [find_binary(), "fake", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )
        try:
            self.url: str = json.loads(self._ready_line())["url"]
        except BaseException:
            self.close()
            raise
        self._http = Http(self.url)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def tenant(
        self,
        name: str | None = None,
        *,
        clock: datetime | str | None = None,
        rate_limit: int | None = None,
        profile: str | None = None,
    ) -> Tenant:
        """Makes a tenant; without a name it gets one that no other has."""
        asked = {
            "tenant": name,
            "clock": None if clock is None else instant(clock),
            "rateLimitPerMinute": rate_limit,
            "profile": profile,
        }
        body = {member: value for member, value in asked.items() if value is not None}
        return Tenant(self._http, self._http.ask("POST", "/tenants", body))

    @property
    def log(self) -> str:
        """What the program has logged."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def close(self) -> None:
        """Ends the program."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        if not self._log.closed:
            self._log.close()

    def _ready_line(self) -> bytes:
        assert self._process.stdout
        line: bytes = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise StartFailed(self.log.strip() or f"rally ended with status {self._process.returncode}")
        return line
