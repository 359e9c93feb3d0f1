// What was done to keys, users and settings, and who logged in.

import { empty, fill, h, heading } from "./element.js";
import { pagedGrid } from "./grid.js";
import { time } from "./time.js";

export async function show({ main, signal }) {
    const list = pagedGrid({
        caption: "Audit trail", heads: ["When", "Action", "By", "From", "On", "Detail", "Times"], path: "audit", signal, limit: 100, isNewestFirst: true,
        nothing: empty("Nothing has been done yet. What is done to keys, users and settings appears here."),
        row: entry => [time(entry.createdAt), entry.action, entry.actor, entry.source, h("code", entry.targetId ?? ""), entry.detail, entry.count?.text],
    });
    fill(main, heading("Audit"), h("p.hint", "What was done to keys, users and settings, the newest first."), list.element);
    await list.load();
}
