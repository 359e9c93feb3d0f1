"use strict";

const { ask, given } = require("./http.js");

/** No message came that matches. */
class NoMessage extends Error {
  constructor(told, nearMisses) {
    super(told);
    this.name = "NoMessage";
    this.nearMisses = nearMisses;
  }
}

/** A receiver of webhooks, which exists under any name. */
class Inbox {
  #base;
  #path;

  constructor(base, path, url, name) {
    this.#base = base;
    this.#path = `${path}/inbox/${name}`;
    this.name = name;
    this.url = `${url}${name}`;
  }

  async answers(...answers) {
    await ask(this.#base, "PUT", this.#path, { json: { answers } });
  }

  async messages() {
    return (await ask(this.#base, "GET", this.#path)).messages;
  }

  async clear() {
    await ask(this.#base, "DELETE", this.#path);
  }

  async wait(type, { where, timeout = "1h", patience = 0 } = {}) {
    const json = given({ type, where, timeout, patience });
    const { matched, message, nearMisses } = await ask(this.#base, "POST", `${this.#path}/wait`, { json });
    if (matched) return message;
    throw new NoMessage(told(this.name, json, nearMisses), nearMisses);
  }
}

function told(inbox, { type = "a message", where, timeout }, misses) {
  const condition = where ? ` with ${JSON.stringify(where)}` : "";
  const lines = [`inbox ${inbox} got no ${type}${condition} within ${timeout} of the tenant's time`];
  for (const miss of misses) {
    const faults = Object.entries(miss.missed).map(
      ([member, { wanted, got }]) => `${member} is ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`,
    );
    lines.push(`  message ${miss.number}, ${miss.type}: ${faults.join(", ")}`);
  }
  return lines.join("\n");
}

module.exports = { Inbox, NoMessage };
