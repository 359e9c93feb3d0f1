// The feed, followed from the moment of signing in: each change is told once, also after the connection was lost.

import { call, session } from "./api.js";

const WAIT_SECONDS = 25;
const PAGE = 500;
const BETWEEN_MS = 250;
const WITHOUT_WAIT_MS = 2_000;
const LONGEST_PAUSE_MS = 10_000;
/** A number that no change has, as the API takes no larger one. */
const END = "9223372036854775807";

const readers = new Set();
let watcher = () => {};
let state = "off";
/** The epoch of the feed, which is another one once changes may have been lost. */
let epoch = null;
let ending = null;

/** Calls `read` with the changes as they come, or with null where all must be read anew, until the signal. */
export function follow(read, signal) {
    readers.add(read);
    signal.addEventListener("abort", () => readers.delete(read));
}

/** Calls `watch` with the state of the connection, now and at each change: "live", "lost" or "off". */
export function watchState(watch) {
    watcher = watch;
    watch(state);
}

function setState(next) {
    if (state === next) return;
    state = next;
    watcher(state);
}

function tell(changes) {
    for (const read of readers) read(changes);
}

/** Begins to follow. */
export function begin() {
    end();
    ending = new AbortController();
    run(ending.signal).catch(() => setState("off"));
}

/** Ends it. */
export function end() {
    ending?.abort();
    ending = epoch = null;
    setState("off");
}

/** The number of the last change that there is. */
export async function lastChange(signal) {
    const { headers } = await changesAfter(END, 0, 1, signal);
    return headers.get("X-Feed-Position");
}

export async function changesAfter(after, wait, limit, signal) {
    const headers = epoch ? { "X-Feed-Epoch": epoch } : {};
    const answer = await call("GET", "sync/changes", { query: { after, wait: wait || null, limit }, headers, signal });
    epoch = answer.headers.get("X-Feed-Epoch");
    return answer;
}

export function pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, milliseconds);
        signal?.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(new DOMException("the page is left", "AbortError"));
        });
    });
}

async function run(signal) {
    let [after, failures, wait] = [null, 0, WAIT_SECONDS];
    while (!signal.aborted && session.headers) {
        try {
            // A place that was just found is asked without a wait, so that the state is told at once.
            after ??= await lastChange(signal);
            const first = state !== "live";
            const { body, headers } = await changesAfter(after, first ? 0 : wait, PAGE, signal);
            failures = 0;
            setState("live");
            const last = headers.get("X-Feed-Position");
            if (BigInt(last) < BigInt(after)) {
                // The tenant is one that was, as of a fake that is reset.
                after = last;
                tell(null);
                continue;
            }
            if (body.length) {
                after = body.at(-1).id.text;
                tell(body);
                await pause(BETWEEN_MS, signal);
            } else if (!wait) await pause(WITHOUT_WAIT_MS, signal);
        } catch (error) {
            if (signal.aborted || error.status === 401) return;
            if (["feed_trimmed", "feed_reset"].includes(error.code)) {
                after = epoch = null;
                tell(null);
                continue;
            }
            // Where too many wait already, asking now and then does, too.
            if (error.code === "unavailable" && state === "live" && wait) wait = 0;
            else setState("lost");
            failures += 1;
            await pause(pauseAfter(error, failures), signal);
        }
    }
}

function pauseAfter(error, failures) {
    const asked = error.status === 429 ? Number(error.retryAfter ?? 0) * 1_000 : 0;
    return Math.max(asked, Math.min(500 * 2 ** Math.min(failures, 6), LONGEST_PAUSE_MS));
}

/** Calls `load` soon after changes that concern it, and not more often than once in a while, until the signal. */
export function followSeldom(load, milliseconds, signal, concerns = () => true) {
    const again = seldom(() => Promise.resolve(load()).catch(() => {}), milliseconds, signal);
    follow(changes => (!changes || changes.some(concerns)) && again(), signal);
}

/** Calls `act` soon and not more often than once in a while, however often it is asked to. */
export function seldom(act, milliseconds, signal) {
    let [timer, last] = [null, 0];
    signal.addEventListener("abort", () => clearTimeout(timer));
    return () => {
        if (timer || signal.aborted) return;
        timer = setTimeout(() => {
            timer = null;
            last = performance.now();
            act();
        }, Math.max(50, last + milliseconds - performance.now()));
    };
}
