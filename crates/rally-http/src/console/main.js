// The console: pages of one tenant behind one shell, all by the API.

import { get, keptCredential, may, session, signIn, signOut } from "./api.js";
import { fill, h } from "./element.js";
import { addKey, dropKeys, listen, setPageKeys, showKeys } from "./keys.js";
import { begin, end, follow, pause } from "./live.js";
import { forgetNames, forgetPipelines, renew } from "./names.js";
import { complain, noticePlaces, say } from "./notice.js";
import { current, go } from "./router.js";
import { findFake, shell } from "./shell.js";
import { setZone } from "./time.js";
import * as apiKeys from "./api_keys.js";
import * as audit from "./audit.js";
import * as board from "./board.js";
import * as clock from "./clock.js";
import * as faults from "./faults.js";
import * as feed from "./feed.js";
import * as importing from "./import.js";
import * as inbox from "./inbox.js";
import * as overview from "./overview.js";
import * as pipelines from "./pipelines.js";
import * as record from "./record.js";
import * as records from "./records.js";
import * as requests from "./requests.js";
import * as settings from "./settings.js";
import * as signInPage from "./sign_in.js";
import * as users from "./users.js";
import * as webhook from "./webhook.js";
import * as webhooks from "./webhooks.js";

const KINDS = ["contacts", "companies", "deals", "activities"];

/** Pages by the first part of their address: the scope that they need, and the key behind `g` that leads there. */
const PAGES = {
    overview: { page: overview, title: "Overview", key: "o" },
    board: { page: board, title: "Board", key: "b" },
    contacts: { page: records, title: "Contacts", key: "c" },
    companies: { page: records, title: "Companies", key: "p" },
    deals: { page: records, title: "Deals", key: "d" },
    activities: { page: records, title: "Activities", key: "a" },
    feed: { page: feed, title: "Feed", key: "f" },
    webhooks: { page: webhooks, title: "Webhooks", key: "w", scope: "admin" },
    pipelines: { page: pipelines, title: "Pipelines", key: "l", scope: "admin" },
    users: { page: users, title: "Users", key: "u" },
    keys: { page: apiKeys, title: "API keys", key: "k", scope: "admin" },
    settings: { page: settings, title: "Settings", key: "s", scope: "admin" },
    audit: { page: audit, title: "Audit", key: "t", scope: "admin" },
    clock: { page: clock, title: "Clock", isFake: true },
    faults: { page: faults, title: "Faults", isFake: true },
    inbox: { page: inbox, title: "Inbox", key: "i", isFake: true },
    requests: { page: requests, title: "Requests", isFake: true },
};

const RETRY_MS = 3_000;

/** The fake is looked for at once, beside all else. */
const isAsked = findFake();
let leaving = null;
let place = null;

/** The page for an address; the overview for one that no page has. */
function pageOf(parts) {
    const [first, second] = parts;
    if (KINDS.includes(first) && second === "import") return { page: importing, title: "Import" };
    if (KINDS.includes(first) && second) return { page: record, title: PAGES[first].title };
    if (first === "webhooks" && second && may("admin")) return { page: webhook, title: "Webhook" };
    const found = PAGES[first];
    return found && visible(found) ? found : null;
}

function visible({ scope, isFake }) {
    return (!scope || may(scope)) && (!isFake || session.isFake);
}

async function showPage() {
    leaving?.abort();
    leaving = new AbortController();
    const { signal } = leaving;
    const { parts, query } = current();
    const found = pageOf(parts);
    if (!found) {
        history.replaceState(null, "", "#/overview");
        return showPage();
    }
    document.title = `${found.title} – Rally`;
    setPageKeys({});
    place.setPage(parts[0]);
    const main = fill(h("main", { id: "main", tabindex: "-1" }));
    main.setAttribute("aria-busy", "true");
    place.setMain(main);
    try {
        await found.page.show({ main, parts, query, signal });
    } catch (error) {
        if (signal.aborted || error.status === 401) return;
        fill(main, h("h1", { tabindex: "-1" }, found.title), h("p.fault", { role: "alert" }, error.told ?? String(error)),
            h("p", h("button", { type: "button", onclick: showPage }, "Try again")));
        if (!error.told) throw error;
        if (!error.status) showOnceThere(signal).catch(() => {});
    } finally {
        main.removeAttribute("aria-busy");
    }
    // Whoever has moved the focus meanwhile keeps it.
    if (!signal.aborted && [document.body, null].includes(document.activeElement)) main.querySelector("h1")?.focus();
}

/** Shows the page once the server can be reached. */
async function showOnceThere(signal) {
    await pause(RETRY_MS, signal);
    const isThere = await get("auth/me", null, signal).then(() => true, ({ status }) => status);
    return isThere ? showPage() : showOnceThere(signal);
}

async function start() {
    setZone(session.settings?.timezone ?? "UTC");
    await isAsked;
    if (!session.about) await findFake();
    fill(document.body, frame(), noticePlaces());
    begin();
    session.onEnd = problem => stop(problem);
    session.onRefusal = () => checkRights().catch(() => {});
    await showPage();
}

/** The frame with the pages that the caller may see, and the keys to them. */
function frame() {
    const pages = Object.entries(PAGES).filter(([, page]) => visible(page));
    place = shell(pages, stop);
    dropKeys("g ");
    for (const [name, { title, key }] of pages) if (key) addKey(`g ${key}`, `Go to ${title}`, () => go(name));
    return place.element;
}

/** Shows what the caller may do from now on, where it has become another thing since signing in. */
async function checkRights() {
    const { body: caller } = await get("auth/me");
    if (!session.caller || caller.scopes === session.caller.scopes) return;
    session.caller = caller;
    place.element.replaceWith(frame());
    say(`Your rights have changed: they are ${caller.scopes} now.`);
    await showPage();
}

/** Ends what the caller sees, and asks for a credential. */
function stop(problem) {
    leaving?.abort();
    end();
    session.onEnd = session.onRefusal = null;
    signOut();
    forgetNames();
    forgetPipelines();
    place = null;
    signedOut(problem?.status ? "You have been signed out, as the server no longer accepts the credential." : "");
}

function signedOut(why) {
    document.title = "Sign in – Rally";
    fill(document.body, signInPage.form(why, start), noticePlaces());
    document.querySelector("form input")?.focus();
}

async function open() {
    const kept = keptCredential();
    if (kept) {
        try {
            await signIn(kept, true);
            return await start();
        } catch (error) {
            if (!error.status) complain(error, ["Try again", open]);
            else signOut();
        }
    }
    return signedOut("");
}

addKey("?", "Show the keys", showKeys);
listen();
follow(renew, new AbortController().signal);
addEventListener("hashchange", () => place && showPage());
open();
