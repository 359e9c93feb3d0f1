// The qualification of a deal: budget, authority, need and timeline.

import { get, may, put } from "./api.js";
import { button, facts, fill, h } from "./element.js";
import { field } from "./field.js";
import { formOf } from "./form.js";
import { Numeral } from "./json.js";
import { say } from "./notice.js";

const CRITERIA = [["budget", "Budget"], ["authority", "Authority"], ["need", "Need"], ["timeline", "Timeline"]];
const RATINGS = ["none", "weak", "fair", "strong"];

/** The section: its element, and `load` to read it anew. */
export function qualification(id, signal) {
    const place = h("div");
    const state = { bant: null, isEditing: false };
    const show = () => {
        state.isEditing = false;
        const { bant } = state;
        fill(place, facts([["Score", bant.score === null ? "not rated" : `${bant.score} of 100`], ...CRITERIA.map(([name, label]) => [label, ratingOf(bant[name])]), bant.notes && ["Notes", h("span.long", bant.notes)]]),
            may("write") && h("p.acts", button("Edit the qualification", edit)));
    };
    const edit = () => {
        state.isEditing = true;
        const fields = [
            ...CRITERIA.flatMap(([name, label]) => [
                field({ name: `${name}.rating`, label, type: "choice", words: RATINGS }, RATINGS[state.bant[name].rating]),
                field({ name: `${name}.notes`, label: `${label}: notes`, type: "text" }, state.bant[name].notes),
            ]),
            field({ name: "notes", label: "Notes", type: "long" }, state.bant.notes),
        ];
        const values = Object.fromEntries(fields.map(one => [one.member.name, one]));
        const send = async () => {
            const criteria = CRITERIA.map(([name]) => {
                const word = values[`${name}.rating`].read();
                return [name, { rating: word === null ? null : new Numeral(String(RATINGS.indexOf(word))), notes: values[`${name}.notes`].read() }];
            });
            state.bant = (await put(`deals/${id}/bant`, { ...Object.fromEntries(criteria), notes: values.notes.read() })).body;
            show();
            say("The qualification is saved.");
        };
        fill(place, formOf(fields, { verb: "Save", send, cancel: show, layout: ".two" }));
        place.querySelector("select")?.focus();
    };
    const load = async () => {
        try {
            state.bant = (await get(`deals/${id}/bant`, null, signal)).body;
        } catch (error) {
            if (error.status !== 404) throw error;
            fill(place);
            return;
        }
        if (!state.isEditing) show();
    };
    return { element: h("section", { "aria-labelledby": "bant" }, h("h2", { id: "bant" }, "Qualification"), place), load };
}

function ratingOf({ rating, notes }) {
    const word = rating === null ? null : RATINGS[Number(rating.text)];
    return word || notes ? [word, notes].filter(Boolean).join(": ") : null;
}
