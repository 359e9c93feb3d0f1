#!/usr/bin/env node
"use strict";

const { spawnSync } = require("node:child_process");
const { findBinary } = require("./binary.js");

const ended = spawnSync(findBinary(), process.argv.slice(2), { stdio: "inherit" });
if (ended.error) throw ended.error;
if (ended.signal) process.kill(process.pid, ended.signal);
process.exitCode = ended.status ?? 1;
