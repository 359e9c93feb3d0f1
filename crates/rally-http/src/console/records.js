// Contacts, companies, deals and activities, each as a table.

import { get, may } from "./api.js";
import { count } from "./decimal.js";
import { button, empty, fill, filterInput, filterSelect, h, heading, labelled, newId } from "./element.js";
import { exportMenu } from "./export.js";
import { askToDelete, openNew } from "./form.js";
import { KINDS, memberOf } from "./kinds.js";
import { followSeldom } from "./live.js";
import { setPageKeys } from "./keys.js";
import { allPipelines } from "./names.js";
import { complain } from "./notice.js";
import { paging } from "./paging.js";
import { picker } from "./picker.js";
import { href, note } from "./router.js";
import { table } from "./table.js";

const LIMIT = 50;
const TYPING_MS = 250;
const EVERY_MS = 700;
/** Orders of a list: the API has the order of creation and that of changes, and both can be read from their ends. */
const ORDERS = {
    "": "oldest first",
    newest: "newest first",
    changed: "changed last first",
};
const BEGINNING = "1970-01-01";

export async function show({ main, parts: [kind], query, signal }) {
    const { title, noun } = KINDS[kind];
    const state = { query: { ...query }, offset: Number(query.offset ?? 0) };
    delete state.query.offset;
    delete state.query.new;
    const mayWrite = may("write");
    const pages = paging(offset => load(offset).then(() => rows.element.focus()).catch(complain));
    const ask = record => askToDelete(kind, record, () => load(state.offset));
    const rows = table({ kind, caption: title, mayEdit: mayWrite, acts: mayWrite ? [["Delete", ask, { class: "danger" }]] : [] });
    const nothing = h("div");
    const setColumns = () => rows.setColumns(chosenColumns(kind).map(column => memberOf(kind, column)));
    const search = h("input", { type: "search", "aria-label": `Search ${title.toLowerCase()}`, placeholder: "Search", value: query.q ?? "" });
    const filters = await filterBar(kind, state.query, () => load(0).catch(complain));
    let typing = null;
    search.addEventListener("input", () => {
        clearTimeout(typing);
        typing = setTimeout(() => {
            state.query.q = search.value.trim();
            load(0).catch(complain);
        }, TYPING_MS);
    });

    async function load(offset) {
        const page = await readPage(kind, state.query, offset, signal);
        if (page.offset !== offset) return load(page.offset);
        state.offset = offset;
        note(kind, { ...state.query, offset: offset || null });
        rows.setRows(page.records);
        pages.show(offset, LIMIT, page.records.length, page.total);
        fill(nothing, page.total === 0 && nothingThere(kind, state.query, mayWrite, create));
        rows.element.hidden = page.total === 0;
        return undefined;
    }
    const create = () => openNew(kind, givenBy(kind, state.query), () => load(state.offset).catch(complain));

    setColumns();
    fill(main,
        heading(title),
        h("div.bar", search, filters.element, filterSelect("Order", Object.entries(ORDERS), state.query.order, order => {
            state.query.order = order;
            load(0).catch(complain);
        }, null),
            columnsMenu(kind, () => {
                setColumns();
                load(state.offset).catch(complain);
            }),
            h("span.grow"),
            exportMenu(kind, () => queryOf(state.query)),
            mayWrite && h("a.button", { href: href(kind, "import") }, "Import"),
            mayWrite && button(`New ${noun}`, create, { class: "primary" })),
        rows.element, nothing, pages.element);
    setPageKeys({
        "/": ["Search", () => search.focus()],
        ...(mayWrite && { n: [`New ${noun}`, create], e: ["Edit the row", () => withRow(record => rows.edit(record.id))], Delete: ["Delete the row", () => withRow(ask)] }),
        j: ["Next row", () => rows.walk(1)],
        k: ["Previous row", () => rows.walk(-1)],
        "]": ["Next page", () => pages.next()],
        "[": ["Previous page", () => pages.previous()],
    });
    const withRow = act => {
        const record = rows.focused();
        if (!record || rows.isEditing) return false;
        act(record);
        return true;
    };
    await load(state.offset);
    followSeldom(() => load(state.offset), EVERY_MS, signal, ({ entityType }) => entityType === noun || kind === "deals");
    if (query.new && mayWrite) create();
}

/** The parameters of the API for what the page is asked for. */
function queryOf(query) {
    const { order, ...asked } = query;
    return order === "changed" ? { ...asked, updatedSince: BEGINNING } : asked;
}

/** A page of records. Behind the end of the list it is the last one. */
async function readPage(kind, query, offset, signal) {
    const asked = queryOf(query);
    if (!query.order) {
        const { body, total } = await get(kind, { ...asked, limit: LIMIT, offset, count: true }, signal);
        return { records: body, total: count(total), offset: lastBefore(offset, count(total)) };
    }
    // From the end: as many before the page as there are records behind it.
    const { total } = await get(kind, { ...asked, limit: 1, count: true, fields: "id" }, signal);
    const all = count(total);
    const place = lastBefore(offset, all);
    const first = Math.max(0, all - place - LIMIT);
    const limit = all - place - first;
    if (limit <= 0) return { records: [], total: all, offset: 0 };
    const { body } = await get(kind, { ...asked, limit, offset: first }, signal);
    return { records: body.reverse(), total: all, offset: place };
}

function lastBefore(offset, total) {
    return offset < total ? offset : Math.max(0, Math.floor((total - 1) / LIMIT) * LIMIT);
}

function nothingThere(kind, query, mayWrite, create) {
    const { title, noun } = KINDS[kind];
    const isFiltered = Object.entries(query).some(([name, value]) => name !== "order" && value);
    if (isFiltered) return empty(`No ${title.toLowerCase()} match.`, h("a", { href: href(kind), onclick: () => dispatchEvent(new HashChangeEvent("hashchange")) }, "Show all"));
    return mayWrite ? empty(`There are no ${title.toLowerCase()} yet.`, button(`Create the first ${noun}`, create), " or ", h("a", { href: href(kind, "import") }, "import a file"))
        : empty(`There are no ${title.toLowerCase()} yet. A caller with the scope write can create some.`);
}

/** What a new record begins with: what the table is filtered by. */
function givenBy(kind, query) {
    return Object.fromEntries(Object.entries(query).filter(([name, value]) => value && KINDS[kind].members.some(member => member.name === name && !member.isRead)));
}

async function filterBar(kind, query, changed) {
    const pipelines = kind === "deals" ? await allPipelines() : [];
    const summary = h("summary");
    const tell = () => {
        const set = KINDS[kind].filters.filter(name => query[name]).length;
        summary.textContent = set ? `Filters (${set})` : "Filters";
    };
    tell();
    const fields = KINDS[kind].filters.map(name => filterField(kind, name, query, pipelines, () => {
        tell();
        changed();
    }));
    return { element: h("details.menu", summary, h("div.filters", { role: "group", "aria-label": "Filters" }, fields)) };
}

function filterField(kind, name, query, pipelines, changed) {
    const member = memberOf(kind, name);
    const set = value => {
        query[name] = value ?? "";
        changed();
    };
    const words = name === "status" && kind === "deals" ? ["open", "won", "lost"] : member.words;
    if (words || member.type === "stage") {
        const options = words ?? pipelines.flatMap(pipeline => pipeline.stages.map(stage => [stage.id, pipelines.length > 1 ? `${pipeline.name}: ${stage.name}` : stage.name]));
        return filterSelect(member.label, options, query[name], set);
    }
    if (member.type === "reference") return labelled(member.label, id => picker({ kind: member.of, id, value: query[name], onchoose: set }).element);
    return filterInput(member.label, query[name], set);
}

const columnsKey = kind => `rally.columns.${kind}`;

function chosenColumns(kind) {
    const kept = (localStorage.getItem(columnsKey(kind)) ?? "").split(",").filter(name => KINDS[kind].members.some(member => member.name === name));
    return kept.length ? kept : KINDS[kind].columns;
}

/** The columns to choose from; the one that leads to the record stays. */
function columnsMenu(kind, changed) {
    const { members, link } = KINDS[kind];
    const chosen = new Set(chosenColumns(kind));
    const set = (name, isShown) => {
        if (isShown) chosen.add(name);
        else chosen.delete(name);
        localStorage.setItem(columnsKey(kind), members.map(member => member.name).filter(known => chosen.has(known)).join(","));
        changed();
    };
    const boxes = members.map(({ name, label }) => {
        const id = newId("column");
        return h("li", h("input", { type: "checkbox", id, checked: chosen.has(name), disabled: name === link, onchange: event => set(name, event.target.checked) }), h("label", { for: id }, label));
    });
    return h("details.menu", h("summary", "Columns"), h("ul.boxes", boxes));
}
