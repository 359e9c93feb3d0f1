// A small job with the types that openapi-typescript makes: what a program that keeps a CRM in step does.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./rally.js";

type Contact = components["schemas"]["Contact"];
type ContactDraft = components["schemas"]["ContactDraft"];
type LifecycleStage = components["schemas"]["LifecycleStage"];
type Problem = components["schemas"]["Problem"];

const [url, key] = process.argv.slice(2);
assert(url && key, "usage: job URL KEY");
const api = createClient<paths>({ baseUrl: url, headers: { "X-Api-Key": key } });

function given<T>(answer: { data?: T; error?: unknown }): T {
  assert(answer.data !== undefined, JSON.stringify(answer.error));
  return answer.data;
}

function refused(answer: { data?: unknown; error?: Problem }): Problem {
  assert(answer.error !== undefined, JSON.stringify(answer.data));
  return answer.error;
}

async function contacts(): Promise<Contact> {
  const stage: LifecycleStage = "qualified";
  // What has a default may be left out.
  const body: ContactDraft = { firstName: "Ada", lastName: "Lovelace", email: "ada@script.example", phone: null };
  const ada = given(await api.POST("/api/v1/contacts", { body: { ...body, lifecycleStage: stage, leadScore: 85 } }));
  assert.equal(ada.fullName, "Ada Lovelace");
  const charles = { firstName: "Charles", lastName: "Babbage", email: "charles@script.example" };
  assert.equal(given(await api.POST("/api/v1/contacts", { body: charles })).lifecycleStage, "lead");

  const query = { lifecycleStage: stage, email: "ada@script.example" };
  const found = given(await api.GET("/api/v1/contacts", { params: { query } }));
  assert.deepEqual(found.map((contact) => contact.id), [ada.id]);

  const change = { email: "ADA@script.example", title: "Analyst" };
  const updated = await api.PUT("/api/v1/contacts/upsert", { body: change });
  assert.equal(updated.response.status, 200);
  assert.equal(given(updated).id, ada.id);
  return ada;
}

async function bulk(): Promise<void> {
  const body: ContactDraft[] = [
    { firstName: "Mary", lastName: "Somerville", email: "mary@script.example" },
    { firstName: "Nobody", lastName: "At all", email: "no address" },
    { firstName: "Sophie", lastName: "Germain", email: "sophie@script.example" },
  ];
  const result = given(await api.POST("/api/v1/contacts/bulk", { body }));
  assert.deepEqual([result.created, result.failed], [2, 1]);
  assert.equal(result.results[1]?.error?.code, "validation");
}

async function deals(contact: Contact): Promise<void> {
  const [pipeline] = given(await api.GET("/api/v1/pipelines"));
  assert(pipeline?.id && pipeline.stages);
  const [first] = pipeline.stages;
  const won = pipeline.stages.find((stage) => stage.outcome === "won");
  assert(first && won);
  const body = {
    name: "Difference engine",
    pipelineId: pipeline.id,
    stageId: first.id,
    contactId: contact.id,
    value: 48000.5,
    expectedCloseDate: "2025-06-30T00:00:00Z",
  };
  const deal = given(await api.POST("/api/v1/deals", { body }));
  assert.equal(deal.contactName, "Ada Lovelace");

  const path = { id: deal.id };
  const moved = given(await api.PATCH("/api/v1/deals/{id}/stage", { params: { path }, body: { stageId: won.id } }));
  assert.deepEqual([moved.status, moved.probability], ["won", 100]);

  const bant = { budget: { rating: 3, notes: "Approved." }, need: { rating: 2 } };
  const rated = given(await api.PUT("/api/v1/deals/{id}/bant", { params: { path }, body: bant }));
  assert.deepEqual([rated.budget.rating, rated.score], [3, 42]);
}

async function feed(contact: Contact): Promise<void> {
  const query = { since: "2025-01-01T00:00:00Z", entities: "contacts" };
  const changes = given(await api.GET("/api/v1/sync/changes", { params: { query } }));
  const own = changes.find((change) => change.entityId === contact.id);
  assert.equal(own?.action, "inserted");
}

async function refusals(): Promise<void> {
  const taken = { firstName: "Ada", lastName: "King", email: "ada@script.example" };
  const duplicate = refused(await api.POST("/api/v1/contacts", { body: taken }));
  assert.deepEqual([duplicate.status, duplicate.code], [400, "duplicate"]);
  assert(duplicate.existingId);

  given(await api.PUT("/api/v1/settings", { body: { rateLimitPerMinute: 2 } }));
  // The next minute may begin between two requests, and with it new ones.
  let late: { error?: Problem; response: Response } | undefined;
  for (let attempt = 0; attempt < 8 && late === undefined; attempt += 1) {
    const answer = await api.GET("/api/v1/contacts");
    if (answer.response.status === 429) {
      late = answer;
    }
  }
  assert.equal(late?.error?.code, "rate_limited");
  assert(Number(late?.response.headers.get("Retry-After")) <= 60);
}

const ada = await contacts();
await bulk();
await deals(ada);
await feed(ada);
await refusals();
console.log("the TypeScript client has done its job");
