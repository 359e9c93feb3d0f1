"use strict";

const fs = require("node:fs");
const { Clock } = require("./clock.js");
const { Faults } = require("./faults.js");
const { ask, given, query, send } = require("./http.js");
const { Inbox } = require("./inbox.js");
const { Requests } = require("./requests.js");

const WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/** A tenant of a fake: its address and keys for the program under test, and all that a test wants of it. */
class Tenant {
  #base;
  #path;
  #inboxUrl;

  constructor(base, told) {
    this.#base = base;
    this.#path = `/tenants/${told.tenant}`;
    this.#inboxUrl = told.inboxUrl;
    this.name = told.tenant;
    this.id = told.id;
    this.url = told.url;
    this.apiKey = told.apiKey;
    this.keys = told.keys;
    this.clock = new Clock(base, this.#path);
    this.faults = new Faults(base, this.#path);
    this.requests = new Requests(base, this.#path);
  }

  /** The tenant of a name, which was made elsewhere. */
  static async of(base, name) {
    return new Tenant(base, await ask(base, "GET", `/tenants/${name}`));
  }

  inbox(name = "default") {
    return new Inbox(this.#base, this.#path, this.#inboxUrl, name);
  }

  seed(json) {
    return ask(this.#base, "POST", `${this.#path}/seed`, { json });
  }

  seedFile(resource, file, parameters) {
    const body = typeof file === "string" ? fs.readFileSync(file) : Buffer.from(file);
    const type = body.subarray(0, 2).toString() === "PK" ? WORKBOOK : "text/csv";
    return ask(this.#base, "POST", `${this.#path}/seed/${resource}`, { body, type, parameters });
  }

  async snapshot(name = "default") {
    return (await ask(this.#base, "POST", `${this.#path}/snapshot`, { json: { name } })).name;
  }

  async restore(name = "default") {
    await ask(this.#base, "POST", `${this.#path}/restore`, { json: { name } });
  }

  async fork(tenant) {
    return new Tenant(this.#base, await ask(this.#base, "POST", `${this.#path}/fork`, { json: given({ tenant }) }));
  }

  async reset() {
    await ask(this.#base, "POST", `${this.#path}/reset`);
  }

  async drop() {
    try {
      await ask(this.#base, "DELETE", this.#path);
    } catch (error) {
      if (error.answer?.status !== 404) throw error;
    }
  }

  call(method, path, { json, key = this.apiKey, parameters, headers } = {}) {
    const content = json === undefined ? {} : { "Content-Type": "application/json" };
    return send(this.#base, method, `/api/v1${path}${query(parameters)}`, {
      body: json === undefined ? undefined : JSON.stringify(json),
      headers: { "X-Api-Key": key, ...content, ...headers },
    });
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.drop();
  }
}

module.exports = { Tenant };
