"use strict";

const fs = require("node:fs");
const path = require("node:path");

/** Packages with the program, by platform. */
const PACKAGES = { "linux-x64": "@rally-crm/linux-x64-gnu" };

/** The path of the program: `RALLY_BINARY`, or that of the package for this platform. */
function findBinary() {
  const named = process.env.RALLY_BINARY;
  if (named) {
    if (fs.existsSync(named)) return named;
    throw new Error(`RALLY_BINARY names ${JSON.stringify(named)}, which is no file`);
  }
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  if (!name) {
    throw new Error(`rally-crm has no program for ${platform}; build one and name it by the environment variable RALLY_BINARY`);
  }
  try {
    return path.join(path.dirname(require.resolve(`${name}/package.json`)), "rally");
  } catch {
    throw new Error(
      `${name}, which has the program for ${platform}, is not installed. It is an optional dependency of rally-crm: install ` +
        "without --no-optional or --omit=optional. If package-lock.json was made on another platform, npm may have left it " +
        "out: delete node_modules and package-lock.json and install again.",
    );
  }
}

module.exports = { findBinary };
