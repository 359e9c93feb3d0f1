// Keys. A page says which it has; none of them is taken while somebody types.

import { openDialog } from "./dialog.js";
import { h } from "./element.js";

const everywhere = new Map();
let ofPage = new Map();
/** The first key of two, as in `g` and then `b`. */
let before = "";
let forgetting = null;

/** Keys that every page has: `name` is as in "g b" or "?", with what it does in words. */
export function addKey(name, words, act) {
    everywhere.set(name, { words, act });
}

/** Forgets the keys whose names begin so, as those of pages that are there no more. */
export function dropKeys(prefix) {
    for (const name of everywhere.keys()) if (name.startsWith(prefix)) everywhere.delete(name);
}

/** The keys of the page that is shown, in place of those of the one before. */
export function setPageKeys(keys) {
    ofPage = new Map(Object.entries(keys).map(([name, [words, act]]) => [name, { words, act }]));
}

function isTyping(event) {
    const { target } = event;
    return target.isContentEditable || target.matches?.("input:not([type=checkbox]):not([type=radio]):not([type=file]), select, textarea");
}

function nameOf(event) {
    const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : "";
    return shift + event.key;
}

/** Closes the menus that are open, but for one; true if there was any. */
function closeMenus(but) {
    const open = [...document.querySelectorAll("details.menu[open]")].filter(menu => menu !== but);
    for (const menu of open) {
        if (menu.contains(document.activeElement)) menu.firstElementChild.focus();
        menu.open = false;
    }
    return open.length > 0;
}

export function listen() {
    document.addEventListener("click", event => closeMenus(event.target.closest("details.menu")));
    document.addEventListener("keydown", event => {
        if (event.key === "Escape" && !event.defaultPrevented && closeMenus()) event.preventDefault();
    });
    document.addEventListener("keydown", event => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
        if (isTyping(event) || document.querySelector("dialog[open]")) return;
        const name = before + nameOf(event);
        const found = ofPage.get(name) ?? everywhere.get(name);
        clearTimeout(forgetting);
        before = "";
        if (found) {
            if (found.act(event) !== false) event.preventDefault();
        } else if ([...everywhere.keys(), ...ofPage.keys()].some(key => key.startsWith(`${name} `))) {
            before = `${name} `;
            forgetting = setTimeout(() => (before = ""), 1_500);
        }
    });
}

/** The list of keys. */
export function showKeys() {
    const table = (title, keys) => keys.size > 0 && [
        h("h3", title),
        h("dl.keys", [...keys].map(([name, { words }]) => h("div", h("dt", name.split(" ").map(key => h("kbd", shown(key)))), h("dd", words)))),
    ];
    openDialog("Keys", () => [table("On this page", ofPage), table("On every page", everywhere)]);
}

function shown(key) {
    const arrows = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
    return key.replace(/Arrow\w+/, arrow => arrows[arrow]);
}
