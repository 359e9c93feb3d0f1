// The people who work for the tenant.

import { may, remove } from "./api.js";
import { openDialog } from "./dialog.js";
import { badge, button, buttonFor, empty, fill, h, heading } from "./element.js";
import { field } from "./field.js";
import { changesOf, formOf, openForm } from "./form.js";
import { pagedGrid } from "./grid.js";
import { setPageKeys } from "./keys.js";
import { allUsers } from "./names.js";
import { complain, say } from "./notice.js";
import { href } from "./router.js";
import { day } from "./time.js";

const SCOPES = ["read", "write", "admin"];

export async function show({ main, signal }) {
    const mayChange = may("admin");
    const list = pagedGrid({
        caption: "Users", heads: ["Name", "E-mail", "Scopes", "State", "Created", "Deals", ...(mayChange ? [""] : [])], path: "users", signal,
        nothing: mayChange ? empty("There is no user yet.", button("Create the first one", () => create())) : empty("There is no user yet. A caller with the scope admin can create one."),
        row: user => [user.name, user.email, user.scopes, user.isActive ? badge("active", "won") : badge("off", "lost"), day(user.createdAt), h("a", { href: href("deals", { ownerId: user.id }), "aria-label": `Deals of ${user.name}` }, "Deals"),
            mayChange && [buttonFor(user.name, "Edit", () => edit(user), { "data-key": user.id }), buttonFor(user.name, "Delete", () => ask(user, load), { class: "danger" })]],
    });
    const load = () => list.load().catch(complain);
    const open = (title, word, item) => openForm(title, { form: userForm, path: "users", item, done: ({ name }) => {
        say(`${name} is ${word}.`);
        return load();
    } });
    const create = () => open("New user", "created");
    const edit = user => open(`Edit ${user.name}`, "saved", user);
    fill(main, heading("Users"), mayChange && h("div.bar", h("span.grow"), button("New user", create, { class: "primary" })), list.element);
    setPageKeys(mayChange ? { n: ["New user", create] } : {});
    await list.load();
}

function userForm(user, { send, cancel }) {
    const fields = [
        field({ name: "name", label: "Name", type: "text", isRequired: true }, user?.name),
        field({ name: "email", label: "E-mail", type: "email", isRequired: true }, user?.email),
        field({ name: "password", label: "Password", type: "password", autocomplete: "new-password", hint: user ? "Empty: it stays. A new one signs the user out everywhere" : "12 to 128 characters. Empty: the user cannot log in" }, ""),
        field({ name: "scopes", label: "Scope", type: "choice", words: SCOPES, isSet: true, hint: "Each includes those before it" }, user ? SCOPES.findLast(scope => user.scopes.includes(scope)) : "read"),
        field({ name: "isActive", label: "May log in", type: "flag" }, user?.isActive ?? true),
    ];
    return formOf(fields, { verb: user ? "Save" : "Create the user", cancel, send: () => send(changesOf(fields, !user)) });
}

/** Asks for whom the records of a user are, before the user is deleted. */
async function ask(user, load) {
    const others = (await allUsers()).filter(({ id }) => id !== user.id);
    openDialog(`Delete ${user.name}?`, close => {
        const heir = field({ name: "reassignTo", label: "Hand the user's records over to", type: "choice", hint: "Empty: nobody owns them" }, null, { options: others.map(({ id, name }) => [id, name]) });
        const send = async () => {
            await remove(`users/${user.id}`, { query: { reassignTo: heir.read() } });
            close();
            say(`${user.name} is deleted.`);
            await load();
        };
        return [h("p", "The user is deleted for good, and cannot log in from then on."), formOf([heir], { verb: "Delete the user", send, cancel: close })];
    });
}

