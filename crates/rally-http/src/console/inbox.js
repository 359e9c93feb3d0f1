// The inboxes of the fake: receivers of webhooks, and the messages that came to them.

import { acting, control } from "./control.js";
import { badge, button, empty, facts, fill, h, heading } from "./element.js";
import { field } from "./field.js";
import { formOf } from "./form.js";
import { grid } from "./grid.js";
import { parse, printed } from "./json.js";
import { followSeldom } from "./live.js";
import { complain, say } from "./notice.js";
import { href } from "./router.js";
import { time } from "./time.js";

const EVERY_MS = 1_000;

export async function show({ main, parts: [, name], signal }) {
    const content = h("div");
    const load = async () => fill(content, name ? await oneInbox(name, load, signal) : await allInboxes(signal));
    fill(main, name && h("p.trail", h("a", { href: href("inbox") }, "Inboxes"), " ›"), heading(name ?? "Inbox"),
        h("div.bar", button("Reload", acting(load, () => {})), name && button("Forget the messages", acting(() => control("DELETE", path(name)), load), { class: "danger" })), content);
    await load();
    followSeldom(() => !content.contains(document.activeElement) && load(), EVERY_MS, signal);
}

const path = name => `inbox/${encodeURIComponent(name)}`;

async function allInboxes(signal) {
    const { body } = await control("GET", "inboxes", { signal });
    const { body: tenant } = await control("GET", "", { signal });
    const hint = h("p", "Each URL that begins with ", h("code", tenant.inboxUrl), " is a receiver: end it with a name of your own, and give it to a webhook.");
    return [hint, body.length ? grid("Inboxes", ["Name", "URL", "Messages"], body.map(inbox => [h("a", { href: href("inbox", inbox.name) }, inbox.name), inbox.url, String(inbox.messages)])) : empty("No message has come yet.")];
}

async function oneInbox(name, load, signal) {
    const { body } = await control("GET", path(name), { signal });
    const answers = field({ name: "answers", label: "Answers to give, in order", type: "text", hint: "JSON, such as [500, {\"status\": 200, \"delay\": \"2s\"}]; the last one stands for all later ones" }, body.answers?.length ? printed(body.answers).replace(/\s+/g, " ") : "");
    const script = formOf([answers], { verb: "Set the answers", send: async () => {
        await control("PUT", path(name), { body: { answers: parse(answers.read() ?? "[]") } });
        say("The answers are set.");
        await load();
    } });
    return [h("p", h("code", body.url)), script, h("h2", "Messages"), body.messages.length ? h("ol.timeline", body.messages.toReversed().map(message)) : empty("No message has come yet. Send a test from the page of a webhook whose URL is this inbox.")];
}

const TONES = { verified: "won", wrong: "lost", none: "open" };

function message({ number, at, type, body, headers, signature, answered, attempts }) {
    const copy = button("Copy the body", () => navigator.clipboard.writeText(printed(body)).then(() => say("The body is copied."), complain));
    return h("li", `${number} `, time(at), ` ${type ?? "a plain POST"} `, badge(`signature ${signature}`, TONES[signature] ?? "open"), ` answered ${answered}`, attempts?.length > 1 && ` after ${attempts.length} attempts`,
        h("details", h("summary", "Headers and body"), facts(Object.entries(headers).map(([key, value]) => [key, String(value)])), h("pre", { tabindex: "0" }, printed(body)), h("p.acts", copy)));
}
