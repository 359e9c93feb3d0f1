"use strict";

const { ask, given } = require("./http.js");

/** The clock of a tenant, which no other shares. */
class Clock {
  #base;
  #path;

  constructor(base, path) {
    this.#base = base;
    this.#path = `${path}/clock`;
  }

  async read() {
    const { now, mode, nextDue } = await ask(this.#base, "GET", this.#path);
    return { now: new Date(now), mode, nextDue: nextDue === null ? null : new Date(nextDue) };
  }

  async now() {
    return (await this.read()).now;
  }

  freeze(at) {
    return this.#go("freeze", given({ at }));
  }

  set(to) {
    return this.#go("set", { to });
  }

  advance(by) {
    return this.#run("advance", by instanceof Date ? { to: by } : { by });
  }

  settle() {
    return this.#run("settle", {});
  }

  real() {
    return this.#go("real", {});
  }

  async #go(verb, json) {
    return new Date((await ask(this.#base, "POST", `${this.#path}/${verb}`, { json })).now);
  }

  async #run(verb, json) {
    const { ran } = await ask(this.#base, "POST", `${this.#path}/${verb}`, { json });
    return ran.map((one) => ({ ...one, at: new Date(one.at) }));
  }
}

module.exports = { Clock };
