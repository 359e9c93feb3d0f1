// The pipelines of the tenant and their stages.

import { get, patch, remove } from "./api.js";
import { confirm } from "./dialog.js";
import { badge, button, buttonFor, fill, h, heading } from "./element.js";
import { field } from "./field.js";
import { changedMeanwhile, formOf, openForm } from "./form.js";
import { pagedGrid } from "./grid.js";
import { Numeral } from "./json.js";
import { setPageKeys } from "./keys.js";
import { forgetPipelines } from "./names.js";
import { complain, say } from "./notice.js";
import { href } from "./router.js";
import { versionOf } from "./time.js";

const FIRST = [["Open", "10", "open"], ["Won", "100", "won"], ["Lost", "0", "lost"]]
    .map(([name, probability, outcome]) => ({ name, probability: new Numeral(probability), outcome }));

export async function show({ main, query, signal }) {
    const list = pagedGrid({
        caption: "Pipelines", heads: ["Name", "Stages", "State", ""], path: "pipelines", signal,
        row: pipeline => [h("a", { href: href("board", { pipeline: pipeline.id }) }, pipeline.name), pipeline.stages.map(({ name, probability }) => `${name} ${probability} %`).join(" › "),
            pipeline.isDefault && badge("default", "open"),
            [buttonFor(pipeline.name, "Edit", () => edit(pipeline), { "data-key": pipeline.id }),
                !pipeline.isDefault && buttonFor(pipeline.name, "Make default", () => makeDefault(pipeline)),
                buttonFor(pipeline.name, "Delete", () => ask(pipeline), { class: "danger" })]],
    });
    const done = async text => {
        forgetPipelines();
        say(text);
        await list.load().catch(complain);
    };
    const create = () => openForm("New pipeline", { form: pipelineForm, path: "pipelines", done: ({ name }) => done(`${name} is created.`) });
    const edit = item => openForm(`Edit ${item.name}`, { form: pipelineForm, item, send: body => save(item, body), done: ({ name }) => done(`${name} is saved.`) });
    const makeDefault = pipeline => save(pipeline, { isDefault: true }).then(() => done(`${pipeline.name} is the default.`)).catch(complain);
    const ask = pipeline => confirm(`Delete ${pipeline.name}?`, "The pipeline and its stages are deleted for good.", "Delete the pipeline", async () => {
        await remove(`pipelines/${pipeline.id}`);
        await done(`${pipeline.name} is deleted.`);
    });
    fill(main, heading("Pipelines"), h("p.hint", "New deals begin in the default pipeline."), h("div.bar", h("span.grow"), button("New pipeline", create, { class: "primary" })), list.element);
    setPageKeys({ n: ["New pipeline", create] });
    const asked = (await list.load()).find(({ id }) => id === query.edit);
    if (asked) edit(asked);
}

/** Saves a pipeline, unless somebody has changed it since it was read; then it is read anew, and may be saved over theirs. */
async function save(pipeline, body) {
    try {
        return await patch(`pipelines/${pipeline.id}`, body, { headers: { "If-Match": versionOf(pipeline.updatedAt) } });
    } catch (error) {
        if (error.status !== 412) throw error;
        pipeline.updatedAt = (await get(`pipelines/${pipeline.id}`)).body.updatedAt;
        throw changedMeanwhile(error, "pipeline");
    }
}

function pipelineForm(pipeline, { send, cancel }) {
    const name = field({ name: "name", label: "Name", type: "text", isRequired: true }, pipeline?.name);
    const isDefault = field({ name: "isDefault", label: "Default pipeline", type: "flag" }, pipeline?.isDefault);
    const stages = new Stages(pipeline?.stages ?? FIRST);
    const fields = [name, isDefault, stages];
    const form = formOf(fields, { verb: pipeline ? "Save" : "Create the pipeline", cancel, send: () => send({ name: name.read(), isDefault: isDefault.read(), stages: stages.read() }) });
    // Their faults go to them, but it is the stages that place them.
    stages.changed = parts => fields.splice(3, Infinity, ...parts);
    stages.put(stages.rows);
    return form;
}

/** A field for the stages of a pipeline, in their order. */
class Stages {
    constructor(stages) {
        this.member = { name: "stages" };
        this.faults = h("p.fault", { id: "stages-fault" });
        this.list = h("ol.stages");
        this.told = h("p.hidden", { role: "status" });
        this.input = button("Add a stage", () => {
            const row = this.row({ name: null, probability: new Numeral("0"), outcome: "open" });
            this.put([...this.rows, row]);
            row.parts[0].input.focus();
        });
        this.element = h("fieldset.field", { "aria-describedby": "stages-fault" }, h("legend", "Stages"), this.list, this.told, this.input, this.faults);
        this.rows = stages.map(stage => this.row(stage));
    }

    read() {
        return this.rows.map(({ id, parts }) => ({ id, ...Object.fromEntries(parts.map(part => [part.name, part.read()])) }));
    }

    fault(phrases) {
        fill(this.faults, (phrases ?? []).join(" "));
    }

    row(stage) {
        const part = (name, label, type, more) => ({ ...field({ name, label, type, ...more }, stage[name]), name });
        const parts = [part("name", "Stage", "text", { isRequired: true }), part("probability", "Probability %", "number"), part("outcome", "Outcome", "choice", { words: ["open", "won", "lost"], isSet: true })];
        const row = { id: stage.id, parts };
        row.acts = [
            ["Move up", button("↑", () => this.move(row, -1))],
            ["Move down", button("↓", () => this.move(row, 1))],
            ["Remove", button("Remove", () => {
                this.put(this.rows.filter(other => other !== row));
                this.input.focus();
            }, { class: "danger" })],
        ];
        const label = () => {
            for (const [act, element] of row.acts) element.setAttribute("aria-label", `${act} ${parts[0].read() ?? "the new stage"}`);
        };
        parts[0].input.addEventListener("input", label);
        label();
        row.element = h("li", parts.map(({ element }) => element), h("p.acts", row.acts.map(([, element]) => element)));
        return row;
    }

    /** Puts the rows in this order; faults name them by it. */
    put(rows) {
        this.rows = rows;
        rows.forEach(({ parts, acts }, at) => {
            for (const part of parts) part.member.name = part.input.name = part.element.dataset.member = `stages[${at}].${part.name}`;
            acts[0][1].disabled = at === 0;
            acts[1][1].disabled = at === rows.length - 1;
        });
        fill(this.list, rows.map(({ element }) => element));
        this.changed(rows.flatMap(({ parts }) => parts));
    }

    move(row, by) {
        const at = this.rows.indexOf(row) + by;
        const rows = this.rows.filter(other => other !== row);
        rows.splice(at, 0, row);
        this.put(rows);
        const buttons = row.acts.map(([, element]) => element);
        (by < 0 ? [buttons[0], buttons[1]] : [buttons[1], buttons[0]]).find(one => !one.disabled)?.focus();
        fill(this.told, `Stage ${at + 1} of ${rows.length}`);
    }
}
