// The program under test of these recipes: a small client of the API.
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

/** Calls the API, and tries again what failed on the way. */
export class App {
  constructor(url, credential, sleep = (seconds) => wait(1000 * seconds)) {
    this.base = `${url}/api/v1`;
    this.credential = credential;
    this.sleep = sleep;
  }

  /** Sends a request until it is answered. A write has one key for all attempts, so that it happens once. */
  async call(method, path, json, attempts = 5) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": randomUUID(), ...this.credential };
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await fetch(`${this.base}${path}`, { method, headers, body: json && JSON.stringify(json) });
        if (answer.ok) return await answer.json();
        if (attempt === attempts || ![429, 500, 503].includes(answer.status)) throw new Failed(answer.status);
        await this.sleep(Number(answer.headers.get("Retry-After") ?? 0));
      } catch (error) {
        // Else there was no answer, or a part of one.
        if (attempt === attempts || error instanceof Failed) throw error;
      }
    }
  }
}

export class Failed extends Error {
  constructor(status) {
    super(`the API has answered ${status}`);
    this.status = status;
  }
}

/** The credential of a program. */
export const withKey = (key) => ({ "X-Api-Key": key });
