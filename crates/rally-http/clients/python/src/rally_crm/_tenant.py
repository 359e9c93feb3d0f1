"""A tenant of a fake: a world of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from ._clock import Clock
from ._faults import Faults
from ._http import Answer, Http, Json, Refused, query
from ._inbox import Inbox
from ._requests import Requests
from ._span import read_instant

#: Bodies of records, as ``POST`` of the API takes them.
Records = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Keys:
    """API keys of each scope."""

    read: str
    write: str
    admin: str


@dataclass(frozen=True)
class Seeded:
    """What a seed has made."""

    created: Mapping[str, int]
    """The number of records of each kind."""
    ids: Mapping[str, str]
    """The ids of records that have an ``@id``."""


@dataclass(frozen=True)
class Snapshot:
    """A state of a tenant that was kept."""

    name: str
    at: datetime


class Tenant:
    """A tenant: its address and keys for the program under test, and all that a test wants of it."""

    def __init__(self, http: Http, json: Json) -> None:
        self._http = http
        self._path = f"/tenants/{json['tenant']}"
        self.name: str = json["tenant"]
        self.id: str = json["id"]
        self.url: str = json["url"]
        """The base of the API, without ``/api/v1``."""
        self.api_key: str = json["apiKey"]
        """A key of the scope ``admin``."""
        self.keys = Keys(**json["keys"])
        self._inbox_url: str = json["inboxUrl"]
        self.clock = Clock(http, self._path)
        self.faults = Faults(http, self._path)
        self.requests = Requests(http, self._path)

    def __repr__(self) -> str:
        return f"<Tenant {self.name!r} at {self.url}>"

    def __enter__(self) -> Tenant:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.drop()

    def inbox(self, name: str = "default") -> Inbox:
        """A receiver of webhooks."""
        return Inbox(self._http, self._path, self._inbox_url, name)

    def seed(
        self,
        *,
        dataset: str | None = None,
        users: Records = (),
        companies: Records = (),
        contacts: Records = (),
        pipelines: Records = (),
        deals: Records = (),
        activities: Records = (),
        webhooks: Records = (),
    ) -> Seeded:
        """Makes records by the rules of the API: a named data set (``demo``), or bodies.

        ``"@id": "looms"`` in a body names its record, and ``"@looms"`` as the value of a member that ends in ``Id`` is then
        its id.
        """
        given = {
            "users": users,
            "companies": companies,
            "contacts": contacts,
            "pipelines": pipelines,
            "deals": deals,
            "activities": activities,
            "webhooks": webhooks,
        }
        records = {name: [dict(body) for body in bodies] for name, bodies in given.items() if bodies}
        named = {} if dataset is None else {"dataset": dataset}
        made = self._http.ask("POST", f"{self._path}/seed", {**named, **records})
        return Seeded(made["created"], made["ids"])

    def seed_file(self, resource: str, file: Path | bytes | str, **parameters: object) -> Json:
        """Imports a file: ``resource`` is ``contacts``, ``companies``, ``deals`` or ``activities``, the file a path or the
        bytes of CSV or of a workbook; the parameters and the answer are those of the import, as
        ``seed_file("companies", "accounts.csv", mapping={"account": "name", "founded": None})``."""
        content = file if isinstance(file, bytes) else Path(file).read_bytes()
        workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        kind = workbook if content.startswith(b"PK") else "text/csv"
        return self._http.control("POST", f"{self._path}/seed/{resource}", content, kind, parameters)

    def snapshot(self, name: str = "default") -> Snapshot:
        """Keeps records, keys, webhooks and clock under a name."""
        kept = self._http.ask("POST", f"{self._path}/snapshot", {"name": name})
        return Snapshot(kept["name"], read_instant(kept["at"]))

    def restore(self, snapshot: Snapshot | str = "default") -> None:
        """Goes back to what was kept."""
        name = snapshot.name if isinstance(snapshot, Snapshot) else snapshot
        self._http.ask("POST", f"{self._path}/restore", {"name": name})

    def fork(self, tenant: str | None = None) -> Tenant:
        """A new tenant with the same records and clock and keys of its own. It costs the same whatever the size."""
        body = {} if tenant is None else {"tenant": tenant}
        return Tenant(self._http, self._http.ask("POST", f"{self._path}/fork", body))

    def reset(self) -> None:
        """Makes the tenant as it was when it was made."""
        self._http.ask("POST", f"{self._path}/reset")

    def drop(self) -> None:
        """Ends the tenant and gives its memory back. One that is gone already is no failure."""
        try:
            self._http.ask("DELETE", self._path)
        except Refused as refused:
            if refused.answer.status != 404:
                raise

    def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        key: str | None = None,
        parameters: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Calls the API, as ``call("GET", "/contacts")``, to arrange or to look. ``key`` is the admin key unless given."""
        given = {"X-Api-Key": self.api_key if key is None else key, **(headers or {})}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        return self._http.send(method, f"/api/v1{path}{query(parameters)}", body=content, headers=given)
