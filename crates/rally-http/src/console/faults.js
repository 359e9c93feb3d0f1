// Faults of the fake: what is to go wrong, when, and how often.

import { acting, control, words } from "./control.js";
import { button, empty, fill, h, heading } from "./element.js";
import { field } from "./field.js";
import { formOf } from "./form.js";
import { grid } from "./grid.js";
import { Numeral } from "./json.js";
import { say } from "./notice.js";

const ACTIONS = {
    status: ["status", "retryAfter"], delay: ["by"], reset: ["at"], drop: [], truncate: ["at"], slow: ["bytes", "pause"], duplicate: [],
};
const POINTS = ["before", "afterCommit", "body", "wire", "webhook"];

export async function show({ main, signal }) {
    const list = h("div");
    const load = async () => {
        const { body } = await control("GET", "faults", { signal });
        fill(list, body.length ? grid("Faults", ["At", "Does", "Matches", "Times", "Matched", "Fired", ""], body.map(fault => [fault.point, actionOf(fault.action), words(fault.match), fault.times === null ? "for ever" : String(fault.times), String(fault.matched), String(fault.fired),
            button("Disarm", acting(() => control("DELETE", `faults/${fault.id}`), load), { "aria-label": `Disarm ${fault.point} ${fault.action.kind}` })])) : empty("No fault is armed. Arm one below, and see how your program takes it."));
    };
    const verify = async () => {
        const { body } = await control("POST", "faults/verify", { body: {} });
        say(body.passed ? "Each fault that is armed has fired." : `${body.unfired.length ?? body.unfired} of the faults have not fired as often as they should.`);
    };
    const number = (name, label, value, hint) => field({ name, label, type: "number", hint }, value);
    const text = (name, label, hint) => field({ name, label, type: "text", hint }, "");
    const fields = [
        field({ name: "point", label: "At", type: "choice", words: POINTS, isSet: true, hint: "afterCommit: the write is kept, its answer lost; body, wire: the answer is on its way; webhook: an event is sent" }, "before"),
        field({ name: "kind", label: "Does", type: "choice", words: Object.keys(ACTIONS), isSet: true }, "status"),
        number("status", "Status", new Numeral("503")), number("retryAfter", "Retry-After in seconds"), text("by", "Wait", "Such as 2s"),
        number("at", "After so many bytes"), number("bytes", "Bytes at a time"), text("pause", "Pause", "Such as 50ms"),
        field({ name: "method", label: "Method", type: "choice", words: ["GET", "POST", "PUT", "PATCH", "DELETE"] }, null),
        text("route", "Route", "Such as /deals/{id}/stage; at webhook the name of an inbox"), text("event", "Event", "Such as deal.won, at webhook only"),
        number("nth", "First at", new Numeral("1"), "The number of the matching request"), number("every", "Then every", new Numeral("1"), "1: each match"), number("times", "Times", new Numeral("1"), "Empty: for ever"),
    ];
    const by = Object.fromEntries(fields.map(one => [one.member.name, one]));
    const showMembers = () => {
        for (const name of new Set(Object.values(ACTIONS).flat())) by[name].element.hidden = !ACTIONS[by.kind.read()].includes(name);
    };
    by.kind.input.addEventListener("change", showMembers);
    showMembers();
    const given = names => Object.fromEntries(names.map(name => [name, by[name].read()]).filter(([, value]) => value !== null));
    const arm = async () => {
        const action = { kind: by.kind.read(), ...given(ACTIONS[by.kind.read()]) };
        await control("POST", "faults", { body: { point: by.point.read(), action, match: given(["method", "route", "event", "nth", "every"]), times: by.times.read() } });
        say("The fault is armed.");
        await load();
    };
    fill(main, heading("Faults"), h("div.bar", button("Verify", acting(verify, load)), button("Disarm all", acting(() => control("DELETE", "faults"), load), { class: "danger" })), list,
        h("h2", "Arm a fault"), formOf(fields, { verb: "Arm", send: arm, layout: ".two" }));
    await load();
}

function actionOf({ kind, ...more }) {
    return [kind, words(more)].filter(Boolean).join(": ");
}
