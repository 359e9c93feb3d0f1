// The journal of the fake: the requests that came to the tenant.

import { acting, control } from "./control.js";
import { badge, button, empty, fill, h, heading, labelled, newId } from "./element.js";
import { grid } from "./grid.js";
import { setPageKeys } from "./keys.js";
import { complain } from "./notice.js";
import { time } from "./time.js";

const MOST = 200;

export async function show({ main, signal }) {
    const list = h("div");
    const filter = { method: "", route: "", status: "" };
    const load = async () => {
        const { body: all } = await control("GET", "requests/count", undefined, signal, filter);
        const { body } = await control("GET", "requests", undefined, signal, { ...filter, limit: 1_000 });
        const rows = body.toReversed().filter(({ path }) => !path.includes("/sync/changes")).slice(0, MOST);
        fill(list, h("p", null, `${all.count} in all. Those of this page's own live feed are left out.`), rows.length ? grid("Requests", ["At", "Method", "Path", "Status", "Fault", "Micros", ""], rows.map((request) => [
            time(request.at), request.method, request.path, statusOf(request.status), request.fault, String(request.durationMicros),
            h("details", null, h("summary", null, "curl"), h("pre", { tabindex: "0" }, request.curl))])) : empty("No request matches."));
    };
    const read = acting(load, () => {});
    const input = (name, label) => {
        const id = newId("filter");
        return labelled(label, id, h("input", { id, type: "text", onchange: (event) => {
            filter[name] = event.target.value.trim();
            load().catch(complain);
        } }));
    };
    fill(main, heading("Requests"), h("div.bar", null, input("method", "Method"), input("route", "Route"), input("status", "Status"), button("Read anew", read), button("Forget all", acting(() => control("DELETE", "requests"), load), { class: "danger" })), list);
    setPageKeys({ r: ["Read anew", read] });
    await load();
}

function statusOf(status) {
    if (status === null) return badge("none", "lost");
    return badge(String(status), status.text < "400" ? "won" : "lost");
}
