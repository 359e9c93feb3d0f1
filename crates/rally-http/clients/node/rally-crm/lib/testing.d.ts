import type { components, operations, paths } from "./api.js";

export type { components, operations, paths };

/** A duration: a number of seconds, or a text such as `"250ms"`, `"5m"` or `"24h"`. */
export type Span = number | string;
/** An instant: a date, or a text of RFC 3339. */
export type Instant = Date | string;
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };

/** What a fault does when it fires. */
export interface Action {
  readonly kind: "status" | "delay" | "reset" | "drop" | "truncate" | "slow" | "duplicate";
}

/** Answers a problem of that status: 400, 401, 403, 404, 409, 429, 500 or 503. `retryAfter` is in seconds. */
export function status(code: number, options?: { retryAfter?: number }): Action;
/** Waits in real time; where an event is sent, on the tenant's clock. */
export function delay(by: Span): Action;
/** Resets the connection (RST). At the point `wire`, after `at` bytes of the answer. */
export function reset(options?: { at?: number }): Action;
/** Closes the connection without an answer. */
export function drop(): Action;
/** Closes the connection after so many bytes. */
export function truncate(at: number): Action;
/** Sends so many bytes at a time, with pauses in real time. */
export function slow(options: { bytes: number; pause: Span }): Action;
/** Sends an event twice. */
export function duplicate(): Action;

/** The requests at which a fault fires: at number `nth` of those that match, then at each `every`-th one. */
export interface Match {
  method?: string;
  /** A path of the API's document without `/api/v1`, such as `/deals/{id}/stage`. */
  route?: string;
  /** The beginning of an API key. */
  credential?: string;
  /** The type of an event, at the point `webhook`. */
  event?: string;
  nth?: number;
  every?: number;
  /** How often it fires in all; null for ever. 1 unless given. */
  times?: number | null;
}

/** A fault that is armed. */
export interface Fault {
  readonly id: string;
  readonly point: string;
  readonly action: Action;
  readonly times: number | null;
  readonly matched: number;
  readonly fired: number;
}

/** The faults of a tenant, which are counted and never left to chance. */
export class Faults {
  private constructor();
  arm(point: "before" | "afterCommit" | "body" | "wire" | "webhook", action: Action, match?: Match): Promise<Fault>;
  armed(): Promise<Fault[]>;
  /** Disarms one, or all, and tells how many. */
  disarm(fault?: Fault | string): Promise<number>;
  /** Fails unless each fault that is armed has fired, as often as it was to. */
  verify(): Promise<void>;
}

/** Something that fell due, and ran at its instant. */
export interface Ran {
  readonly at: Date;
  readonly what:
    | "delivery"
    | "keyExpired"
    | "tokenExpired"
    | "idempotencyKeyExpired"
    | "eventsForgotten"
    | "rateWindow";
  readonly [member: string]: unknown;
}

/** The clock of a tenant, which no other shares. */
export interface Clock {
  read(): Promise<{ now: Date; mode: "real" | "running" | "frozen"; nextDue: Date | null }>;
  now(): Promise<Date>;
  /** Stands still, at the present instant or at another. */
  freeze(at?: Instant): Promise<Date>;
  /** Goes to an instant, back too. What falls due in between does not run. */
  set(to: Instant): Promise<Date>;
  /** Runs all that falls due in that time or until that date, in order, and tells what ran. */
  advance(by: Span | Date): Promise<Ran[]>;
  /** Runs what is due already. */
  settle(): Promise<Ran[]>;
  /** Goes by real time again. */
  real(): Promise<Date>;
}

/** A message that an inbox holds. */
export interface Message {
  readonly number: number;
  readonly at: string;
  /** The `webhook-id`, the same for each attempt; null for a plain `POST`. */
  readonly id: string | null;
  readonly type: string | null;
  readonly body: any;
  readonly headers: Record<string, string>;
  readonly signature: "verified" | "wrong" | "none";
  readonly answered: number | null;
  readonly webhookId: string | null;
  readonly attempts: { at: string; status: number | null }[];
}

export interface NearMiss {
  readonly number: number;
  readonly type: string | null;
  readonly missed: Record<string, { wanted: Json; got: Json }>;
}

/** No message came that matches. */
export class NoMessage extends Error {
  readonly nearMisses: NearMiss[];
}

/** A receiver of webhooks, which exists under any name. */
export interface Inbox {
  readonly name: string;
  /** Give it to a webhook as its `url`. */
  readonly url: string;
  /** Scripts the answers, in order; the last one stands for all later ones. */
  answers(...answers: (number | { status: number; delay?: Span; retryAfter?: number; body?: string })[]): Promise<void>;
  messages(): Promise<Message[]>;
  clear(): Promise<void>;
  /**
   * The next message that was accepted and matches, which no earlier wait has answered. The tenant's clock moves, instead
   * of sleeping: what falls due within `timeout` runs, in order. `patience` is the real time to wait for the program under
   * test when nothing is due. If nothing matches, this fails with `NoMessage`.
   */
  wait(type?: string, options?: { where?: Record<string, Json>; timeout?: Span; patience?: Span }): Promise<Message>;
}

/** A request to the API. */
export interface Request {
  readonly number: number;
  readonly at: string;
  readonly method: string;
  readonly route: string | null;
  readonly path: string;
  readonly status: number | null;
  readonly fault: string | null;
  readonly curl: string;
}

export interface RequestFilter {
  method?: string;
  route?: string;
  status?: number;
  fault?: string;
}

/** The journal of a tenant's last 10,000 requests. */
export interface Requests {
  all(filter?: RequestFilter & { after?: number; limit?: number }): Promise<Request[]>;
  count(filter?: RequestFilter): Promise<number>;
  /** Those that none of `expected` names, as `"GET /contacts"`; without any, those answered 4xx or 5xx by no fault. */
  unexpected(...expected: string[]): Promise<Request[]>;
  clear(): Promise<void>;
}

export type Records = Record<string, unknown>[];

/** A named data set, or bodies of records as `POST` of the API takes them. */
export interface Seed {
  dataset?: "demo";
  users?: Records;
  companies?: Records;
  contacts?: Records;
  pipelines?: Records;
  deals?: Records;
  activities?: Records;
  webhooks?: Records;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  json(): any;
}

/** The fake has refused what was asked of its control plane. */
export class Refused extends Error {
  readonly answer: Answer;
}

/** A tenant: its address and keys for the program under test, and all that a test wants of it. */
export class Tenant {
  private constructor();
  readonly name: string;
  readonly id: string;
  /** The base of the API, without `/api/v1`. */
  readonly url: string;
  /** A key of the scope `admin`. */
  readonly apiKey: string;
  readonly keys: { read: string; write: string; admin: string };
  readonly clock: Clock;
  readonly faults: Faults;
  readonly requests: Requests;
  inbox(name?: string): Inbox;
  seed(seed: Seed): Promise<{ created: Record<string, number>; ids: Record<string, string> }>;
  /** Imports a file, by its path or its bytes: CSV or a workbook. `{ mapping: { account: "name", founded: null } }` maps columns. */
  seedFile(
    resource: "contacts" | "companies" | "deals" | "activities",
    file: string | Uint8Array,
    parameters?: Record<string, string | number | boolean | Record<string, string | null>>,
  ): Promise<{ totalRows: number; imported: number; skipped: number; errors: string[] }>;
  /** Keeps records, keys, webhooks and clock under a name. */
  snapshot(name?: string): Promise<string>;
  restore(name?: string): Promise<void>;
  /** A new tenant with the same records and clock and keys of its own. It costs the same whatever the size. */
  fork(name?: string): Promise<Tenant>;
  reset(): Promise<void>;
  /** Ends the tenant and gives its memory back. */
  drop(): Promise<void>;
  /** Calls the API, to arrange or to look. */
  call(
    method: string,
    path: string,
    options?: { json?: unknown; key?: string; parameters?: Record<string, unknown>; headers?: Record<string, string> },
  ): Promise<Answer>;
}

export interface TenantOptions {
  name?: string;
  /** An instant at which the clock stands still. */
  clock?: Instant;
  rateLimit?: number;
  profile?: "documented" | "strict";
}

/** A fake in a process of its own, which ends with this one, however that ends. */
export class Server {
  private constructor();
  static start(options?: { seed?: number; rateLimit?: number }): Promise<Server>;
  readonly url: string;
  readonly log: string;
  tenant(options?: TenantOptions): Promise<Tenant>;
  close(): Promise<void>;
}

/** Starts a fake, and makes a tenant of it; `close` ends both. */
export function fake(
  options?: { seed?: number; rateLimit?: number; name?: string; clock?: Instant },
): Promise<Tenant & { server: Server; close(): Promise<void> }>;

/** The fake at an address that another process has started. */
export function connect(url: string): {
  readonly url: string;
  tenant(options?: TenantOptions): Promise<Tenant>;
  of(name: string): Promise<Tenant>;
};

/** The path of the program: `RALLY_BINARY`, or that of the package for this platform. */
export function findBinary(): string;
