"use strict";

const { ask, given } = require("./http.js");

const status = (code, { retryAfter } = {}) => given({ kind: "status", status: code, retryAfter });
const delay = (by) => ({ kind: "delay", by });
const reset = ({ at } = {}) => given({ kind: "reset", at });
const drop = () => ({ kind: "drop" });
const truncate = (at) => ({ kind: "truncate", at });
const slow = ({ bytes, pause }) => ({ kind: "slow", bytes, pause });
const duplicate = () => ({ kind: "duplicate" });

/** The faults of a tenant, which are counted and never left to chance. */
class Faults {
  #base;
  #path;

  constructor(base, path) {
    this.#base = base;
    this.#path = `${path}/faults`;
  }

  arm(point, action, { times = 1, ...match } = {}) {
    return ask(this.#base, "POST", this.#path, { json: { point, action, match: given(match), times } });
  }

  armed() {
    return ask(this.#base, "GET", this.#path);
  }

  async disarm(fault) {
    const path = fault === undefined ? this.#path : `${this.#path}/${fault.id ?? fault}`;
    return (await ask(this.#base, "DELETE", path)).disarmed;
  }

  async verify() {
    const { passed, unfired } = await ask(this.#base, "POST", `${this.#path}/verify`);
    if (!passed) throw new Error(`armed and not fired: ${unfired.map(told).join(", ")}`);
  }
}

function told({ point, action, match, fired, times }) {
  const set = Object.fromEntries(Object.entries(match).filter(([, value]) => value !== null));
  return `${point} ${action.kind} at ${JSON.stringify(set)} (fired ${fired} of ${times} times)`;
}

module.exports = { Faults, delay, drop, duplicate, reset, slow, status, truncate };
