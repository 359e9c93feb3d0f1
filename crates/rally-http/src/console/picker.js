// A field for a reference to a record: typing searches, and the list is walked by arrows.

import { get } from "./api.js";
import { fill, h, newId } from "./element.js";
import { KINDS } from "./kinds.js";
import { allUsers, keepName, nameOf } from "./names.js";

const MOST = 8;
const AFTER_MS = 200;

/** The field: its element, and `read` for the id that is chosen. */
export function picker({ kind, id, value, attributes, onchoose }) {
    const listId = newId("list");
    const input = h("input", {
        id, type: "text", role: "combobox", autocomplete: "off", "aria-expanded": "false", "aria-autocomplete": "list",
        "aria-controls": listId, placeholder: "Type to search", ...attributes,
    });
    const list = h("ul.options", { id: listId, role: "listbox", hidden: true, "aria-label": "Found" });
    const state = { chosen: value ?? null, shown: "", at: -1, asked: 0, timer: null };

    const choose = record => {
        state.chosen = record?.id ?? null;
        state.shown = input.value = record?.name ?? "";
        if (record) keepName(kind, record.id, record.name);
        close();
        onchoose?.(state.chosen);
    };
    const close = () => {
        list.hidden = true;
        state.at = -1;
        input.setAttribute("aria-expanded", "false");
        input.removeAttribute("aria-activedescendant");
    };
    const show = records => {
        const options = records.map(record => h("li", {
            role: "option", id: newId("option"), "aria-selected": "false",
            // Before the field loses the focus, which closes the list.
            onmousedown: event => {
                event.preventDefault();
                choose(record);
            },
        }, record.name, record.more && h("small", " ", record.more)));
        fill(list, options.length ? options : h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, "Nothing found"));
        state.records = records;
        list.hidden = false;
        input.setAttribute("aria-expanded", "true");
    };
    const search = async () => {
        const asked = (state.asked += 1);
        const records = await find(kind, input.value.trim()).catch(() => []);
        if (asked === state.asked && document.activeElement === input) show(records);
    };
    const walk = by => {
        const options = [...list.children];
        if (list.hidden || !options.length) return search();
        state.at = (state.at + by + options.length) % options.length;
        options.forEach((option, at) => option.setAttribute("aria-selected", String(at === state.at)));
        options[state.at].scrollIntoView({ block: "nearest" });
        input.setAttribute("aria-activedescendant", options[state.at].id);
        return undefined;
    };
    input.addEventListener("input", () => {
        clearTimeout(state.timer);
        state.timer = setTimeout(search, AFTER_MS);
    });
    input.addEventListener("keydown", event => {
        if (event.key === "ArrowDown") walk(1);
        else if (event.key === "ArrowUp") walk(-1);
        else if (event.key === "Enter" && !list.hidden && state.records?.[state.at]) choose(state.records[state.at]);
        else if (event.key === "Escape" && !list.hidden) close();
        else return;
        event.preventDefault();
        event.stopPropagation();
    });
    input.addEventListener("blur", () => {
        close();
        // Nothing is no reference; what was typed and not chosen is none either.
        if (!input.value.trim()) {
            if (state.chosen) choose(null);
        } else input.value = state.shown;
    });
    if (value) nameOf(kind, value).then(name => (state.shown = input.value = name));
    return { element: h("div.picker", input, list), input, read: () => state.chosen, reset: () => choose(null) };
}

async function find(kind, text) {
    if (kind === "users") {
        const wanted = text.toLowerCase();
        const users = await allUsers();
        return users.filter(user => `${user.name} ${user.email}`.toLowerCase().includes(wanted)).slice(0, MOST)
            .map(user => ({ id: user.id, name: user.name, more: user.email }));
    }
    const { body } = await get(kind, { q: text, limit: MOST });
    return body.map(record => ({ id: record.id, name: KINDS[kind].name(record), more: record.email ?? record.domain ?? record.stageName }));
}
