"use strict";

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const readline = require("node:readline");
const { findBinary } = require("./binary.js");
const { ask, given } = require("./http.js");
const { Tenant } = require("./tenant.js");

/** Milliseconds that the program has to end by itself once its standard input has. */
const END_MILLIS = 10_000;
/** Characters of its log that are kept, to tell why it has ended. */
const LOG = 10_000;

/** A fake in a process of its own, which ends with this one, however that ends. It holds any number of tenants. */
class Server {
  #process;
  #log = "";

  constructor(child, url) {
    this.#process = child;
    this.url = url;
  }

  static async start({ seed, rateLimit } = {}) {
    const options = ["fake", "--json", "--exit-with-stdin"];
    if (seed !== undefined) options.push(`--seed=${seed}`);
    if (rateLimit !== undefined) options.push(`--rate-limit=${rateLimit}`);
    const child = spawn(findBinary(), options, { stdio: ["pipe", "pipe", "pipe"] });
    const server = new Server(child, undefined);
    child.stderr.on("data", (text) => (server.#log = `${server.#log}${text}`.slice(-LOG)));
    server.url = JSON.parse(await server.#readyLine()).url;
    // A test runner ends when its tests do, and the fake with it.
    for (const handle of [child, child.stdin, child.stdout, child.stderr]) handle.unref();
    return server;
  }

  get log() {
    return this.#log;
  }

  async tenant({ name, clock, rateLimit, profile } = {}) {
    const json = given({ tenant: name, clock, rateLimitPerMinute: rateLimit, profile });
    return new Tenant(this.url, await ask(this.url, "POST", "/tenants", { json }));
  }

  async close() {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const timer = setTimeout(() => child.kill("SIGKILL"), END_MILLIS);
    child.stdin.end();
    await once(child, "exit");
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.close();
  }

  #readyLine() {
    const child = this.#process;
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => reject(new Error(this.#log.trim() || `rally ended with status ${code}`)));
      readline.createInterface({ input: child.stdout }).once("line", resolve);
    });
  }
}

module.exports = { Server };
