import { connect, type Tenant } from "rally-crm/testing";
import type {} from "rally-crm/vitest";
import { afterEach, beforeEach, expect, inject, test } from "vitest";

let rally: Tenant;
beforeEach(async () => {
  rally = await connect(inject("rallyUrl")).tenant();
});
afterEach(() => rally.drop());

test("each test has a tenant of the one fake", async () => {
  expect((await rally.call("GET", "/contacts")).json()).toEqual([]);
  await rally.seed({ dataset: "demo" });
  expect((await rally.call("GET", "/contacts")).json()).toHaveLength(40);
});
