// The frame around all pages: where one can go, who is signed in, and whether changes come.

import { send, session } from "./api.js";
import { button, fill, h } from "./element.js";
import { showKeys } from "./keys.js";
import { watchState } from "./live.js";

const STATES = {
    live: ["live", "Changes are shown as they happen."],
    lost: ["lost", "The connection is lost. It is tried again, and nothing is missed."],
    off: ["connecting", "Changes are not followed yet."],
};

/** Finds out if this server is a fake, whose control plane is beside the API. */
export async function findFake() {
    session.isFake = false;
    session.about = null;
    try {
        session.about = (await send("GET", "console/about.json")).body;
        session.isFake = session.about.mayBeFake && (await send("GET", "_fake")).status === 200;
    } catch {
        // The pages of the tenant do without.
    }
}

/** The frame; `pages` are those that the caller may see, and `leave` signs out. */
export function shell(pages, leave) {
    const links = pages.map(([name, { title }]) => h("a", { href: `#/${name}`, "data-page": name }, title));
    const nav = h("nav", { id: "pages", "aria-label": "Pages" }, links);
    const menu = button("Menu", () => {
        const open = nav.classList.toggle("open");
        menu.setAttribute("aria-expanded", String(open));
    }, { class: "menu", "aria-expanded": "false", "aria-controls": "pages" });
    const state = h("span.state", { role: "status" });
    watchState(name => {
        const [word, words] = STATES[name];
        state.className = `state ${name}`;
        state.title = words;
        fill(state, h("span.dot", { "aria-hidden": "true" }), word);
    });
    const { caller } = session;
    const header = h("header.top",
        h("a.skip", { href: "#main", onclick: skip }, "Skip to the page"),
        menu,
        h("a.brand", { href: "#/overview" }, "Rally"),
        h("span.tenant", { title: "Tenant" }, caller.tenantSlug),
        session.isFake && h("span.badge.open", "fake"),
        state,
        h("span.who", { title: `scopes: ${caller.scopes}` }, caller.email ?? `key ${caller.name}`),
        button("?", showKeys, { "aria-label": "Keys", title: "Keys (?)", class: "quiet" }),
        button("Sign out", () => leave()));
    const slot = h("div.slot");
    return {
        element: h("div.shell", header, nav, slot),
        setMain: main => fill(slot, main),
        setPage(name) {
            nav.classList.remove("open");
            menu.setAttribute("aria-expanded", "false");
            for (const link of links) {
                if (link.dataset.page === name) link.setAttribute("aria-current", "page");
                else link.removeAttribute("aria-current");
            }
        },
    };
}

/** Goes to the page itself, past the frame; the address stays, as it names the page. */
function skip(event) {
    event.preventDefault();
    document.getElementById("main")?.focus();
}
