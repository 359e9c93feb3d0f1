// Every tenth request fails, in another way each time, and the app still does all of its work.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fake, reset, status, truncate } from "rally-crm/testing";
import { App, withKey } from "./app.mjs";

const FAULTS = [
  ["before", status(503, { retryAfter: 1 })],
  ["afterCommit", reset()],
  ["body", truncate(20)],
  ["wire", reset({ at: 10 })],
];

test("the app still finishes", async (context) => {
  const rally = await fake();
  context.after(() => rally.close());
  for (const [number, [point, action]] of FAULTS.entries()) {
    await rally.faults.arm(point, action, { method: "POST", nth: 5 + 10 * number, every: 40, times: null });
  }
  const app = new App(rally.url, withKey(rally.apiKey), (seconds) => rally.clock.advance(seconds));

  for (let number = 0; number < 100; number += 1) {
    await app.call("POST", "/contacts", { firstName: "Ada", lastName: `${number}`, email: `a${number}@x.example` });
  }

  assert.equal((await rally.call("GET", "/contacts", { parameters: { limit: 100 } })).json().length, 100);
  await rally.faults.verify();
  const hits = (await rally.requests.all({ method: "POST" })).filter((request) => request.fault !== null);
  assert(hits.length >= 10, "each tenth request was hit");
  assert.deepEqual(await rally.requests.unexpected(), [], "nothing failed but what was hit");
});
