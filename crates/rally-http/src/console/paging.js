// The way through the pages of a list.

import { button, fill, h } from "./element.js";
import { grouped } from "./decimal.js";

/** The element, and `show` for where one is. `turn` is called with the offset to go to. */
export function paging(turn) {
    const where = h("span.where", { role: "status" });
    const make = (name, label) => button(name, () => turn(acts[label]()), { "aria-label": label });
    const state = { offset: 0, limit: 1, total: 0 };
    const lastOffset = () => Math.max(0, Math.floor((state.total - 1) / state.limit) * state.limit);
    const acts = {
        "First page": () => 0,
        "Previous page": () => Math.max(0, state.offset - state.limit),
        "Next page": () => state.offset + state.limit,
        "Last page": lastOffset,
    };
    const [first, previous, next, last] = ["« First", "‹ Previous", "Next ›", "Last »"].map((name, at) => make(name, Object.keys(acts)[at]));
    const element = h("nav.paging", { "aria-label": "Pages of the list" }, first, previous, where, next, last);
    return {
        element,
        show(offset, limit, rows, total) {
            Object.assign(state, { offset, limit, total });
            fill(where, total === 0 ? "none" : `${grouped(offset + (rows ? 1 : 0))}–${grouped(offset + rows)} of ${grouped(total)}`);
            first.disabled = previous.disabled = offset === 0;
            next.disabled = last.disabled = offset + rows >= total;
        },
        next: () => !next.disabled && turn(acts["Next page"]()),
        previous: () => !previous.disabled && turn(acts["Previous page"]()),
    };
}
