// The API keys of the tenant.

import { patch, post, session } from "./api.js";
import { confirm, openDialog } from "./dialog.js";
import { badge, button, empty, fill, h, heading } from "./element.js";
import { field } from "./field.js";
import { changesOf, formOf } from "./form.js";
import { pagedGrid } from "./grid.js";
import { setPageKeys } from "./keys.js";
import { complain, say } from "./notice.js";
import { time } from "./time.js";

const SCOPES = ["read", "write", "admin"];

export async function show({ main, signal }) {
    const made = h("div", { "aria-live": "polite" });
    const list = pagedGrid({
        caption: "API keys", heads: ["Name", "Prefix", "Scopes", "State", "Expires", "Last used", "Created", ""], path: "api-keys", signal,
        nothing: empty("There is no API key.", button("Create one", () => create())),
        row: (key) => [key.name, h("code", null, key.keyPrefix), key.scopes, key.isActive ? badge("active", "won") : badge("revoked", "lost"), time(key.expiresAt), time(key.lastUsedAt),
            h("span", null, time(key.createdAt), key.createdBy && ` by ${key.createdBy}`),
            key.isActive && [button("Edit", () => edit(key), { "aria-label": `Edit ${key.name}`, "data-key": key.id }), button("Revoke", () => revoke(key), { class: "danger", "aria-label": `Revoke ${key.name}` })]],
    });
    const load = () => list.load().catch(complain);
    const create = () => openDialog("New API key", (close) => keyForm(null, { cancel: close, send: async (body) => {
        const { body: key } = await post("api-keys", body);
        close();
        fill(made, shownOnce(key));
        made.querySelector("button")?.focus();
        await load();
    } }));
    const edit = (key) => openDialog(`Edit ${key.name}`, (close) => keyForm(key, { cancel: close, send: async (body) => {
        const { body: saved } = await patch(`api-keys/${key.id}`, body);
        close();
        say(`${saved.name} is saved.`);
        await load();
    } }));
    const revoke = (key) => confirm(`Revoke ${key.name}?`, session.caller.id === key.id ? "You are signed in by this key, and will be signed out. Nothing revives it." : "Whoever uses it is refused from then on. Nothing revives it.", "Revoke the key", async () => {
        await patch(`api-keys/${key.id}`, { isActive: false });
        say(`${key.name} is revoked.`);
        await load();
    });
    fill(main, heading("API keys"), h("div.bar", null, h("span.grow"), button("New API key", create, { class: "primary" })), made, list.element);
    setPageKeys({ n: ["New API key", create] });
    await list.load();
}

function keyForm(key, { send, cancel }) {
    const fields = [
        field({ name: "name", label: "Purpose", type: "text", isRequired: true }, key?.name),
        field({ name: "scopes", label: "Scope", type: "choice", words: SCOPES, isSet: true, hint: "Each includes those before it" }, key ? SCOPES.findLast((scope) => key.scopes.includes(scope)) : "read"),
        field({ name: "expiresAt", label: "Expires", type: "instant", hint: "Never, if it is left out" }, key?.expiresAt),
    ];
    return formOf(fields, { verb: key ? "Save" : "Create the key", cancel, send: () => send(changesOf(fields, !key)) });
}

/** The key itself, which the server tells only now. */
function shownOnce(key) {
    const copy = button("Copy", () => navigator.clipboard.writeText(key.key).then(() => say("The key is copied."), complain));
    return h("div.made", null, h("p", null, `The key ${key.name} is shown only now:`), h("p", null, h("code", null, key.key), " ", copy));
}
