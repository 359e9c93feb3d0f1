// A field of a form for one member of a record, with its label, its hint and its faults.

import { Numeral, isNumber } from "./json.js";
import { fill, h, newId } from "./element.js";
import { picker } from "./picker.js";
import { fromField, toField } from "./time.js";

const INPUTS = { email: "email", tel: "tel", url: "url", password: "password", instant: "datetime-local" };

/**
 * A field for a member. `read` is the value to send, `initial` what it is before anything is typed; `fault` shows what is
 * wrong.
 */
export function field(member, value, { isBare = false, options = [] } = {}) {
    const id = newId("field");
    const [hintId, faultId] = [`${id}-hint`, `${id}-fault`];
    const attributes = {
        id, name: member.name, required: member.isRequired,
        "aria-describedby": [member.hint && hintId, faultId].filter(Boolean).join(" "),
        "aria-label": isBare ? member.label : null,
    };
    const control = controlOf(member, value, attributes, options);
    const input = control.input ?? control.element;
    const faults = h("p.fault", { id: faultId });
    const label = h("label", { for: id }, member.label, member.isRequired && h("span", { "aria-hidden": "true", title: "required" }, " *"));
    const element = h(`div.field.${member.type}`, { "data-member": member.name },
        !isBare && label, control.element, member.hint && !isBare && h("small", { id: hintId }, member.hint), faults);
    return {
        member, element, input,
        read: control.read,
        setOptions: control.setOptions,
        initial: control.read(),
        fault(phrases, ...more) {
            fill(faults, (phrases ?? []).map(phrase => h("span", phrase, " ")), more);
            if (phrases?.length) input.setAttribute("aria-invalid", "true");
            else input.removeAttribute("aria-invalid");
        },
    };
}

function controlOf(member, value, attributes, options) {
    switch (member.type) {
        case "choice": case "pipeline": case "stage": return choice(member, value, attributes, options);
        case "long": return text("textarea", value, { ...attributes, rows: 4 });
        case "flag": return flag(value, attributes);
        case "number": case "money": return number(value, attributes);
        case "list": return list(value, attributes);
        case "instant": return instant(value, attributes);
        case "reference": return picker({ kind: member.of, value, id: attributes.id, attributes });
        default: return text("input", value, { ...attributes, type: INPUTS[member.type] ?? "text", autocomplete: member.autocomplete ?? "off", placeholder: member.placeholder });
    }
}

/** A text; an empty one is no value. */
function text(tag, value, attributes) {
    const element = h(tag, { ...attributes, value: value ?? "" });
    return { element, read: () => element.value.trim() === "" ? null : element.value };
}

/** A number, which is sent digit for digit. What is no number is sent as a text, so that the API says what is wrong. */
function number(value, attributes) {
    const element = h("input", { ...attributes, type: "text", inputmode: "decimal", autocomplete: "off", value: String(value ?? "") });
    return {
        element,
        read() {
            const digits = element.value.trim().replaceAll("\u202f", "");
            if (digits === "") return null;
            return isNumber(digits) ? new Numeral(digits) : digits;
        },
    };
}

function list(value, attributes) {
    const element = h("input", { ...attributes, type: "text", value: (value ?? []).join(", ") });
    return {
        element,
        read() {
            const items = element.value.split(",").map(item => item.trim()).filter(Boolean);
            return items.length ? items : null;
        },
    };
}

/** An instant in the tenant's time zone. One that nobody has touched stays as it is, to the microsecond. */
function instant(value, attributes) {
    const shown = toField(value);
    const element = h("input", { ...attributes, type: "datetime-local", value: shown });
    return { element, read: () => element.value === shown ? value ?? null : element.value === "" ? null : fromField(element.value) };
}

function flag(value, attributes) {
    const element = h("input", { ...attributes, type: "checkbox", checked: Boolean(value) });
    return { element, read: () => element.checked };
}

function choice(member, value, attributes, options) {
    const element = h("select", attributes);
    const setOptions = (all, chosen) => {
        const none = member.isRequired || (member.isSet && chosen) ? [] : [h("option", { value: "" }, "—")];
        fill(element, none, all.map(([word, label]) => h("option", { value: word }, label ?? word)));
        element.value = chosen ?? (none.length ? "" : all[0]?.[0] ?? "");
    };
    setOptions(member.words?.map(word => [word]) ?? options, value);
    return { element, setOptions, read: () => element.value === "" ? null : element.value };
}
