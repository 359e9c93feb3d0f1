// The one way to the server: requests with the credential of the page, and failures as the API tells them.

import { Numeral, parse, print } from "./json.js";

/** The credential, the caller and the settings of the tenant, as long as somebody is signed in. */
export const session = { headers: null, caller: null, settings: null, rate: null, onEnd: null, onRefusal: null };

const LADDER = ["read", "write", "admin"];
const KEPT = "rally.credential";

/** A failure as the API tells it; without a status if no answer came. */
export class Problem extends Error {
    constructor(status, body, retryAfter) {
        super(body.detail ?? body.title ?? "the server has failed");
        this.name = "Problem";
        this.status = status;
        this.code = body.code ?? "";
        this.faults = body.errors ?? {};
        this.body = body;
        this.retryAfter = retryAfter;
    }

    /** The failure as a sentence, with what helps to find its cause. */
    get told() {
        const wait = this.retryAfter ? ` Try again in ${this.retryAfter} s.` : "";
        const trace = this.status >= 500 && this.body.traceId ? ` The log has it under ${this.body.traceId}.` : "";
        const code = this.status ? ` (${this.status} ${this.code})` : "";
        return `${sentence(this.message)}${code}.${wait}${trace}`;
    }
}

/** A text with a capital at its beginning. */
export function sentence(text) {
    return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** True if the caller has this scope or a greater one. */
export function may(scope) {
    const own = (session.caller?.scopes ?? "").split(",").map(name => LADDER.indexOf(name.trim()));
    return Math.max(...own) >= LADDER.indexOf(scope);
}

/** The address of a path of the server, wherever a proxy has put it. */
export function address(path, query) {
    const url = new URL(path, new URL("./", document.baseURI));
    for (const [name, value] of Object.entries(query ?? {})) {
        if ((value ?? "") !== "") url.searchParams.set(name, value);
    }
    return url;
}

/** A request to the API. The answer has `body`, `tag`, `total`, and `next`, the query of the next page. */
export function call(method, path, options) {
    return send(method, `api/v1/${path}`, options);
}

export const get = (path, query, signal) => call("GET", path, { query, signal });
export const post = (path, body, options) => call("POST", path, { body: body ?? {}, ...options });
export const put = (path, body, options) => call("PUT", path, { body, ...options });
export const patch = (path, body, options) => call("PATCH", path, { body, ...options });
export const remove = (path, options) => call("DELETE", path, options);

/** A request to any path of the server. */
export async function send(method, path, { query, body, raw, headers, signal, form = "json" } = {}) {
    const sent = { ...session.headers, ...headers };
    let content = raw;
    if (body !== undefined) {
        sent["Content-Type"] = "application/json";
        content = print(body);
    }
    const own = session.headers;
    const response = await reach(address(path, query), { method, headers: sent, body: content, signal, cache: "no-store", redirect: "error" });
    noteRate(response);
    if (response.ok && form === "blob") return { body: await response.blob(), headers: response.headers };
    const text = await response.text();
    if (!response.ok) throw failure(response, text, own);
    return {
        body: form === "text" || !text ? text : parse(text),
        status: response.status,
        tag: response.headers.get("ETag"),
        total: response.headers.get("X-Total-Count"),
        next: nextPage(response.headers.get("Link")),
        headers: response.headers,
    };
}

async function reach(url, options) {
    try {
        return await fetch(url, options);
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Problem(0, { detail: "the server cannot be reached; it is tried again" });
    }
}

function failure(response, text, own) {
    let body;
    try {
        body = parse(text);
    } catch {
        body = { detail: `the server, or a proxy before it, has answered ${response.status}` };
    }
    const problem = new Problem(response.status, body, response.headers.get("Retry-After"));
    if (own && own === session.headers) {
        if (response.status === 401) session.onEnd?.(problem);
        if (response.status === 403) session.onRefusal?.();
    }
    return problem;
}

function noteRate(response) {
    const limit = response.headers.get("X-RateLimit-Limit");
    if (limit && session.caller) {
        session.rate = { limit, remaining: response.headers.get("X-RateLimit-Remaining"), reset: response.headers.get("X-RateLimit-Reset") };
    }
}

/** The query of the next page of a list, of which only the query counts: the path may be another one before a proxy. */
function nextPage(link) {
    const next = /<([^>]*)>;\s*rel="next"/.exec(link ?? "");
    return next ? Object.fromEntries(new URL(next[1], "a://b").searchParams) : null;
}

/** Signs in by an API key, or by the token of a login. */
export async function signIn(headers, keep) {
    const before = session.headers;
    session.headers = headers;
    try {
        // The settings may be none of the caller's business.
        const [{ body: caller }] = await Promise.all([get("auth/me"), readSettings().catch(() => {})]);
        session.caller = caller;
    } catch (error) {
        session.headers = before;
        throw error;
    }
    if (keep) sessionStorage.setItem(KEPT, JSON.stringify(headers));
    else sessionStorage.removeItem(KEPT);
}

/** Reads the settings of the tenant, which say its time zone. */
export async function readSettings() {
    session.settings = (await get("settings")).body;
    return session.settings;
}

/** Forgets the credential and all that was read with it. */
export function signOut() {
    Object.assign(session, { headers: null, caller: null, settings: null, rate: null });
    sessionStorage.removeItem(KEPT);
}

/** The credential that the tab was asked to keep; null for none. */
export function keptCredential() {
    const kept = sessionStorage.getItem(KEPT);
    return kept && parse(kept);
}

/** The id of a request that happens once, however often it is sent. */
export function onceKey() {
    return { "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
}

export { Numeral };
