// A copy that follows the feed keeps up with what was deleted.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fake } from "rally-crm/testing";
import { App, withKey } from "./app.mjs";

/** Brings a copy of the contacts up to date, and gives the place to go on from. */
async function sync(app, copy, since) {
  for (;;) {
    const changes = await app.call("GET", `/sync/changes?since=${since}&entities=contacts&limit=2`);
    if (changes.length === 0) return since;
    for (const { entityId, action } of changes) {
      copy.delete(entityId);
      if (action === "deleted") continue;
      const found = await app.call("GET", `/contacts?updatedSince=${since}`);
      for (const one of found) if (one.id === entityId) copy.set(one.id, one);
    }
    since = changes.at(-1).changedAt;
  }
}

test("a sync survives a delete", async (context) => {
  const rally = await fake();
  context.after(() => rally.close());
  await rally.seed({ dataset: "demo" });
  const app = new App(rally.url, withKey(rally.keys.read));
  const copy = new Map();
  const since = await sync(app, copy, "1970-01-01");
  const [gone, other] = copy.keys();
  await rally.call("DELETE", `/contacts/${gone}`);
  await rally.call("PUT", `/contacts/${other}`, { json: { title: "Countess" } });

  await sync(app, copy, since);

  const now = (await rally.call("GET", "/contacts")).json();
  assert.deepEqual(copy, new Map(now.map((one) => [one.id, one])));
  assert.equal(copy.get(other).title, "Countess");
});
