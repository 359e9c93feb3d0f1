// The names of records that others refer to, each read once.

import { get } from "./api.js";
import { h } from "./element.js";
import { KINDS, kindOf } from "./kinds.js";
import { href } from "./router.js";

const MOST = 5_000;
const AT_ONCE = 6;
const known = new Map();
const waiting = [];
let running = 0;

/** Forgets all names, as after signing out. */
export function forgetNames() {
    known.clear();
}

/** Reads the names of records anew that have changed, where they are shown; all, where it is not known which have. */
export function renew(changes) {
    if (!changes) known.clear();
    const changed = new Set(changes?.filter(({ action }) => action !== "deleted").map(({ entityType, entityId }) => `${kindOf(entityType)}/${entityId}`));
    for (const key of changed) known.delete(key);
    for (const element of document.querySelectorAll("[data-named]")) {
        if (changed.has(element.dataset.named)) show(element, ...element.dataset.named.split("/"));
    }
}

function show(element, kind, id) {
    nameOf(kind, id).then(name => (element.textContent = name));
}

/** Keeps a name that was read anyway. */
export function keepName(kind, id, name) {
    if (known.size >= MOST) known.clear();
    known.set(`${kind}/${id}`, Promise.resolve(name));
}

/** The name of a record; its id where it cannot be read. */
export function nameOf(kind, id) {
    const key = `${kind}/${id}`;
    if (!known.has(key)) {
        if (known.size >= MOST) known.clear();
        known.set(key, inTurn(() => read(kind, id)));
    }
    return known.get(key);
}

async function read(kind, id) {
    try {
        const { body } = await get(`${kind}/${id}`);
        return kind === "users" ? body.name : KINDS[kind].name(body);
    } catch {
        known.delete(`${kind}/${id}`);
        return id;
    }
}

/** Runs so many at once, and the others after them. */
function inTurn(act) {
    return new Promise(resolve => {
        waiting.push(() => act().then(resolve).finally(next));
        if (running < AT_ONCE) {
            running += 1;
            waiting.shift()();
        }
    });
}

function next() {
    const act = waiting.shift();
    if (act) act();
    else running -= 1;
}

/** An element that shows the name of a record once it is known, as a link where there is a page for it. */
export function nameElement(kind, id, name) {
    if (!id) return null;
    const element = kind === "users" ? h("span") : h("a", { href: href(kind, id), "data-named": `${kind}/${id}` });
    element.textContent = name ?? "…";
    if (!name) show(element, kind, id);
    return element;
}

let pipelines = null;
/** The pipelines, the default one first. */
export function allPipelines() {
    pipelines ??= readPipelines().catch(error => {
        pipelines = null;
        throw error;
    });
    return pipelines;
}

export function forgetPipelines() {
    pipelines = null;
}

async function readPipelines() {
    const all = [];
    for (let query = { limit: 100 }; query;) {
        const { body, next: more } = await get("pipelines", query);
        all.push(...body);
        query = more;
    }
    return all.sort((one, other) => Number(other.isDefault) - Number(one.isDefault));
}

/** All users, at most 500 of them. */
export async function allUsers() {
    const all = [];
    for (let query = { limit: 100 }; query && all.length < 500;) {
        const { body, next: more } = await get("users", query);
        all.push(...body);
        query = more;
    }
    for (const user of all) keepName("users", user.id, user.name);
    return all;
}
