// An answer is lost after the commit; the app tries again, and there is one deal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fake, reset } from "rally-crm/testing";
import { App, withKey } from "./app.mjs";

test("a retry after a lost answer gives one deal", async (context) => {
  const rally = await fake();
  context.after(() => rally.close());
  await rally.faults.arm("afterCommit", reset(), { method: "POST", route: "/deals" });
  const [pipeline] = (await rally.call("GET", "/pipelines")).json();
  const app = new App(rally.url, withKey(rally.apiKey));

  await app.call("POST", "/deals", { pipelineId: pipeline.id, stageId: pipeline.stages[0].id, name: "Looms" });

  assert.equal(await rally.requests.count({ method: "POST", route: "/deals" }), 2);
  assert.equal((await rally.call("GET", "/deals")).json().length, 1);
  await rally.faults.verify();
});
