// A world is seeded once, and each test has a fork of it, which costs the same however large it is.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fake } from "rally-crm/testing";

let world;
let mine;
before(async () => {
  world = await fake();
  await world.seed({ dataset: "demo" });
});
after(() => world.close());
beforeEach(async () => {
  mine = await world.fork();
});
afterEach(() => mine.drop());

for (const number of [0, 1, 2]) {
  test(`test ${number} finds the world as it was`, async () => {
    const contacts = (await mine.call("GET", "/contacts")).json();
    assert.equal(contacts.length, 40);
    await mine.call("DELETE", `/contacts/${contacts[number].id}`);
    assert.equal((await mine.call("GET", "/contacts")).json().length, 39);
  });
}
