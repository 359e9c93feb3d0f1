// One record: its members, what it is linked with, and what happened to it.

import { get, may } from "./api.js";
import { count, plural } from "./decimal.js";
import { button, facts, fill, h, heading } from "./element.js";
import { askToDelete, openNew, recordForm } from "./form.js";
import { KINDS } from "./kinds.js";
import { setPageKeys } from "./keys.js";
import { followSeldom } from "./live.js";
import { say } from "./notice.js";
import { go, href } from "./router.js";
import { shown } from "./table.js";
import { timeline } from "./timeline.js";
import { qualification } from "./qualification.js";

const EVERY_MS = 700;

export async function show({ main, parts: [kind, id], signal }) {
    const { noun, name, members, related, title } = KINDS[kind];
    const state = { record: null, isEditing: false };
    const [top, content, links] = [h("div.bar"), h("section", { "aria-label": "Members" }), h("section.links", { "aria-labelledby": "links" })];
    const bant = kind === "deals" ? qualification(id, signal) : null;
    const happened = timeline(kind, id, signal);

    const showMembers = () => {
        state.isEditing = false;
        const hidden = member => member.only && !member.only.includes(state.record.activityType);
        fill(content, facts(members.filter(member => !hidden(member)).map(member => [member.label, shownAlone(kind, member, state.record)])));
    };
    const leave = () => {
        showMembers();
        top.querySelector("button")?.focus();
    };
    const edit = async () => {
        if (state.isEditing) return;
        state.isEditing = true;
        const form = await recordForm(kind, state.record, {
            cancel: leave,
            done: record => {
                state.record = record;
                showTop();
                leave();
                say(`${name(record)} is saved.`);
                happened.load();
            },
        });
        form.addEventListener("keydown", event => event.key === "Escape" && !event.defaultPrevented && leave());
        fill(content, form);
        form.querySelector("input, select")?.focus();
    };
    const ask = () => askToDelete(kind, state.record, () => go(kind));
    const title1 = heading("");
    const showTop = () => {
        title1.textContent = name(state.record);
        document.title = `${name(state.record)} – Rally`;
    };
    const load = async () => {
        try {
            state.record = (await get(`${kind}/${id}`, null, signal)).body;
        } catch (error) {
            if (error.status !== 404) throw error;
            fill(content, h("p.fault", { role: "status" }, `This ${noun} is not there, or no longer. Its history is below if it ever was.`));
            fill(top);
            title1.textContent ||= sentenceOf(noun);
            state.record = null;
            return;
        }
        showTop();
        if (!state.isEditing) showMembers();
        await showLinks(links, related, id, signal);
    };

    const loadAll = () => Promise.all([load(), happened.load(), bant?.load()]);
    fill(top, may("write") && [button("Edit", edit), button("Delete", ask, { class: "danger" }), kind !== "activities" && button("New activity", () => openNew("activities", { [related.at(-1)[1]]: id }, loadAll))]);
    fill(main, h("p.trail", h("a", { href: href(kind) }, title), " ›"), title1, top, h("div.record",
        h("div", content, bant?.element), h("div", related.length > 0 && links, happened.element)));
    await loadAll();
    setPageKeys(may("write") ? { e: ["Edit", () => { edit(); }], Delete: [`Delete the ${noun}`, ask] } : {});
    followSeldom(loadAll, EVERY_MS, signal, change => change.entityId === id || change.entityType === "activity");
}

function sentenceOf(noun) {
    return noun[0].toUpperCase() + noun.slice(1);
}

/** A member where the whole record is shown: texts of many lines stay so. */
function shownAlone(kind, member, record) {
    if (member.type === "long" && record[member.name]) return h("span.long", record[member.name]);
    if (member.name === KINDS[kind].link) return String(record[member.name] ?? "");
    if (member.type === "url" && /^https?:\/\//.test(record[member.name] ?? "")) return h("a", { href: record[member.name], target: "_blank", rel: "noopener noreferrer" }, record[member.name]);
    return shown(kind, member, record);
}

/** The numbers of records that refer to this one. */
async function showLinks(place, related, id, signal) {
    if (!related.length) return;
    const totals = await Promise.all(related.map(([kind, member]) => get(kind, { [member]: id, limit: 5, count: true }, signal)));
    fill(place, h("h2", { id: "links" }, "Links"), related.map(([kind, member], at) => {
        const { body, total } = totals[at];
        const { title, name } = KINDS[kind];
        if (total === "0") return h("p", `No ${title.toLowerCase()}`);
        return h("div", h("h3", h("a", { href: href(kind, { [member]: id }) }, title), ` (${total})`),
            h("ul", body.map(record => h("li", h("a", { href: href(kind, record.id) }, name(record)), record.stageName && ` · ${record.stageName}`)),
                count(total) > body.length && h("li", h("a", { href: href(kind, { [member]: id }) }, `All ${plural(total, "record")}`))));
    }));
}
