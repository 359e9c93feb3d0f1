// The clock of the fake: what time it is for the tenant, and what runs until then.

import { acting, control, words } from "./control.js";
import { button, facts, fill, h, heading } from "./element.js";
import { field } from "./field.js";
import { formOf } from "./form.js";
import { grid } from "./grid.js";
import { say } from "./notice.js";
import { fromField, time } from "./time.js";

const EVERY_MS = 2_000;

export async function show({ main, signal }) {
    const [now, ran] = [h("div"), h("div", { "aria-live": "polite" })];
    const tell = ({ body }) => {
        fill(now, facts([["Now", time(body.now)], ["Mode", body.mode], ["Next due", body.nextDue ? time(body.nextDue) : "nothing"]]));
        if (body.ran) fill(ran, h("h2", "What has run"), body.ran.length ? grid("What has run", ["At", "What", "More"], body.ran.map(({ at, what, ...more }) => [time(at), what, words(more)])) : h("p", "Nothing was due."));
    };
    const post = (path, body) => control("POST", `clock/${path}`, { body: body ?? {}, signal }).then(tell);
    const load = () => control("GET", "clock", { signal }).then(tell);
    const by = field({ name: "by", label: "Advance by", type: "text", hint: "Such as 90s, 5m, 24h or 3d; all that is due until then runs" }, "1h");
    const to = field({ name: "to", label: "Set to", type: "instant", hint: "What falls due in between does not run" }, null);
    const act = (text, path) => button(text, acting(() => post(path), () => {}));
    fill(main, heading("Clock"), now,
        h("div.bar", act("Freeze it", "freeze"), act("Use real time", "real"), act("Run what is due", "settle")),
        formOf([by], { verb: "Advance", send: () => post("advance", { by: by.read() }) }),
        formOf([to], { verb: "Set", send: async () => {
            await post("set", { to: fromField(to.input.value) });
            say("The clock is set.");
        } }), ran);
    await load();
    const timer = setInterval(() => load().catch(() => {}), EVERY_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
}
