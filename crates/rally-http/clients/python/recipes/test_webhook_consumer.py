"""A consumer of webhooks sees an event twice and events in another order, and is right all the same."""

from collections.abc import Iterable
from typing import Any

import rally_crm


class Stages:
    """The stage of each deal, as events tell it."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.latest: dict[str, tuple[int, str]] = {}
        self.moves = 0

    def take(self, webhook_id: str, event: Any) -> None:
        """Takes an event once, and none that is older than what is known of its deal."""
        if webhook_id in self.seen:
            return
        self.seen.add(webhook_id)
        self.moves += 1
        deal, told = event["data"]["id"], (event["sequence"], event["data"]["stageName"])
        self.latest[deal] = max(self.latest.get(deal, (0, "")), told)


def take_all(stages: Stages, messages: Iterable[rally_crm.Message]) -> None:
    for message in messages:
        assert message.signature == "verified" and message.id
        stages.take(message.id, message.body)


def test_duplicates_and_another_order_change_nothing(rally: rally_crm.Tenant) -> None:
    inbox = rally.inbox("stages")
    rally.seed(webhooks=[{"name": "Stages", "url": inbox.url, "events": ["deal.stage_changed"]}], deals=[{"name": "Looms"}])
    rally.faults.arm("webhook", rally_crm.duplicate(), event="deal.stage_changed")
    deal = rally.call("GET", "/deals").json()[0]["id"]
    for stage in rally.call("GET", "/pipelines").json()[0]["stages"][1:4]:
        rally.call("PATCH", f"/deals/{deal}/stage", {"stageId": stage["id"]})
    rally.clock.advance("1m")
    messages = inbox.messages()
    assert len(messages) == 4, "three moves, one of them told twice"

    for order in (messages, reversed(messages)):
        stages = Stages()
        take_all(stages, order)
        assert (stages.moves, stages.latest[deal][1]) == (3, "Negotiation")
