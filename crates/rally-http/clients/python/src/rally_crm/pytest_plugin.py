"""Fixtures: ``rally_server``, one fake a worker, and ``rally``, a tenant of it for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ._server import Server
from ._tenant import Tenant


@pytest.fixture(scope="session")
def rally_server() -> Iterator[Server]:
    """A fake for all tests of this process; with xdist each worker has one."""
    with Server() as server:
        yield server


@pytest.fixture
def rally(rally_server: Server) -> Iterator[Tenant]:
    """A tenant of this test alone."""
    with rally_server.tenant() as tenant:
        yield tenant
