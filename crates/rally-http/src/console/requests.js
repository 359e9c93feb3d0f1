// The journal of the fake: the requests that came to the tenant.

import { acting, control } from "./control.js";
import { grouped, plural } from "./decimal.js";
import { badge, button, empty, fill, filterInput, filterSelect, h, heading } from "./element.js";
import { grid } from "./grid.js";
import { setPageKeys } from "./keys.js";
import { complain } from "./notice.js";
import { time } from "./time.js";

const MOST = 200;
const PAGE = 1_000;
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

export async function show({ main, signal }) {
    const list = h("div");
    const filter = { method: "", route: "", status: "" };
    const load = async () => {
        const { body: all } = await control("GET", "requests/count", { signal, query: filter });
        const rows = (await readAll(filter, signal)).filter(({ path }) => !path.includes("/sync/changes")).slice(-MOST).reverse();
        fill(list, h("p", `${plural(all.count, "request")} in all; the last ${MOST} are shown. Those by which the console follows the feed are left out.`), rows.length ? grid("Requests", ["Path", "Method", "Status", "At", "Took", "Fault"], rows.map(request => ({
            below: [h("p", "To repeat it:"), h("pre", { tabindex: "0" }, request.curl)],
            cells: [request.path, request.method, statusOf(request.status), time(request.at), `${grouped(request.durationMicros)} µs`, request.fault],
        }))) : empty("No request matches."));
    };
    const read = acting(load, () => {});
    const refilter = (name, value) => {
        filter[name] = value;
        load().catch(complain);
    };
    const input = (name, label) => filterInput(label, "", value => refilter(name, value));
    fill(main, heading("Requests"), h("div.bar", filterSelect("Method", METHODS, "", word => refilter("method", word)), input("route", "Route"), input("status", "Status"), button("Reload", read), button("Forget all", acting(() => control("DELETE", "requests"), load), { class: "danger" })), list);
    setPageKeys({ r: ["Reload", read] });
    await load();
}

/** The requests of the journal that a filter is for, oldest first, as it gives them. */
async function readAll(filter, signal) {
    const all = [];
    for (let page = null; !page || page.length === PAGE;) {
        page = (await control("GET", "requests", { signal, query: { ...filter, limit: PAGE, after: all.at(-1)?.number } })).body;
        all.push(...page);
    }
    return all;
}

function statusOf(status) {
    if (status === null) return badge("none", "lost");
    return badge(String(status), status.text < "400" ? "won" : "lost");
}
