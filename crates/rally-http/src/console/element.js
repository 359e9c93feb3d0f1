// Elements of the page, made of names and children. Texts become text nodes, so that nothing that a record says is markup.

/**
 * An element: `h("a.quiet", { href: "#" }, "text")`, where the attributes may be left out. One whose name begins with `on`
 * is a listener.
 */
export function h(tag, ...children) {
    const [name, ...classes] = tag.split(".");
    const element = document.createElement(name);
    if (classes.length) element.className = classes.join(" ");
    const attributes = children[0]?.constructor === Object ? children.shift() : {};
    for (const [key, value] of Object.entries(attributes)) set(element, key, value);
    element.append(...shown(children));
    return element;
}

/** The children that there are. */
function shown(children) {
    return children.flat(Infinity).filter(child => (child ?? false) !== false);
}

function set(element, key, value) {
    if ((value ?? false) === false) return;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "indeterminate") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
}

/** Puts children in the place of those that an element has. */
export function fill(element, ...children) {
    element.replaceChildren(...shown(children));
    return element;
}

/** A button that does something. */
export function button(text, onclick, attributes) {
    return h("button", { type: "button", onclick, ...attributes }, text);
}

/** A button that does something with what has this name, which stands beside others of its kind. */
export function buttonFor(name, text, onclick, attributes) {
    return button(text, onclick, { "aria-label": `${text} ${name}`, ...attributes });
}

let numbers = 0;
/** An id that no other element has. */
export function newId(prefix) {
    numbers += 1;
    return `${prefix}-${numbers}`;
}

/** A heading of a page, which has the focus when the page comes. */
export function heading(text) {
    return h("h1", { tabindex: "-1" }, text);
}

/** A list of names and values. */
export function facts(pairs) {
    return h("dl.facts", pairs.filter(Boolean).map(([name, value]) => h("div", h("dt", name), h("dd", value ?? "—"))));
}

/** A field of a bar of filters: a label over a control, which is made with its id. */
export function labelled(label, control) {
    const id = newId("filter");
    return h("div.filter", h("label", { for: id }, label), control(id));
}

/** A filter by a text. `choose` gets it. */
export function filterInput(label, value, choose) {
    return labelled(label, id => h("input", { id, type: "text", value: value ?? "", onchange: ({ target }) => choose(target.value.trim()) }));
}

/** A filter by one of some words, or pairs of a word and its name, or by none of them. `choose` gets the word. */
export function filterSelect(label, words, value, choose, none = "any") {
    return labelled(label, id => {
        const select = h("select", { id, onchange: () => choose(select.value) }, none && h("option", { value: "" }, none), words.map(one => {
            const [word, name] = [one].flat();
            return h("option", { value: word }, name ?? word);
        }));
        select.value = value ?? "";
        return select;
    });
}

/** What a page says where it has nothing to show, with what to do next. */
export function empty(text, ...next) {
    return h("p.empty", text, " ", ...next);
}

/** Lets something be dropped on an element. `take` gets what is dropped. */
export function takeDrops(element, take) {
    const mark = isOver => element.classList.toggle("target", isOver);
    element.addEventListener("dragover", event => {
        event.preventDefault();
        mark(true);
    });
    element.addEventListener("dragleave", event => element.contains(event.relatedTarget) || mark(false));
    element.addEventListener("drop", event => {
        event.preventDefault();
        mark(false);
        take(event.dataTransfer);
    });
}

/** A word with a colour of its own; the word tells all by itself. */
export function badge(word, tone) {
    return h(`span.badge.${tone}`, word);
}
