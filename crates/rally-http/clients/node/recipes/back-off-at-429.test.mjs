// The app is over the rate limit, and waits for the next minute, which the test does not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server } from "rally-crm/testing";
import { App, withKey } from "./app.mjs";

test("the app waits as long as it is told", async (context) => {
  const server = await Server.start();
  context.after(() => server.close());
  const rally = await server.tenant({ clock: "2025-06-01T12:00:20Z", rateLimit: 3 });
  const app = new App(rally.url, withKey(rally.apiKey), (seconds) => rally.clock.advance(seconds));
  for (let number = 0; number < 4; number += 1) await app.call("GET", "/contacts");
  assert.deepEqual((await rally.requests.all()).map((request) => request.status), [200, 200, 200, 429, 200]);
  assert.equal((await rally.clock.now()).toISOString(), "2025-06-01T12:01:00.000Z");
});
