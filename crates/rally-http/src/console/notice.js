// What the console says of what has happened: on the page for some seconds, and to screen readers.

import { button, h } from "./element.js";

const SECONDS = 8;
const polite = h("div.notices", { role: "status", "aria-live": "polite" });
const urgent = h("div.notices", { role: "alert" });

/** The places of the notices, which stay through all pages. */
export function noticePlaces() {
    return h("div.notice-places", polite, urgent);
}

/** Says that something has been done. `acts` are pairs of a text and what it does. */
export function say(text, ...acts) {
    show(polite, text, acts, false);
}

/** Says that something has failed, until it is put away. */
export function complain(error, ...acts) {
    if (error?.name === "AbortError") return;
    show(urgent, error?.told ?? `${error?.message ?? error}`, acts, true);
}

function show(place, text, acts, stays) {
    const notice = h("div.notice", h("p", text));
    const remove = () => notice.remove();
    for (const [name, act] of acts) {
        notice.append(button(name, () => {
            remove();
            act();
        }));
    }
    notice.append(button("×", remove, { "aria-label": "Dismiss", class: "quiet" }));
    place.append(notice);
    while (place.children.length > 4) place.firstChild.remove();
    // Whoever reads it, or is about to use it, keeps it.
    const leave = () => notice.matches(":hover, :focus-within") ? setTimeout(leave, 1_000) : remove();
    if (!stays) setTimeout(leave, SECONDS * 1_000);
}
