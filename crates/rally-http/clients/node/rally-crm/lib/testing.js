"use strict";

const { findBinary } = require("./binary.js");
const { Faults, delay, drop, duplicate, reset, slow, status, truncate } = require("./faults.js");
const { Refused } = require("./http.js");
const { NoMessage } = require("./inbox.js");
const { Server } = require("./server.js");
const { Tenant } = require("./tenant.js");

/** Starts a fake, and makes a tenant of it; `close` ends both. */
async function fake({ seed, rateLimit, name, clock } = {}) {
  const server = await Server.start({ seed, rateLimit });
  const tenant = await server.tenant({ name, clock });
  tenant.server = server;
  tenant.close = () => server.close();
  return tenant;
}

/** The fake at an address that another process has started. */
function connect(url) {
  return { tenant: (options) => Server.prototype.tenant.call({ url }, options), of: (name) => Tenant.of(url, name), url };
}

module.exports = {
  Faults,
  NoMessage,
  Refused,
  Server,
  Tenant,
  connect,
  delay,
  drop,
  duplicate,
  fake,
  findBinary,
  reset,
  slow,
  status,
  truncate,
};
