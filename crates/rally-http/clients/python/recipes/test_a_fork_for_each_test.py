"""A world is seeded once, and each test has a fork of it, which costs the same however large it is."""

from collections.abc import Iterator

import pytest

import rally_crm


@pytest.fixture(scope="module")
def world(rally_server: rally_crm.Server) -> Iterator[rally_crm.Tenant]:
    with rally_server.tenant() as world:
        world.seed(dataset="demo")
        yield world


@pytest.fixture
def mine(world: rally_crm.Tenant) -> Iterator[rally_crm.Tenant]:
    with world.fork() as mine:
        yield mine


@pytest.mark.parametrize("number", range(5))
def test_each_test_finds_the_world_as_it_was(mine: rally_crm.Tenant, number: int) -> None:
    contacts = mine.call("GET", "/contacts").json()
    assert len(contacts) == 40
    mine.call("DELETE", f"/contacts/{contacts[number]['id']}")
    assert len(mine.call("GET", "/contacts").json()) == 39
