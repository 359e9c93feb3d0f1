// Tables of what is no record of the feed: a list that grows page by page.

import { get } from "./api.js";
import { button, fill, h } from "./element.js";

/** A table: `heads` are its columns, and each row is a list of cells. */
export function grid(caption, heads, rows) {
    return h("div.table-place", { tabindex: "0", role: "region", "aria-label": caption }, h("table", null, h("caption.hidden", null, caption),
        h("thead", null, h("tr", null, heads.map((head) => h("th", { scope: "col" }, head || h("span.hidden", null, "Actions"))))),
        h("tbody", null, rows.map((cells) => h("tr", null, cells.map((cell, at) => h(heads[at] ? "td" : "td.acts", null, cell)))))));
}

/**
 * A list of the API as a table with a button for more. `row` makes the cells of an item; `nothing` is what stands there
 * for an empty list. `load` reads the list anew, as far as it was read.
 */
export function pagedGrid({ caption, heads, path, query = {}, row, nothing, limit = 50, signal }) {
    const place = h("div");
    const more = h("p.acts");
    const state = { query, wanted: limit };
    const load = async (changed) => {
        if (changed) Object.assign(state, { query: changed, wanted: limit });
        const items = [];
        let next = { ...state.query, limit };
        while (next && items.length < state.wanted) {
            const page = await get(path, next, signal);
            items.push(...page.body);
            next = page.next;
        }
        const focused = document.activeElement?.closest("[data-key]")?.dataset.key;
        fill(place, items.length ? grid(caption, heads, items.map(row)) : nothing);
        if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
        fill(more, next && button("Show more", () => {
            state.wanted += limit;
            load().then(() => more.querySelector("button")?.focus()).catch(() => {});
        }));
        return items;
    };
    return { element: h("div", null, place, more), load };
}
