const { fake } = require("rally-crm/testing");

let rally;
beforeAll(async () => {
  rally = await fake();
});
afterAll(() => rally.close());

test("under Jest the fake is there, and ends with the tests", async () => {
  await rally.seed({ dataset: "demo" });
  expect((await rally.call("GET", "/deals")).json()).toHaveLength(30);
});
