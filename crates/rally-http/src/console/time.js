// Instants in the time zone of the tenant. The exact instant is in the title of the element.

import { h } from "./element.js";

let zone = "UTC";
let format = formatIn(zone);

function formatIn(timeZone) {
    return new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
}

/** Shows instants in this time zone from now on. */
export function setZone(name) {
    try {
        format = formatIn(name);
        zone = name;
    } catch {
        // A zone that this browser does not know stays UTC.
        format = formatIn("UTC");
        zone = "UTC";
    }
}

export function currentZone() {
    return zone;
}

/** An instant as a text in the time zone, to the second. */
export function local(instant) {
    const date = new Date(instant);
    return Number.isNaN(date.valueOf()) ? String(instant) : format.format(date);
}

/** An element of an instant; null for none. */
export function time(instant) {
    return instant ? element(instant, local(instant)) : null;
}

/** An element of the day of an instant; null for none. */
export function day(instant) {
    return instant ? element(instant, local(instant).slice(0, 10)) : null;
}

function element(instant, text) {
    return h("time", { datetime: instant, title: `${instant} (shown in ${zone})` }, text);
}

/** The entity tag of a record, which is the version that it has had since its last update. */
export function versionOf(updatedAt) {
    const [seconds, fraction] = updatedAt.replace("Z", "").split(".");
    const micros = BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, "0"));
    return `"${micros.toString(16)}"`;
}

/** The text of a field for an instant, in the time zone of the tenant. */
export function toField(instant) {
    return instant ? local(instant).replace(" ", "T").slice(0, 16) : "";
}

/** The instant that a field says, which is in the time zone of the tenant; a text that says none is returned as it is. */
export function fromField(text) {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(text)) return text;
    const wanted = Date.parse(`${text}Z`);
    // The offset depends on the instant, which depends on the offset: the second round is right wherever the first was near.
    let instant = wanted;
    for (let round = 0; round < 2; round += 1) {
        instant = wanted - (Date.parse(`${local(new Date(instant).toISOString()).replace(" ", "T")}Z`) - Math.trunc(instant / 1000) * 1000);
    }
    return new Date(instant).toISOString();
}
