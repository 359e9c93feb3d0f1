// One webhook: its state, its secret, and what was delivered.

import { call, get, onceKey, patch, post, remove } from "./api.js";
import { confirm, openDialog } from "./dialog.js";
import { button, facts, fill, h, heading } from "./element.js";
import { deliveries } from "./deliveries.js";
import { field } from "./field.js";
import { formOf } from "./form.js";
import { Numeral, isNumber } from "./json.js";
import { setPageKeys } from "./keys.js";
import { followSeldom, pause } from "./live.js";
import { complain, say } from "./notice.js";
import { go, href } from "./router.js";
import { time } from "./time.js";
import { readWebhook, stateOf, webhookForm } from "./webhooks.js";

const EVERY_MS = 1_000;
/** Times that the outcome of a test is looked for, and the time between two of them. */
const LOOKS = 80;
const LOOK_MS = 200;

export async function show({ main, parts: [, id], signal }) {
    const state = { webhook: null };
    const [title, content] = [heading("Webhook"), h("div")];
    const sent = deliveries(id, signal);
    const load = async () => {
        state.webhook = await readWebhook(id, signal);
        title.textContent = state.webhook.name;
        document.title = `${state.webhook.name} – Rally`;
        fill(content, factsOf(state.webhook));
    };
    const reload = () => Promise.all([load(), sent.load()]);
    const edit = () => openDialog("Edit the webhook", close => webhookForm(state.webhook, {
        cancel: close,
        send: async changes => (await patch(`webhooks/${id}`, changes)).body,
        done: () => {
            close();
            say("The webhook is saved.");
            reload().catch(complain);
        },
    }));
    const test = () => sendTest(id, signal).then(text => {
        say(text);
        return reload();
    }).catch(complain);
    const ask = () => confirm(`Delete ${state.webhook.name}?`, "Its events are sent no more, and its deliveries are forgotten.", "Delete the webhook", async () => {
        await remove(`webhooks/${id}`);
        say("The webhook is deleted.");
        go("webhooks");
    });
    fill(main, h("p.trail", h("a", { href: href("webhooks") }, "Webhooks"), " ›"), title,
        h("div.bar", button("Send a test", test, { class: "primary" }), button("Edit", edit), button("Replay…", () => replay(id, reload)), button("Rotate the secret…", () => rotate(id, load)), button("Delete", ask, { class: "danger" })),
        content, sent.element);
    setPageKeys({ t: ["Send a test", test], e: ["Edit", edit], Delete: ["Delete the webhook", ask] });
    await reload();
    followSeldom(reload, EVERY_MS, signal);
}

function factsOf(webhook) {
    const secret = h("code", "•".repeat(12));
    const reveal = button("Show", () => {
        const isShown = secret.textContent === webhook.secret;
        secret.textContent = isShown ? "•".repeat(12) : webhook.secret;
        reveal.textContent = isShown ? "Show" : "Hide";
    }, { class: "quiet", "aria-label": "Show or hide the secret" });
    return facts([
        ["State", h("span", stateOf(webhook))],
        ["URL", webhook.url],
        ["Events", webhook.events.join(", ")],
        ["Order", webhook.ordering],
        webhook.filter && ["Filter", [webhook.filter.changedFields?.length && `changes of ${webhook.filter.changedFields.join(", ")} `, webhook.filter.pipelineId && `pipeline ${webhook.filter.pipelineId}`]],
        ["Breaker", breakerOf(webhook)],
        ["Last success", time(webhook.lastTriggeredAt)],
        ["Created", time(webhook.createdAt)],
        ["Secret", h("span", secret, " ", reveal)],
    ]);
}

/** The breaker is open while ten attempts in a row have failed: then only a probe is sent now and then. */
function breakerOf({ failureCount, nextAttemptAt }) {
    if (BigInt(failureCount.text) < 10n) return "closed: events are sent as they come";
    return h("span", "open: only a probe is sent now and then", nextAttemptAt && [", the next one at ", time(nextAttemptAt)]);
}

/** Sends a test event and waits for what the receiver says of it. */
async function sendTest(id, signal) {
    const { body: begun } = await call("POST", `webhooks/${id}/test`);
    for (let look = 0; look < LOOKS; look += 1) {
        const { body } = await get(`webhooks/${id}/deliveries`, { eventType: "webhook.test", limit: 10 }, signal);
        const delivery = body.find(known => known.id === begun.id);
        if (delivery && delivery.status !== "pending") return outcomeOf(delivery);
        await pause(LOOK_MS, signal);
    }
    return "The test is sent; the receiver has not answered yet.";
}

function outcomeOf({ status, responseStatus, error }) {
    if (status === "succeeded") return `The receiver has taken the test, with ${responseStatus}.`;
    return `The test has failed: ${error ?? `the receiver has answered ${responseStatus}`}.`;
}

const natural = text => isNumber(text ?? "") ? new Numeral(text) : text;

function replay(id, reload) {
    openDialog("Replay events of the past", close => {
        const fields = [
            field({ name: "fromSequence", label: "From the change", type: "text", isRequired: true, hint: "The number that the feed has for it" }, "1"),
            field({ name: "toSequence", label: "To the change", type: "text", hint: "Empty: all up to now" }, ""),
        ];
        const send = async () => {
            const [from, to] = fields.map(one => natural(one.read()));
            await call("POST", `webhooks/${id}/replay`, { body: { fromSequence: from, ...(to !== null && { toSequence: to }) } });
            close();
            say("The replay has begun.");
            await reload();
        };
        return [h("p", "The events of these changes are sent once more, also those of a time when the webhook was off."), formOf(fields, { verb: "Replay", send, cancel: close })];
    });
}

function rotate(id, load) {
    openDialog("Rotate the secret", close => {
        const fields = [field({ name: "graceHours", label: "Hours for which the former secret signs, too", type: "number", hint: "0 to 168" }, "24")];
        const once = onceKey();
        const send = async () => {
            await post(`webhooks/${id}/rotate-secret`, { graceHours: fields[0].read() ?? new Numeral("24") }, { headers: once });
            close();
            await load();
            say("There is a new secret.");
        };
        return [h("p", "Give the new secret to the receiver before the hours are over."), formOf(fields, { verb: "Rotate the secret", send, cancel: close })];
    });
}
