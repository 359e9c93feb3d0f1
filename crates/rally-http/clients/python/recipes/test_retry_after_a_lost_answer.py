"""An answer is lost after the commit; the app tries again, and there is one deal."""

from app import App, with_key

import rally_crm


def test_a_retry_after_a_lost_answer_gives_one_deal(rally: rally_crm.Tenant) -> None:
    rally.faults.arm("afterCommit", rally_crm.reset(), method="POST", route="/deals")
    pipeline = rally.call("GET", "/pipelines").json()[0]
    app = App(rally.url, with_key(rally.api_key))

    app.call("POST", "/deals", {"pipelineId": pipeline["id"], "stageId": pipeline["stages"][0]["id"], "name": "Looms"})

    assert rally.requests.count(method="POST", route="/deals") == 2
    assert len(rally.call("GET", "/deals").json()) == 1
    rally.faults.verify()
