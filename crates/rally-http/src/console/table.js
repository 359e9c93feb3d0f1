// A table of records, whose rows are replaced one by one, so that the focus and the place on the page stay.

import { Problem, get, patch } from "./api.js";
import { grouped, money } from "./decimal.js";
import { badge, button, buttonFor, fill, h } from "./element.js";
import { field } from "./field.js";
import { changedMeanwhile, changesOf, clearFaults, showFaults } from "./form.js";
import { actsHead, region } from "./grid.js";
import { print } from "./json.js";
import { KINDS } from "./kinds.js";
import { allPipelines, nameElement } from "./names.js";
import { say } from "./notice.js";
import { href } from "./router.js";
import { time, versionOf } from "./time.js";

const TONES = { won: "won", lost: "lost", completed: "won", urgent: "lost" };

/** What a cell shows of a member of a record. */
export function shown(kind, member, record) {
    const value = record[member.name];
    if (member.name === KINDS[kind].link && record.id) return h("a", { href: href(kind, record.id) }, value);
    if (member.shown && record[member.shown]) {
        return member.type === "reference" ? nameElement(member.of, value, record[member.shown]) : record[member.shown];
    }
    if ((value ?? null) === null) return null;
    switch (member.type) {
        case "instant": return time(value);
        case "reference": return nameElement(member.of, value);
        case "money": return money(value, record.currency);
        case "number": return grouped(value);
        case "list": return value.join(", ");
        case "choice": return badge(value, TONES[value] ?? "open");
        case "pipeline": return pipelineName(value);
        default: return member.name === "status" ? badge(value, TONES[value] ?? "open") : String(value);
    }
}

function pipelineName(id) {
    const element = h("span", "…");
    allPipelines().then(all => (element.textContent = all.find(known => known.id === id)?.name ?? id)).catch(() => (element.textContent = id));
    return element;
}

const isNumber = member => ["number", "money"].includes(member.type);

/** The table. `acts` are the buttons of a row: pairs of a text and what it does with the record. */
export function table({ kind, caption, mayEdit, acts = [] }) {
    const head = h("thead");
    const body = h("tbody");
    const rows = new Map();
    const element = region(caption, h("caption.hidden", caption), head, body);
    const state = { columns: [], editing: null };

    const cells = record => [
        state.columns.map(member => h(isNumber(member) ? "td.number" : "td", { "data-member": member.name }, shown(kind, member, record))),
        (mayEdit || acts.length > 0) && h("td.acts",
            mayEdit && buttonFor(KINDS[kind].name(record), "Edit", () => edit(record.id)),
            acts.map(([text, act, attributes]) => buttonFor(KINDS[kind].name(record), text, () => act(rows.get(record.id).record), attributes))),
    ];
    const edit = (id, name) => {
        if (state.editing) return;
        const row = rows.get(id);
        state.editing = editor(kind, row, state.columns, () => {
            state.editing = null;
            fill(row.element, cells(row.record));
            row.element.querySelector(".acts button").focus();
        });
        state.editing.focus(name);
    };
    const rowOf = record => {
        const row = h("tr", { "data-id": record.id });
        if (mayEdit) row.addEventListener("dblclick", event => !event.target.closest("a, button, input, select") && edit(record.id, event.target.closest("td")?.dataset.member));
        return row;
    };
    return {
        element,
        edit,
        get isEditing() {
            return state.editing !== null;
        },
        record: id => rows.get(id)?.record,
        setColumns(members) {
            state.columns = members;
            fill(head, h("tr", members.map(member => h("th", { scope: "col", class: isNumber(member) ? "number" : null }, member.label)),
                (mayEdit || acts.length > 0) && actsHead()));
            rows.clear();
            fill(body);
        },
        setRows(records) {
            const wanted = new Set(records.map(({ id }) => id));
            for (const [id, row] of rows) {
                // A row that is being edited stays, so that nothing that was typed is lost.
                if (wanted.has(id) || state.editing?.row === row) continue;
                row.element.remove();
                rows.delete(id);
            }
            let before = null;
            for (const record of records) {
                const row = rows.get(record.id) ?? { element: rowOf(record), record: null };
                const isChanged = row.record && print(row.record) !== print(record);
                if (state.editing?.row !== row && (isChanged || !row.record)) renew(row, cells(record), isChanged);
                row.record = state.editing?.row === row ? row.record : record;
                rows.set(record.id, row);
                if ((before ? before.nextSibling : body.firstChild) !== row.element) body.insertBefore(row.element, before ? before.nextSibling : body.firstChild);
                before = row.element;
            }
        },
        /** Moves the focus to the row so many rows on; true if there is one. */
        walk(by) {
            const links = [...body.querySelectorAll("tr > td:first-child a, tr > td:first-child button")];
            const at = links.findIndex(link => link.closest("tr").contains(document.activeElement));
            const next = links[at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)];
            next?.focus();
            return Boolean(next);
        },
        focused: () => rows.get(document.activeElement?.closest("tr")?.dataset.id)?.record,
    };
}

/** Shows a row anew; the focus stays on what it was on. */
function renew(row, content, isChanged) {
    const focusable = [...row.element.querySelectorAll("a, button")];
    const at = focusable.indexOf(document.activeElement);
    fill(row.element, content);
    if (at >= 0) row.element.querySelectorAll("a, button")[at]?.focus();
    row.element.classList.remove("changed");
    if (isChanged) requestAnimationFrame(() => row.element.classList.add("changed"));
}

/** A row whose cells are fields. */
function editor(kind, row, columns, leave) {
    const { inline, noun } = KINDS[kind];
    const { record } = row;
    // A name that is computed is edited by what it is made of.
    const members = columns.flatMap(member => member.name === "fullName" ? ["firstName", "lastName"] : [member.name])
        .filter(name => inline.includes(name)).map(name => KINDS[kind].members.find(known => known.name === name));
    const fields = members.map(member => field(member, record[member.name], { isBare: true }));
    const state = { version: record.updatedAt };
    const place = h("p.fault.all", { role: "alert", tabindex: "-1" });
    const link = id => h("a", { href: href(kind, id) }, `Open the other ${noun}`);
    const save = async () => {
        clearFaults(fields, place);
        const changes = changesOf(fields);
        if (!Object.keys(changes).length) return leave();
        try {
            const { body } = await patch(`${kind}/${record.id}`, changes, { headers: { "If-Match": versionOf(state.version) } });
            row.record = body;
            leave();
            say(`${KINDS[kind].name(body)} is saved.`);
        } catch (error) {
            if (error.status === 412) {
                row.record = await refreshed(kind, record.id, row.record);
                state.version = row.record.updatedAt;
                showFaults(changedMeanwhile(error, noun), fields, place);
            } else if (error instanceof Problem) showFaults(error, fields, place, link);
            else throw error;
        }
        return undefined;
    };
    const form = h("form.inline", { novalidate: true, "aria-label": `Edit ${KINDS[kind].name(record)}` },
        fields.map(one => h("div.labelled", h("span.name", { "aria-hidden": "true" }, one.member.label), one.element)),
        h("p.acts", h("button", { type: "submit", class: "primary" }, "Save"), button("Cancel", leave), h("a", { href: href(kind, record.id) }, "All members")), place);
    form.addEventListener("submit", event => {
        event.preventDefault();
        save();
    });
    form.addEventListener("keydown", event => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        leave();
    });
    fill(row.element, h("td.editing", { colspan: columns.length + 1 }, form));
    const focus = name => (fields.find(one => one.member.name === name) ?? fields[0])?.input.focus();
    return { row, focus };
}

async function refreshed(kind, id, known) {
    try {
        return (await get(`${kind}/${id}`)).body;
    } catch {
        return known;
    }
}
