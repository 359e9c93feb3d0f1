// Each part of the package, against the program that it brings along.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { NoMessage, Refused, Server, connect, drop, fake, findBinary, reset, status, truncate } from "rally-crm/testing";

const ADA = { firstName: "Ada", lastName: "Lovelace", email: "ada@x.example" };
const NOON = new Date("2025-06-01T12:00:00Z");
let server;

before(async () => {
  server = await Server.start();
});
after(() => server.close());

/** A tenant of a test alone. */
async function rally(context, options) {
  const tenant = await server.tenant(options);
  context.after(() => tenant.drop());
  return tenant;
}

const list = async (tenant, path = "/contacts") => (await tenant.call("GET", path)).json();

test("a fake is one line", async () => {
  const rally = await fake();
  assert.equal((await rally.call("POST", "/contacts", { json: ADA })).status, 201);
  assert.deepEqual((await list(rally)).map((one) => one.email), ["ada@x.example"]);
  assert.equal((await rally.call("GET", "/api-keys", { key: rally.keys.read })).status, 403);
  await rally.close();
});

test("a seed repeats ids and keys", async () => {
  const told = async () => {
    const rally = await fake({ name: "acme", seed: 7 });
    const { id } = (await rally.call("POST", "/contacts", { json: ADA })).json();
    await rally.close();
    return [rally.apiKey, id];
  };
  assert.deepEqual(await told(), await told());
});

test("require gives the same as import", () => {
  assert.equal(createRequire(import.meta.url)("rally-crm/testing").fake, fake);
});

test("a wrong option tells what the program says", async () => {
  await assert.rejects(Server.start({ rateLimit: -1 }), /rate-limit/);
});

test("a missing binary is named", () => {
  const former = process.env.RALLY_BINARY;
  process.env.RALLY_BINARY = "/nowhere/rally";
  try {
    assert.throws(findBinary, /\/nowhere\/rally/);
  } finally {
    if (former === undefined) delete process.env.RALLY_BINARY;
    else process.env.RALLY_BINARY = former;
  }
});

test("the package has the program's command", () => {
  const told = spawnSync("npx", ["--no-install", "rally", "--version"], { encoding: "utf8" });
  assert.match(told.stdout, /^rally /, told.stderr);
  assert.equal(spawnSync("npx", ["--no-install", "rally", "nonsense"]).status, 2);
});

test("the fake ends when its parent is killed", async () => {
  const source = `import { Server } from "rally-crm/testing"; const s = await Server.start(); console.log(s.url); setInterval(() => {}, 1000)`;
  const parent = spawn(process.execPath, ["--input-type=module", "--eval", source], { stdio: ["ignore", "pipe", "inherit"] });
  const url = String((await once(parent.stdout, "data"))[0]).trim();
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  // Bounded by the test's own time: the fake ends when its pipe does.
  while (await fetch(`${url}/healthz`).then(() => true, () => false));
});

test("records are seeded by bodies, by files and by name", async (context) => {
  const acme = await rally(context);
  const made = await acme.seed({
    companies: [{ "@id": "looms", name: "Looms Ltd" }],
    contacts: [{ ...ADA, companyId: "@looms" }],
  });
  assert.deepEqual(made.created, { companies: 1, contacts: 1 });
  assert.equal((await list(acme))[0].companyId, made.ids.looms);
  await acme.reset();
  assert.equal((await acme.seed({ dataset: "demo" })).created.deals, 30);
  const file = Buffer.from("firstName,lastName,email\nGrace,Hopper,grace@x.example\n");
  assert.equal((await acme.seedFile("contacts", file)).imported, 1);
  const other = Buffer.from("Vorname,Nachname,Mail,Fax\nAda,Lovelace,ada@x.example,1\n");
  const mapping = { Vorname: "firstName", Nachname: "lastName", Mail: "email", Fax: null };
  assert.equal((await acme.seedFile("contacts", other, { mapping, dryRun: true })).imported, 1);
  await assert.rejects(acme.seed({ contacts: [{ ...ADA, email: "nobody" }] }), (error) => error instanceof Refused && /email/.test(error.message));
});

test("the clock is the test's own", async (context) => {
  const acme = await rally(context, { clock: NOON });
  assert.deepEqual(await acme.clock.read(), { now: NOON, mode: "frozen", nextDue: null });
  assert.deepEqual((await acme.clock.advance("24h")).map((ran) => ran.what), ["rateWindow"]);
  await acme.clock.advance(new Date("2025-06-03T12:00:00Z"));
  assert.deepEqual(await acme.clock.now(), new Date("2025-06-03T12:00:00Z"));
  assert.deepEqual(await acme.clock.set(NOON), NOON);
  assert.deepEqual(await acme.clock.freeze(), NOON);
  assert.deepEqual(await acme.clock.settle(), []);
  await acme.clock.real();
  assert.equal((await acme.clock.read()).mode, "real");
});

test("a fault fires as often as it is told to", async (context) => {
  const acme = await rally(context);
  const fault = await acme.faults.arm("before", status(503, { retryAfter: 2 }), { method: "GET", route: "/contacts", nth: 2 });
  const told = [];
  for (let number = 0; number < 3; number += 1) told.push((await acme.call("GET", "/contacts")).status);
  assert.deepEqual(told, [200, 503, 200]);
  await acme.faults.verify();
  assert.deepEqual((await acme.faults.armed()).map((one) => [one.id, one.fired]), [[fault.id, 1]]);
  assert.equal(await acme.faults.disarm(fault), 1);
  await acme.faults.arm("body", truncate(10), { route: "/deals" });
  await assert.rejects(acme.faults.verify(), /\/deals/);
  await assert.rejects(acme.faults.arm("before", drop(), { route: "/nowhere" }), Refused);
});

test("a lost answer is lost", async (context) => {
  const acme = await rally(context);
  for (const [point, action] of [["before", reset()], ["afterCommit", drop()], ["body", truncate(1)], ["wire", reset({ at: 5 })]]) {
    await acme.faults.arm(point, action, { method: "POST", route: "/contacts" });
    await assert.rejects(acme.call("POST", "/contacts", { json: ADA }), point);
  }
  await acme.faults.verify();
});

test("an inbox takes events, and waiting moves the clock", async (context) => {
  const acme = await rally(context);
  const inbox = acme.inbox("ledger");
  await inbox.answers(500, { status: 200, body: "ok" });
  await acme.seed({ webhooks: [{ name: "Ledger", url: inbox.url, events: ["contact.created"] }] });
  await acme.call("POST", "/contacts", { json: ADA });
  const message = await inbox.wait("contact.created", { where: { "data.email": "ada@x.example" } });
  assert.equal(message.signature, "verified");
  assert.deepEqual(message.attempts.map((one) => one.status), [500, 200]);
  await assert.rejects(inbox.wait("contact.deleted", { timeout: "1m" }), (error) => error instanceof NoMessage && /contact\.deleted/.test(error.message));
  await inbox.clear();
  assert.deepEqual(await inbox.messages(), []);
});

test("snapshots, forks and resets are worlds of their own", async (context) => {
  const acme = await rally(context);
  await acme.call("POST", "/contacts", { json: ADA });
  const kept = await acme.snapshot("one");
  const other = await acme.fork();
  await other.call("POST", "/contacts", { json: { ...ADA, email: "b@x.example" } });
  assert.deepEqual([(await list(other)).length, (await list(acme)).length], [2, 1]);
  await other.drop();
  await other.drop();
  await acme.call("POST", "/contacts", { json: { ...ADA, email: "c@x.example" } });
  await acme.restore(kept);
  assert.equal((await list(acme)).length, 1);
  await acme.reset();
  assert.deepEqual(await list(acme), []);
});

test("the journal tells what was asked", async (context) => {
  const acme = await rally(context);
  await acme.call("GET", "/contacts");
  await acme.call("GET", "/contacts/none");
  assert.equal(await acme.requests.count({ method: "GET", route: "/contacts" }), 1);
  const [unexpected] = await acme.requests.unexpected();
  assert.match(unexpected.curl, /^curl/);
  assert.equal((await acme.requests.unexpected("GET /contacts")).length, 1);
  await acme.requests.clear();
  assert.deepEqual(await acme.requests.all(), []);
});

test("another process reaches the fake by its address", async (context) => {
  const acme = await connect(server.url).tenant();
  context.after(() => acme.drop());
  const same = await connect(server.url).of(acme.name);
  assert.equal(same.apiKey, acme.apiKey);
});
