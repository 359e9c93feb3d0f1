// A consumer of webhooks sees an event twice and events in another order, and is right all the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { duplicate, fake } from "rally-crm/testing";

/** The stage of each deal, as events tell it. */
class Stages {
  seen = new Set();
  latest = new Map();

  /** Takes an event once, and none that is older than what is known of its deal. */
  take(webhookId, { sequence, data }) {
    if (this.seen.has(webhookId)) return;
    this.seen.add(webhookId);
    if (sequence > (this.latest.get(data.id)?.sequence ?? 0)) this.latest.set(data.id, { sequence, stage: data.stageName });
  }
}

test("duplicates and another order change nothing", async (context) => {
  const rally = await fake();
  context.after(() => rally.close());
  const inbox = rally.inbox("stages");
  await rally.seed({
    webhooks: [{ name: "Stages", url: inbox.url, events: ["deal.stage_changed"] }],
    deals: [{ name: "Looms" }],
  });
  await rally.faults.arm("webhook", duplicate(), { event: "deal.stage_changed" });
  const [deal] = (await rally.call("GET", "/deals")).json();
  const [pipeline] = (await rally.call("GET", "/pipelines")).json();
  for (const stage of pipeline.stages.slice(1, 4)) {
    await rally.call("PATCH", `/deals/${deal.id}/stage`, { json: { stageId: stage.id } });
  }
  await rally.clock.advance("1m");
  const messages = await inbox.messages();
  assert.equal(messages.length, 4, "three moves, one of them told twice");

  for (const order of [messages, messages.toReversed()]) {
    const stages = new Stages();
    for (const { id, body, signature } of order) {
      assert.equal(signature, "verified");
      stages.take(id, body);
    }
    assert.deepEqual([stages.seen.size, stages.latest.get(deal.id).stage], [3, "Negotiation"]);
  }
});
