// The API keys of the tenant.

import { patch, session } from "./api.js";
import { confirm } from "./dialog.js";
import { badge, button, buttonFor, empty, fill, h, heading } from "./element.js";
import { field } from "./field.js";
import { changesOf, formOf, openForm } from "./form.js";
import { pagedGrid } from "./grid.js";
import { setPageKeys } from "./keys.js";
import { complain, say } from "./notice.js";
import { day, time } from "./time.js";

const SCOPES = ["read", "write", "admin"];

export async function show({ main, signal }) {
    const made = h("div", { "aria-live": "polite" });
    const list = pagedGrid({
        caption: "API keys", heads: ["Name", "Prefix", "Scopes", "State", "Expires", "Last used", "Created", ""], path: "api-keys", signal,
        nothing: empty("There is no API key.", button("Create one", () => create())),
        row: key => [key.name, h("code", key.keyPrefix), key.scopes, key.isActive ? badge("active", "won") : badge("revoked", "lost"), time(key.expiresAt), time(key.lastUsedAt),
            h("span", day(key.createdAt), key.createdBy && ` by ${key.createdBy}`),
            key.isActive && [buttonFor(key.name, "Edit", () => edit(key), { "data-key": key.id }), buttonFor(key.name, "Revoke", () => revoke(key), { class: "danger" })]],
    });
    const load = () => list.load().catch(complain);
    const create = () => openForm("New API key", { form: keyForm, path: "api-keys", done: key => {
        fill(made, shownOnce(key));
        made.querySelector("button")?.focus();
        return load();
    } });
    const edit = item => openForm(`Edit ${item.name}`, { form: keyForm, path: "api-keys", item, done: ({ name }) => {
        say(`${name} is saved.`);
        return load();
    } });
    const revoke = key => confirm(`Revoke ${key.name}?`, session.caller.id === key.id ? "You are signed in by this key, and will be signed out. Nothing revives it." : "Whoever uses it is refused from then on. Nothing revives it.", "Revoke the key", async () => {
        await patch(`api-keys/${key.id}`, { isActive: false });
        say(`${key.name} is revoked.`);
        await load();
    });
    fill(main, heading("API keys"), h("div.bar", h("span.grow"), button("New API key", create, { class: "primary" })), made, list.element);
    setPageKeys({ n: ["New API key", create] });
    await list.load();
}

function keyForm(key, { send, cancel }) {
    const fields = [
        field({ name: "name", label: "Purpose", type: "text", isRequired: true }, key?.name),
        field({ name: "scopes", label: "Scope", type: "choice", words: SCOPES, isSet: true, hint: "Each includes those before it" }, key ? SCOPES.findLast(scope => key.scopes.includes(scope)) : "read"),
        field({ name: "expiresAt", label: "Expires", type: "instant", hint: "Empty: never" }, key?.expiresAt),
    ];
    return formOf(fields, { verb: key ? "Save" : "Create the key", cancel, send: () => send(changesOf(fields, !key)) });
}

/** The key itself, which the server tells only now. */
function shownOnce(key) {
    const copy = button("Copy", () => navigator.clipboard.writeText(key.key).then(() => say("The key is copied."), complain));
    return h("div.made", h("p", `The key ${key.name} is shown only now:`), h("p", h("code", key.key), " ", copy));
}
