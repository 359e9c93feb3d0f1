// A form of fields, which shows the faults of an answer where they belong.

import { Problem, get, onceKey, patch, post, remove, sentence } from "./api.js";
import { confirm, openDialog } from "./dialog.js";
import { button, fill, h } from "./element.js";
import { field } from "./field.js";
import { print } from "./json.js";
import { KINDS } from "./kinds.js";
import { allPipelines } from "./names.js";
import { complain, say } from "./notice.js";
import { go, href } from "./router.js";
import { versionOf } from "./time.js";

/** Shows the faults of a failure at the fields that they name, and all else in `place`. Focuses the first field. */
export function showFaults(error, fields, place, link) {
    const faults = { ...error.faults };
    let first = null;
    for (const one of fields) {
        const phrases = faults[one.member.name];
        delete faults[one.member.name];
        one.fault(phrases, phrases && error.body?.existingId && link ? link(error.body.existingId) : null);
        if (phrases) first ??= one;
    }
    const others = Object.entries(faults).map(([name, phrases]) => `${name} ${phrases.join(" and ")}`);
    const text = first && !others.length ? "" : others.length ? sentence(others.join("; ")) : error.told ?? String(error);
    fill(place, text);
    (first?.input ?? place).focus();
}

/** The failure of a write to what somebody else has changed. */
export function changedMeanwhile({ body }, noun) {
    return new Problem(412, { ...body, detail: `somebody has changed this ${noun} since it was shown; what you have typed is kept, and saving again writes it over theirs` });
}

export function clearFaults(fields, place) {
    fill(place);
    for (const one of fields) one.fault(null);
}

/** The members of a form that differ from what they were; all that are set, for a new record. */
export function changesOf(fields, isNew) {
    const body = {};
    for (const one of fields) {
        const value = one.read();
        const differs = isNew ? value !== null : print(value) !== print(one.initial);
        if (differs && !one.element.hidden) body[one.member.name] = value;
    }
    return body;
}

/** A form around fields. `send` may throw a failure; its faults go to the fields. */
export function formOf(fields, { verb, send, cancel, link, layout, more }) {
    const place = h("p.fault.all", { role: "alert", tabindex: "-1" });
    const submit = h("button", { type: "submit", class: "primary" }, verb);
    const form = h("form", { novalidate: true },
        h(`div.fields${layout ?? ""}`, fields.map(one => one.element)),
        more, place,
        h("p.acts", submit, cancel && button("Cancel", cancel)));
    form.addEventListener("submit", async event => {
        event.preventDefault();
        if (submit.disabled) return;
        submit.disabled = true;
        clearFaults(fields, place);
        try {
            await send();
        } catch (error) {
            if (error instanceof Problem) showFaults(error, fields, place, link);
            else fill(place, String(error));
        } finally {
            submit.disabled = false;
        }
    });
    return form;
}

/**
 * Opens a form for an item of a list, or for a new one without `item`. `form` makes it; `done` gets what the API has
 * saved.
 */
export function openForm(title, { form, path, item, send, done }) {
    send ??= body => item ? patch(`${path}/${item.id}`, body) : post(path, body);
    openDialog(title, close => form(item, {
        cancel: close,
        send: async body => {
            const { body: saved } = await send(body);
            close();
            await done(saved);
        },
    }));
}

/** The form for a record of a kind: a new one without `record`. */
export async function recordForm(kind, record, { given = {}, done, cancel }) {
    const { members, noun } = KINDS[kind];
    const pipelines = kind === "deals" ? await allPipelines() : [];
    const start = { ...given, ...record };
    const written = members.filter(member => !member.isRead);
    if (kind === "deals") start.pipelineId ??= pipelines[0]?.id;
    const fields = written.map(member => field(member, start[member.name], { options: optionsOf(member, pipelines, start.pipelineId) }));
    const by = Object.fromEntries(fields.map(one => [one.member.name, one]));
    wire(by, pipelines);
    const state = { version: record?.updatedAt };
    // A repeated attempt to create must not create twice.
    const once = onceKey();
    const send = async () => {
        const body = changesOf(fields, !record);
        if (!record) return done((await post(kind, body, { headers: once })).body);
        if (!Object.keys(body).length) return done(record);
        try {
            const saved = await patch(`${kind}/${record.id}`, body, { headers: { "If-Match": versionOf(state.version) } });
            return done(saved.body);
        } catch (error) {
            if (error.status !== 412) throw error;
            state.version = (await get(`${kind}/${record.id}`)).body.updatedAt;
            throw changedMeanwhile(error, noun);
        }
    };
    const link = id => h("a", { href: href(kind, id) }, `Open the other ${noun}`);
    return formOf(fields, { verb: record ? "Save" : `Create the ${noun}`, send, cancel, link, layout: ".two" });
}

/** Opens the form for a new record. */
export function openNew(kind, given, done) {
    const { noun, name } = KINDS[kind];
    openDialog(`New ${noun}`, close => {
        const place = h("div");
        recordForm(kind, null, { given, cancel: close, done: record => {
            close();
            say(`${name(record)} is created.`, ["Open", () => go(kind, record.id)]);
            done?.();
        } }).then(form => {
            fill(place, form);
            form.querySelector("input, select").focus();
        }).catch(complain);
        return place;
    });
}

/** Asks before a record is deleted. */
export function askToDelete(kind, record, done) {
    const { noun, name } = KINDS[kind];
    confirm(`Delete ${name(record)}?`, `The ${noun} is deleted for good. Records that refer to it stay, and lose the reference.`, `Delete the ${noun}`, async () => {
        await remove(`${kind}/${record.id}`);
        say(`${name(record)} is deleted.`);
        await done();
    });
}

function optionsOf(member, pipelines, pipelineId) {
    if (member.type === "pipeline") return pipelines.map(({ id, name }) => [id, name]);
    if (member.type !== "stage") return [];
    const stages = pipelines.find(({ id }) => id === pipelineId)?.stages ?? [];
    return stages.map(({ id, name }) => [id, name]);
}

/** Keeps the fields in step that depend on others: stages on the pipeline, members of an activity on its type. */
function wire(by, pipelines) {
    by.pipelineId?.input.addEventListener("change", () => {
        by.stageId.setOptions(optionsOf({ type: "stage" }, pipelines, by.pipelineId.read()), null);
    });
    const type = by.activityType;
    if (!type) return;
    const show = () => {
        for (const one of Object.values(by)) one.element.hidden = Boolean(one.member.only) && !one.member.only.includes(type.read());
    };
    type.input.addEventListener("change", show);
    show();
}
