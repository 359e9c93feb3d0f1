// The deliveries of a webhook, with what the receiver has answered.

import { call, get } from "./api.js";
import { badge, buttonFor, empty, facts, fill, filterSelect, h } from "./element.js";
import { pagedGrid } from "./grid.js";
import { parse, printed } from "./json.js";
import { complain, say } from "./notice.js";
import { time } from "./time.js";
import { EVENTS } from "./webhooks.js";

const STATES = ["pending", "succeeded", "failed", "exhausted", "skipped"];
const TONES = { succeeded: "won", failed: "lost", exhausted: "lost", pending: "open", skipped: "open" };

/** The section: its element, and `load` to read it anew. */
export function deliveries(id, signal) {
    const open = new Set();
    const sent = new Map();
    const filter = { status: "", eventType: "" };
    const again = async delivery => {
        try {
            await call("POST", `webhooks/${id}/deliveries/${delivery.id}/redeliver`);
            say("The event is sent once more.");
            await list.load();
        } catch (error) {
            complain(error);
        }
    };
    const rowOf = delivery => {
        const place = h("div", sent.get(delivery.id));
        return {
            key: delivery.id, isOpen: open.has(delivery.id), below: [factsOf(delivery), place],
            cells: [delivery.eventType, badge(delivery.status, TONES[delivery.status]), delivery.sequence?.text, delivery.attempt.text,
                delivery.responseStatus?.text ?? delivery.error ?? "—", time(delivery.createdAt),
                buttonFor(delivery.eventType, "Send again", () => again(delivery), { "data-key": `again-${delivery.id}` })],
            toggled(isOpen) {
                if (!isOpen) return open.delete(delivery.id);
                open.add(delivery.id);
                if (!sent.has(delivery.id)) readMessage(id, delivery.id, signal).then(message => {
                    sent.set(delivery.id, message);
                    fill(place, message);
                }).catch(complain);
                return undefined;
            },
        };
    };
    const list = pagedGrid({
        caption: "Deliveries", heads: ["Event", "State", "Change", "Attempts", "Answer", "Created", ""], path: `webhooks/${id}/deliveries`, signal,
        nothing: empty("No delivery is here. One comes with the next change that the webhook follows, or with a test."),
        row: rowOf,
    });
    const choose = (name, label, words) => filterSelect(label, words, "", word => {
        filter[name] = word;
        list.load({ ...filter }).catch(complain);
    });
    const element = h("section", { "aria-labelledby": "deliveries" }, h("h2", { id: "deliveries" }, "Deliveries"),
        h("div.bar", choose("status", "State", STATES), choose("eventType", "Event", [...EVENTS.slice(1), "webhook.test", "webhook.disabled"])), list.element);
    return { element, load: () => list.load() };
}

/** What was sent: the headers that all attempts have alike, and the body. */
async function readMessage(id, delivery, signal) {
    const { body: message } = await get(`webhooks/${id}/deliveries/${delivery}/message`, null, signal);
    return [facts([["content-type", message.contentType], ["webhook-id", message.webhookId], ["webhook-timestamp", "the second of each attempt"], ["webhook-signature", "made of these and the body with the secret"]]),
        h("p", "Body"), h("pre", { tabindex: "0" }, message.body === null ? "not made yet, or no longer kept" : printed(parse(message.body)))];
}

function factsOf(delivery) {
    return facts([
        ["Delivery", delivery.id],
        ["Event", delivery.eventId],
        delivery.durationMs && ["Took", `${delivery.durationMs} ms`],
        delivery.error && ["Error", delivery.error],
        delivery.nextAttemptAt && ["Next attempt", time(delivery.nextAttemptAt)],
        delivery.deliveredAt && ["Delivered", time(delivery.deliveredAt)],
        delivery.responseBody !== null && ["Body of the answer", h("pre", { tabindex: "0" }, delivery.responseBody || "(empty)")],
    ]);
}

