"""A small job with the client that openapi-python-client makes: what a program that keeps a CRM in step does."""

import sys
import time
from datetime import UTC, datetime
from typing import TypeVar

from rally_client import AuthenticatedClient
from rally_client.api.contacts import create_contact, create_contacts, list_contacts, upsert_contact
from rally_client.api.deals import create_deal, get_bant, move_deal, update_bant
from rally_client.api.pipelines import list_pipelines
from rally_client.api.settings import update_settings
from rally_client.api.sync import list_changes
from rally_client.models import (
    Action,
    Bant,
    BantChange,
    BantCriterionDraft,
    BulkResult,
    Contact,
    ContactDraft,
    ContactUpsert,
    Deal,
    DealDraft,
    DealStatus,
    LifecycleStage,
    Problem,
    ProblemCode,
    SettingsChange,
    StageMove,
    StageOutcome,
)

T = TypeVar("T")


def expect(kind: type[T], answer: object) -> T:
    """The answer, if it is of the kind that is expected."""
    assert isinstance(answer, kind), answer
    return answer


def contacts(client: AuthenticatedClient) -> Contact:
    draft = ContactDraft(
        first_name="Ada",
        last_name="Lovelace",
        email="ada@job.example",
        lifecycle_stage=LifecycleStage.QUALIFIED,
        lead_score=85,
        phone=None,
    )
    ada = expect(Contact, create_contact.sync(client=client, body=draft))
    assert ada.full_name == "Ada Lovelace" and ada.lifecycle_stage is LifecycleStage.QUALIFIED
    plain = ContactDraft(first_name="Charles", last_name="Babbage", email="charles@job.example")
    charles = expect(Contact, create_contact.sync(client=client, body=plain))
    assert charles.lifecycle_stage is LifecycleStage.LEAD, "a member that is left out has its default"

    found = list_contacts.sync(client=client, lifecycle_stage=LifecycleStage.QUALIFIED)
    assert isinstance(found, list) and [contact.id for contact in found] == [ada.id]
    named = list_contacts.sync(client=client, q="lov", fields="email")
    assert isinstance(named, list) and named[0].email == "ada@job.example"

    change = ContactUpsert(email="ADA@job.example", title="Analyst")
    updated = upsert_contact.sync_detailed(client=client, body=change)
    assert updated.status_code == 200 and expect(Contact, updated.parsed).id == ada.id
    return ada


def bulk(client: AuthenticatedClient) -> None:
    items = [
        ContactDraft(first_name="Mary", last_name="Somerville", email="mary@job.example"),
        ContactDraft(first_name="Nobody", last_name="At all", email="no address"),
        ContactDraft(first_name="Sophie", last_name="Germain", email="sophie@job.example"),
    ]
    result = expect(BulkResult, create_contacts.sync(client=client, body=items))
    assert (result.created, result.failed) == (2, 1)
    bad = expect(Problem, result.results[1].error)
    assert bad.code is ProblemCode.VALIDATION and "email" in expect(object, bad.errors).__repr__()


def deals(client: AuthenticatedClient, contact: Contact) -> None:
    pipelines = list_pipelines.sync(client=client)
    assert isinstance(pipelines, list)
    pipeline = pipelines[0]
    stages = expect(list, pipeline.stages)
    draft = DealDraft(
        name="Difference engine",
        pipeline_id=expect(type(contact.id), pipeline.id),
        stage_id=stages[0].id,
        contact_id=contact.id,
        value=48000.5,
        expected_close_date=datetime(2025, 6, 30, tzinfo=UTC),
    )
    deal = expect(Deal, create_deal.sync(client=client, body=draft))
    assert deal.status is DealStatus.OPEN and deal.contact_name == "Ada Lovelace"

    won = next(stage for stage in stages if stage.outcome is StageOutcome.WON)
    moved = expect(Deal, move_deal.sync(deal.id, client=client, body=StageMove(stage_id=won.id)))
    assert moved.status is DealStatus.WON and moved.probability == 100

    change = BantChange(budget=BantCriterionDraft(rating=3, notes="Approved."), need=BantCriterionDraft(rating=2))
    bant = expect(Bant, update_bant.sync(deal.id, client=client, body=change))
    assert bant.budget.rating == 3 and bant.score == 42
    assert get_bant.sync(deal.id, client=client) is not None


def feed(client: AuthenticatedClient, contact: Contact) -> None:
    changes = list_changes.sync(client=client, since=datetime(2025, 1, 1, tzinfo=UTC), entities="contacts")
    assert isinstance(changes, list)
    first = changes[0]
    assert first.entity_id == contact.id and first.action is Action.INSERTED


def refusals(client: AuthenticatedClient) -> None:
    taken = ContactDraft(first_name="Ada", last_name="King", email="ada@job.example")
    problem = expect(Problem, create_contact.sync(client=client, body=taken))
    assert problem.status == 400 and problem.code is ProblemCode.DUPLICATE and problem.existing_id

    expect(object, update_settings.sync(client=client, body=SettingsChange(rate_limit_per_minute=2)))
    # The next minute may begin between two requests, and with it new ones.
    answers = [list_contacts.sync_detailed(client=client) for _ in range(8)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert expect(Problem, refused.parsed).code is ProblemCode.RATE_LIMITED
    wait = int(refused.headers["Retry-After"])
    assert 0 <= wait <= 60 and int(refused.headers["X-RateLimit-Reset"]) >= int(time.time()) - 60


def main() -> None:
    url, key = sys.argv[1:]
    client = AuthenticatedClient(base_url=url, token=key, prefix="", auth_header_name="X-Api-Key")
    ada = contacts(client)
    bulk(client)
    deals(client, ada)
    feed(client, ada)
    refusals(client)
    print("the Python client has done its job")


if __name__ == "__main__":
    main()
