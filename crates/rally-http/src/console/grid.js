// Tables of what is no record of the feed: a list that grows page by page.

import { get } from "./api.js";
import { count } from "./decimal.js";
import { button, fill, h } from "./element.js";

/**
 * A table: `heads` are its columns, and each row is a list of cells. A row may be an object instead: `below` is what its
 * first cell shows and hides below it, and `toggled` is told of it.
 */
export function grid(caption, heads, rows) {
    return region(caption, h("caption.hidden", caption),
        h("thead", h("tr", heads.map(head => head ? h("th", { scope: "col" }, head) : actsHead()))),
        h("tbody", rows.map(row => row.cells ? withBelow(heads, row) : rowOf(heads, row))));
}

/** A table that is moved by itself where it is wider than the page. */
export function region(caption, ...content) {
    return h("div.table-place", { tabindex: "0", role: "region", "aria-label": caption }, h("table", content));
}

/** The head of the column that has the buttons of the rows. */
export function actsHead() {
    return h("th.acts", { scope: "col" }, h("span.hidden", "Actions"));
}

function rowOf(heads, cells) {
    return h("tr", cells.map((cell, at) => h(heads[at] ? "td" : "td.acts", cell)));
}

function withBelow(heads, { key, cells: [first, ...cells], below, isOpen, toggled }) {
    const row = h("tr.below", { hidden: !isOpen }, h("td", { colspan: heads.length }, below));
    const toggle = button(first, () => {
        row.hidden = !row.hidden;
        toggle.setAttribute("aria-expanded", String(!row.hidden));
        toggled?.(!row.hidden);
    }, { class: "toggle", "aria-expanded": String(Boolean(isOpen)), "data-key": key });
    return [rowOf(heads, [toggle, ...cells]), row];
}

/**
 * A list of the API as a table with a button for more. `row` makes the cells of an item; `nothing` is what stands there
 * for an empty list. `load` reads the list anew, as far as it was read.
 */
export function pagedGrid({ caption, heads, path, query = {}, row, nothing, limit = 50, isNewestFirst, signal }) {
    const place = h("div");
    const more = h("p.acts");
    const state = { query, wanted: limit };
    const read = isNewestFirst ? readBackwards : readForwards;
    const load = async changed => {
        if (changed) Object.assign(state, { query: changed, wanted: limit });
        const { items, hasMore } = await read(path, state.query, state.wanted, limit, signal);
        const focused = document.activeElement?.closest("[data-key]")?.dataset.key;
        fill(place, items.length ? grid(caption, heads, items.map(row)) : nothing);
        if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
        fill(more, hasMore && button("Show more", () => {
            state.wanted += limit;
            load().then(() => more.querySelector("button")?.focus()).catch(() => {});
        }));
        return items;
    };
    return { element: h("div", place, more), load };
}

async function readForwards(path, query, wanted, limit, signal) {
    const items = [];
    let next = { ...query, limit };
    while (next && items.length < wanted) {
        const page = await get(path, next, signal);
        items.push(...page.body);
        next = page.next;
    }
    return { items, hasMore: Boolean(next) };
}

/** Reads a list from its end, where the newest items are. */
async function readBackwards(path, query, wanted, limit, signal) {
    const items = [];
    let end = count((await get(path, { ...query, limit: 1, count: true }, signal)).total);
    while (end > 0 && items.length < wanted) {
        const offset = Math.max(0, end - limit);
        items.push(...(await get(path, { ...query, limit: end - offset, offset }, signal)).body.reverse());
        end = offset;
    }
    return { items, hasMore: end > 0 };
}
