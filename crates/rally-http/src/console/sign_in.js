// Signing in, by e-mail address and password or by an API key.

import { post, signIn } from "./api.js";
import { fill, h } from "./element.js";
import { field } from "./field.js";
import { formOf } from "./form.js";

/** The page; `done` is called once somebody is signed in. */
export function form(why, done) {
    const keep = h("input", { type: "checkbox", id: "keep" });
    const kept = () => h("p.check", keep, h("label", { for: "keep" }, "Keep me signed in in this tab"), h("small", "Otherwise you are signed out when the page is loaded anew. Nothing is kept beyond the tab."));
    const place = h("div");
    const ways = [
        ["password", "E-mail and password", () => byPassword(keep, kept, done)],
        ["key", "API key", () => byKey(keep, kept, done)],
    ];
    const show = name => fill(place, ways.find(([known]) => known === name)[2]());
    const choose = h("fieldset.ways", h("legend", "Sign in by"), ways.map(([name, label], at) => h("label",
        h("input", { type: "radio", name: "way", value: name, checked: at === 0, onchange: () => show(name) }), label)));
    show("password");
    return h("main.sign-in", h("h1", { tabindex: "-1" }, "Rally"), why && h("p.fault", { role: "alert" }, why), choose, place);
}

function byPassword(keep, kept, done) {
    const fields = [
        field({ name: "email", label: "E-mail", type: "email", isRequired: true, autocomplete: "username" }, ""),
        field({ name: "password", label: "Password", type: "password", isRequired: true, autocomplete: "current-password" }, ""),
        field({ name: "tenant", label: "Tenant", type: "text", hint: "Only where the address does not name it" }, tenantOfHost()),
    ];
    const [email, password, tenant] = fields;
    return formOf(fields, { verb: "Sign in", more: kept(), send: async () => {
        const { body } = await post("auth/login", { email: email.read() ?? "", password: password.input.value, tenant: tenant.read() ?? undefined });
        await signIn({ Authorization: `Bearer ${body.token}` }, keep.checked);
        await done();
    } });
}

function byKey(keep, kept, done) {
    const fields = [field({ name: "key", label: "API key", type: "password", isRequired: true, placeholder: "rk_live_…" }, "")];
    return formOf(fields, { verb: "Sign in", more: kept(), send: async () => {
        await signIn({ "X-Api-Key": fields[0].read() ?? "" }, keep.checked);
        await done();
    } });
}

/** The tenant that the host names, as in acme.localhost. */
function tenantOfHost() {
    const labels = location.hostname.split(".");
    return labels.length > 1 && labels.at(-1) === "localhost" ? labels[0] : "";
}
