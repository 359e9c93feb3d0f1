// The feed as it comes: newest first, with a pause and filters.

import { badge, button, empty, fill, filterSelect, h, heading } from "./element.js";
import { KINDS, kindOf } from "./kinds.js";
import { changesAfter, follow, lastChange } from "./live.js";
import { setPageKeys } from "./keys.js";
import { nameElement } from "./names.js";
import { note } from "./router.js";
import { time } from "./time.js";

/** Entries on the page at most, and of the past at the beginning. */
const MOST = 500;
const PAST = 100;
const TONES = { inserted: "won", updated: "open", deleted: "lost" };

export async function show({ main, query, signal }) {
    const state = { entries: [], isPaused: false, held: [], filter: { kind: query.kind ?? "", action: query.action ?? "", by: query.by ?? "" } };
    const list = h("ol.feed", { "aria-live": "off" });
    const nothing = h("div");
    const held = h("span", { role: "status" });
    const pause = button("Pause", () => setPaused(!state.isPaused), { "aria-pressed": "false" });

    const isShown = ({ entityType, action, changedBy }) => (!state.filter.kind || entityType === state.filter.kind) && (!state.filter.action || action === state.filter.action)
        && (!state.filter.by || (changedBy ?? "").toLowerCase().includes(state.filter.by.toLowerCase()));
    const showAll = () => {
        fill(list, state.entries.filter(isShown).map(item));
        fill(nothing, list.children.length === 0 && empty(state.entries.length ? "No change matches." : "Nothing has happened yet. Changes appear here as they happen; change a record in another tab to see one."));
    };
    const add = all => {
        // What the live feed and the past have both is shown once.
        const newest = BigInt(state.entries[0]?.id.text ?? 0);
        const entries = all.filter(({ id }) => BigInt(id.text) > newest);
        state.entries = [...entries.toReversed(), ...state.entries].slice(0, MOST);
        // An entry that is there already stays, and so do the focus and what is read.
        list.prepend(...entries.toReversed().filter(isShown).map(item));
        while (list.children.length > MOST) list.lastChild.remove();
        if (list.children.length) fill(nothing);
    };
    const setPaused = isPaused => {
        state.isPaused = isPaused;
        pause.textContent = isPaused ? "Go on" : "Pause";
        pause.setAttribute("aria-pressed", String(isPaused));
        if (!isPaused) add(state.held.splice(0));
        fill(held);
    };
    const refilter = (name, value) => {
        state.filter[name] = value;
        note("feed", state.filter);
        showAll();
    };
    const choose = (name, label, words) => filterSelect(label, words, state.filter[name], word => refilter(name, word));
    const by = h("input", { type: "search", placeholder: "Changed by", "aria-label": "Changed by", value: state.filter.by, oninput: () => refilter("by", by.value.trim()) });
    fill(main, heading("Feed"), h("div.bar", pause, held, choose("kind", "Kind", Object.values(KINDS).map(({ noun }) => noun)), choose("action", "Action", Object.keys(TONES)), by), list, nothing);
    setPageKeys({ p: ["Pause, or go on", () => setPaused(!state.isPaused)] });

    const last = BigInt(await lastChange(signal));
    const from = last > BigInt(PAST) ? last - BigInt(PAST) : 0n;
    // Followed from before the past is read, so that nothing falls between; what comes twice is left out.
    let early = [];
    follow(changes => {
        if (!changes) {
            state.entries = [];
            showAll();
        } else if (early) early.push(...changes);
        else if (state.isPaused) {
            state.held = [...state.held, ...changes].slice(-MOST);
            fill(held, `${state.held.length} held`);
        } else add(changes);
    }, signal);
    const { body } = await pastFrom(from, signal);
    state.entries = body.toReversed();
    const missed = early;
    early = null;
    showAll();
    add(missed);
}

/** The last entries; from the beginning of what is kept, if the past was trimmed. */
async function pastFrom(from, signal) {
    try {
        return await changesAfter(from, 0, MOST, signal);
    } catch (error) {
        if (error.code !== "feed_trimmed") throw error;
        return { body: [] };
    }
}

function item(entry) {
    const kind = kindOf(entry.entityType);
    return h("li", { "data-change": entry.id.text }, h("span.number", entry.id.text), time(entry.changedAt), badge(entry.action, TONES[entry.action]), h("span.kind", entry.entityType),
        h("span.what", nameElement(kind, entry.entityId, entry.action === "deleted" ? entry.entityId : null)), h("span.by", entry.changedBy ?? "the engine"));
}
