// A token ends after an hour, and the app logs in again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fake } from "rally-crm/testing";
import { App } from "./app.mjs";

const LOGIN = { email: "sales@x.example", password: "correct horse battery" };

async function logIn(app, tenant) {
  const { token } = await app.call("POST", "/auth/login", { tenant, ...LOGIN });
  app.credential = { Authorization: `Bearer ${token}` };
}

test("the app logs in again when its token has ended", async (context) => {
  const rally = await fake({ clock: "2025-06-01T12:00:00Z" });
  context.after(() => rally.close());
  await rally.seed({ users: [{ ...LOGIN, name: "Sales", scopes: "read" }] });
  const app = new App(rally.url, {});
  await logIn(app, rally.name);
  await app.call("GET", "/contacts");

  const ran = await rally.clock.advance("1h");
  assert(ran.some(({ what }) => what === "tokenExpired"));
  await assert.rejects(app.call("GET", "/contacts"), { status: 401 });

  await logIn(app, rally.name);
  assert.deepEqual(await app.call("GET", "/contacts"), []);
});
