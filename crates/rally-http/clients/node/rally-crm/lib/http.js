"use strict";

const http = require("node:http");

/** The fake has refused what was asked of its control plane. */
class Refused extends Error {
  constructor(answer) {
    super(`${answer.status}: ${detailOf(answer.text)}`);
    this.name = "Refused";
    this.answer = answer;
  }
}

function detailOf(text) {
  try {
    return JSON.parse(text).detail ?? text;
  } catch {
    return text;
  }
}

/** Sends a request over a connection of its own, and reads all of its answer. */
function send(base, method, path, { body, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const asked = http.request(new URL(path, base), { method, headers, agent: false }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(parts).toString();
        resolve({ status: answer.statusCode, headers: answer.headers, text, json: () => JSON.parse(text) });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Asks the control plane, and reads what it says. */
async function ask(base, method, path, { json, body, type, parameters } = {}) {
  const content = json === undefined ? body : JSON.stringify(json);
  const headers = content === undefined ? {} : { "Content-Type": type ?? "application/json" };
  const answer = await send(base, method, `/_fake${path}${query(parameters)}`, { body: content, headers });
  if (answer.status >= 400) throw new Refused(answer);
  return answer.json();
}

/** The query of a URL, with its question mark if there is any. A list is a parameter for each value, an object is JSON. */
function query(parameters = {}) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) given.append(name, typeof one === "object" ? JSON.stringify(one) : String(one));
    }
  }
  const text = given.toString();
  return text && `?${text}`;
}

/** The members that are given. */
function given(members) {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

module.exports = { Refused, ask, given, query, send };
