"use strict";

const { ask } = require("./http.js");

/** The journal of a tenant's last 10,000 requests. */
class Requests {
  #base;
  #path;

  constructor(base, path) {
    this.#base = base;
    this.#path = `${path}/requests`;
  }

  all(parameters) {
    return ask(this.#base, "GET", this.#path, { parameters });
  }

  async count(parameters) {
    return (await ask(this.#base, "GET", `${this.#path}/count`, { parameters })).count;
  }

  unexpected(...expected) {
    return ask(this.#base, "GET", `${this.#path}/unexpected`, { parameters: { expected } });
  }

  async clear() {
    await ask(this.#base, "DELETE", this.#path);
  }
}

module.exports = { Requests };
