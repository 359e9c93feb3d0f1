// What happened to a record: its activities and the changes of its members, newest first.

import { get } from "./api.js";
import { grouped } from "./decimal.js";
import { button, fill, h } from "./element.js";
import { Numeral, print } from "./json.js";
import { memberOf } from "./kinds.js";
import { nameElement } from "./names.js";
import { href } from "./router.js";
import { time } from "./time.js";

const PAGE = 20;
const REFERS = { contacts: "contactId", companies: "companyId", deals: "dealId" };
const ACTIONS = { inserted: "created", updated: "changed", deleted: "deleted" };

/** The timeline: its element, and `load` to read it anew. */
export function timeline(kind, id, signal) {
    const list = h("ol.timeline");
    const more = h("p.acts");
    const state = { shown: PAGE };
    const load = async () => {
        const [changes, activities] = await Promise.all([readChanges(kind, id, state.shown, signal), readActivities(kind, id, signal)]);
        const items = [
            ...changes.entries.map(entry => ({ at: entry.changedAt, element: () => changeItem(kind, entry) })),
            ...activities.map(activity => ({ at: activity.createdAt, element: () => activityItem(activity) })),
        ].sort((one, other) => other.at < one.at ? -1 : 1);
        const focused = more.contains(document.activeElement);
        fill(list, items.length ? items.map(({ element }) => element()) : h("li", "Nothing has happened yet."));
        fill(more, changes.hasMore && button("Show older changes", () => {
            state.shown += PAGE;
            load().catch(() => {});
        }));
        if (focused) more.querySelector("button")?.focus();
    };
    return { element: h("section", { "aria-labelledby": "timeline" }, h("h2", { id: "timeline" }, "Timeline"), list, more), load };
}

async function readChanges(kind, id, wanted, signal) {
    const entries = [];
    let query = { limit: Math.min(wanted, 100) };
    try {
        while (query && entries.length < wanted) {
            const { body, next } = await get(`${kind}/${id}/history`, query, signal);
            entries.push(...body);
            query = next;
        }
    } catch (error) {
        if (error.status !== 404) throw error;
        query = null;
    }
    return { entries, hasMore: Boolean(query) };
}

async function readActivities(kind, id, signal) {
    if (!REFERS[kind]) return [];
    return (await get("activities", { [REFERS[kind]]: id, limit: 100 }, signal)).body;
}

function activityItem(activity) {
    return h("li.activity", time(activity.createdAt), " ", h("a", { href: href("activities", activity.id) }, activity.subject),
        ` – ${activity.activityType}, ${activity.status}`, activity.body && h("p.long", activity.body));
}

function changeItem(kind, entry) {
    const members = Object.entries(entry.changes);
    return h("li", time(entry.changedAt), ` ${ACTIONS[entry.action]} by ${entry.changedBy ?? "the engine"}`,
        entry.secondsInStage && ` after ${lengthOf(entry.secondsInStage)} in the stage`,
        h("details", h("summary", members.length === 1 ? memberOf(kind, members[0][0]).label : `${members.length} members`),
            h("dl.changes", members.map(([name, { from, to }]) => h("div", h("dt", memberOf(kind, name).label),
                h("dd", valueOf(kind, name, from), " → ", valueOf(kind, name, to)))))));
}

/** A former or a new value of a member. */
function valueOf(kind, name, value) {
    if (value === null) return "—";
    if (value instanceof Numeral) return grouped(value);
    const member = memberOf(kind, name);
    if (member.type === "reference") return nameElement(member.of, value);
    if (member.type === "instant") return time(value);
    return typeof value === "string" ? value : print(value);
}

/** A length of time in the greatest unit that it has at least two of. */
function lengthOf(seconds) {
    const units = [["days", 86_400n], ["hours", 3_600n], ["minutes", 60n], ["seconds", 1n]];
    const whole = BigInt(String(seconds).split(".")[0]);
    const [name, size] = units.find(([, length]) => whole >= 2n * length) ?? units[3];
    return `${whole / size} ${name}`;
}
