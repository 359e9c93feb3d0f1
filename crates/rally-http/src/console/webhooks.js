// The webhooks of the tenant.

import { get, post, session } from "./api.js";
import { grouped } from "./decimal.js";
import { openDialog } from "./dialog.js";
import { badge, button, empty, fill, h, heading, newId } from "./element.js";
import { field } from "./field.js";
import { changesOf, formOf } from "./form.js";
import { pagedGrid } from "./grid.js";
import { setPageKeys } from "./keys.js";
import { followSeldom } from "./live.js";
import { say } from "./notice.js";
import { go, href } from "./router.js";
import { time } from "./time.js";

export const EVENTS = ["*", ...["contact", "company", "deal", "activity"].flatMap(noun => ["created", "updated", "deleted"].map(done => `${noun}.${done}`)),
    "deal.stage_changed", "deal.won", "deal.lost", "activity.completed"];
const EVERY_MS = 2_000;

export async function show({ main, signal }) {
    const create = () => openDialog("New webhook", close => webhookForm(null, { cancel: close, done: webhook => {
        close();
        say(`${webhook.name} is created. Its page has the secret that verifies its events.`);
        go("webhooks", webhook.id);
    } }));
    const all = pagedGrid({
        caption: "Webhooks", heads: ["Name", "State", "URL", "Events", "Last success"], path: "webhooks", signal,
        nothing: empty("There is no webhook yet.", button("Create the first one", create)),
        row: webhook => [h("a", { href: href("webhooks", webhook.id), "data-key": webhook.id }, webhook.name), stateOf(webhook), webhook.url, webhook.events.join(", "), time(webhook.lastTriggeredAt)],
    });
    fill(main, heading("Webhooks"), h("div.bar", h("span.grow"), button("New webhook", create, { class: "primary" })), all.element);
    setPageKeys({ n: ["New webhook", create] });
    await all.load();
    followSeldom(all.load, EVERY_MS, signal);
}

/** The state of a webhook, as a badge and words. */
export function stateOf(webhook) {
    if (!webhook.isActive) return [badge("off", "lost"), " ", webhook.disabledReason];
    if (webhook.failureCount.text === "0") return badge("on", "won");
    return [badge("failing", "lost"), ` ${grouped(webhook.failureCount)} in a row`, webhook.nextAttemptAt && [", next attempt ", time(webhook.nextAttemptAt)]];
}

/** The form for a webhook: a new one without `webhook`. `send` gets its changes. */
export function webhookForm(webhook, { done, cancel, send }) {
    const fields = [
        field({ name: "name", label: "Name", type: "text", isRequired: true }, webhook?.name),
        field({ name: "url", label: "URL", type: "url", isRequired: true, hint: session.isFake ? "The page Inbox has URLs of receivers in this fake" : "https, unless the server allows receivers on its own machine" }, webhook?.url),
        eventsField(webhook?.events ?? []),
        field({ name: "ordering", label: "Order", type: "choice", words: ["record", "none", "strict"], isSet: true, hint: "record: the events of each record in their order; strict: all of them" }, webhook?.ordering ?? "record"),
        field({ name: "isActive", label: "Send events", type: "flag" }, webhook?.isActive ?? true),
    ];
    return formOf(fields, {
        verb: webhook ? "Save" : "Create the webhook", cancel,
        send: async () => done(send ? await send(changesOf(fields)) : (await post("webhooks", changesOf(fields, true))).body),
    });
}

function eventsField(value) {
    const chosen = new Set(value);
    const boxes = EVENTS.map(event => {
        const id = newId("event");
        return h("li", h("input", { type: "checkbox", id, checked: chosen.has(event), onchange: ({ target }) => target.checked ? chosen.add(event) : chosen.delete(event) }), h("label", { for: id }, event === "*" ? "* (all)" : event));
    });
    const faultId = newId("fault");
    const faults = h("p.fault", { id: faultId });
    const read = () => EVENTS.filter(event => chosen.has(event));
    return {
        member: { name: "events", label: "Events" },
        element: h("fieldset.field", { "aria-describedby": faultId }, h("legend", "Events *"), h("ul.boxes.two", boxes), faults),
        input: boxes[0].firstChild, read, initial: read(),
        fault: phrases => fill(faults, (phrases ?? []).join(" ")),
    };
}

export async function readWebhook(id, signal) {
    return (await get(`webhooks/${id}`, null, signal)).body;
}
