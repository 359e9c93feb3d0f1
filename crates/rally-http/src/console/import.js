// Import of a file: check it, see what would happen, mend the rows that are refused, and do it.

import { Problem, call, onceKey, sentence } from "./api.js";
import { grouped, plural } from "./decimal.js";
import { button, facts, fill, h, heading, takeDrops } from "./element.js";
import { field } from "./field.js";
import { clearFaults, showFaults } from "./form.js";
import { grid } from "./grid.js";
import { parse, print } from "./json.js";
import { KINDS } from "./kinds.js";
import { complain, say } from "./notice.js";
import { download } from "./export.js";
import { href } from "./router.js";

/** Refused rows that can be mended on the page; more of them are mended in the file. */
const MENDED = 200;
const PREVIEW_BYTES = 2_048;
const PREVIEW_LINES = 6;
const DELIMITERS = [",", ";", "\t", "|"];

export async function show({ main, parts: [kind], signal }) {
    const { title, noun } = KINDS[kind];
    const state = { file: null, mapping: {} };
    const fields = [
        field({ name: "mode", label: "Rows", type: "choice", words: ["create", "update", "upsert"], isSet: true, hint: "create: new records only; update: known ones only; upsert: both" }, "create"),
        field({ name: "key", label: "Known by", type: "choice", words: ["id", "email", "domain", "name"] }, null),
        field({ name: "delimiter", label: "Delimiter", type: "text", hint: "Empty: found out from the file" }, ""),
        field({ name: "charset", label: "Charset", type: "text", hint: "Empty: found out from the file" }, ""),
        field({ name: "decimal", label: "Decimal sign", type: "choice", words: [".", ","], isSet: true }, "."),
        field({ name: "dateOrder", label: "Order of dates", type: "choice", words: ["dmy", "mdy", "ymd"] }, null),
    ];
    const [preview, outcome, place] = [h("div"), h("div"), h("p.fault.all", { role: "alert", tabindex: "-1" })];
    const choose = file => {
        Object.assign(state, { file, mapping: {}, columns: [] });
        tell(file, preview).then(columns => (state.columns = columns)).catch(complain);
        fill(outcome);
    };
    const input = h("input", { type: "file", id: "file", accept: ".csv,.tsv,.txt,.xlsx", onchange: () => input.files[0] && choose(input.files[0]) });
    const run = async (file, isDry) => {
        clearFaults(fields, place);
        try {
            const query = Object.fromEntries(fields.map(one => [one.member.name, one.read()]));
            if (Object.keys(state.mapping).length) query.mapping = print(state.mapping);
            if (query.decimal === ".") delete query.decimal;
            const lines = await send(kind, file, { ...query, errors: "file", dryRun: isDry || null }, isDry ? {} : onceKey(), signal);
            fill(outcome, report({ kind, lines, isDry, mapping: state.mapping, run: (next, dry) => run(next ?? file, dry) }));
            outcome.querySelector("h2").focus();
            if (!isDry) say(`${plural(lines.report.imported, noun, title.toLowerCase())} imported, ${grouped(lines.report.skipped)} skipped.`);
        } catch (error) {
            if (!(error instanceof Problem)) return complain(error);
            showFaults(error, fields, place);
            const unknown = unknownOf(error, state);
            fill(outcome, unknown.length > 0 && [columnsOf(kind, { mapping: {}, unknownColumns: unknown }, state.mapping, () => run(file, isDry)),
                h("p.acts", button("Leave these columns out", () => {
                    for (const column of unknown) state.mapping[column] = null;
                    return run(file, isDry);
                }))]);
        }
    };
    const drop = h("div.drop", h("label", { for: "file" }, "A file of CSV, or an Excel workbook "), input);
    takeDrops(drop, ({ files: [file] }) => file && choose(file));
    fill(main, h("p.trail", h("a", { href: href(kind) }, title), " ›"), heading(`Import ${title.toLowerCase()}`),
        h("p", "The first row has the names of the columns. ", button("Get an empty file with all columns", () => template(kind).catch(complain))),
        drop, preview, h("details", h("summary", "Options"), h("div.fields.two", fields.map(one => one.element))), place,
        h("p.acts", button("Check the file", () => {
            if (state.file) return run(state.file, true);
            fill(place, "Choose a file first.");
            return input.focus();
        }, { class: "primary" })), outcome);
}

async function template(kind) {
    const { body } = await call("GET", `importexport/${kind}/template`, { form: "blob" });
    download(body, `${kind}-template.csv`);
}

/** Shows what the file is: its name, and the first lines if it is a text. */
async function tell(file, place) {
    const bytes = new Uint8Array(await file.slice(0, PREVIEW_BYTES).arrayBuffer());
    const lines = bytes.includes(0) ? [] : new TextDecoder().decode(bytes).split(/\r?\n/).slice(0, PREVIEW_LINES);
    fill(place, h("p", `${file.name}, ${plural(file.size, "byte")}`), lines.length > 0 && h("pre", { tabindex: "0", "aria-label": "The first lines" }, lines.join("\n")));
    const [header = ""] = lines;
    const most = DELIMITERS.reduce((one, other) => header.split(other).length > header.split(one).length ? other : one);
    return header.replace("\ufeff", "").split(most).map(name => name.trim().replace(/^"(.*)"$/, "$1")).filter(Boolean);
}

/** The columns that a fault of the file names, which a strict tenant refuses; all of them, where none is known. */
function unknownOf(error, { columns, mapping }) {
    const fault = (error.faults.file ?? []).join(" ");
    if (!fault.includes("column")) return [];
    const named = columns.filter(column => fault.includes(column));
    return (named.length ? named : columns).filter(column => !mapping[column]);
}

/** Sends a file, and sorts the lines of the answer. */
async function send(kind, file, query, headers, signal) {
    const type = file.name?.toLowerCase().endsWith(".xlsx") ? "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" : "text/csv";
    const { body } = await call("POST", `importexport/${kind}/import`, { query, raw: file, headers: { ...headers, "Content-Type": type, Accept: "application/x-ndjson" }, form: "text", signal });
    const lines = body.split("\n").filter(Boolean).map(parse);
    const of = type => lines.find(line => line.type === type);
    if (of("problem")) throw new Problem(400, of("problem").problem);
    return { columns: of("columns")?.columns ?? [], refused: lines.filter(({ type: known }) => known === "refused"), report: of("report") };
}

function report({ kind, lines, isDry, mapping, run }) {
    const { report: told, refused, columns } = lines;
    return [
        h("h2", { tabindex: "-1" }, isDry ? "What would happen" : "What has happened"),
        facts([["Rows", grouped(told.totalRows)], ["Created", grouped(told.created)], ["Changed", grouped(told.updated)], ["As they were", grouped(told.unchanged)], ["Refused", grouped(refused.length)],
            told.charset && ["Charset", told.charset], told.delimiter && ["Delimiter", told.delimiter === "\t" ? "tab" : told.delimiter]]),
        isDry && columnsOf(kind, told, mapping, () => run(null, true)),
        isDry && told.imported.text !== "0" && h("p.acts", button(`Import ${plural(told.imported, "row")}`, () => run(null, false), { class: "primary" })),
        !isDry && h("p", h("a", { href: href(kind) }, `See all ${KINDS[kind].title.toLowerCase()}`)),
        refused.length > 0 && mending(refused, columns, run),
    ];
}

/** The members that the columns are read as, to be changed. */
function columnsOf(kind, { mapping: read, unknownColumns }, mapping, again) {
    const members = KINDS[kind].members.filter(member => !member.isRead).map(({ name, label }) => [name, label]);
    const all = { ...Object.fromEntries(unknownColumns.map(column => [column, ""])), ...mapping, ...read };
    const rows = Object.entries(all).map(([column, member]) => {
        const select = h("select", { "aria-label": `The member that ${column} is read as`, onchange: () => {
            mapping[column] = select.value || null;
            again();
        } }, h("option", { value: "" }, "not read"), !members.some(([name]) => name === member) && member && h("option", { value: member }, member), members.map(([name, label]) => h("option", { value: name }, label)));
        select.value = member ?? "";
        return [column, select];
    });
    return h("details", { open: unknownColumns.length > 0 }, h("summary", unknownColumns.length ? `${plural(unknownColumns.length, "column")} not read` : "Columns"), grid("Columns", ["Column", "Read as"], rows));
}

/** The refused rows with their reasons, as fields to mend them in. */
function mending(refused, columns, run) {
    const inputs = refused.slice(0, MENDED).map(({ cells, row }) => columns.map((column, at) => h("input", { type: "text", value: cells[at] ?? "", "aria-label": `${column} of row ${row}` })));
    const rows = inputs.map((cells, at) => [refused[at].row.text, h("span.fault", sentence(refused[at].error)), ...cells]);
    const again = isDry => run(new Blob([csv([columns, ...inputs.map(cells => cells.map(input => input.value))])], { type: "text/csv" }), isDry);
    const all = () => download(new Blob([csv([["_line", "_error", ...columns], ...refused.map(({ row, error, cells }) => [row.text, error, ...cells])])], { type: "text/csv" }), "refused.csv");
    return h("section", { "aria-labelledby": "refused" }, h("h2", { id: "refused" }, `${plural(refused.length, "row")} refused`),
        h("p", refused.length > MENDED ? `The first ${MENDED} can be mended here, and all of them in a file.` : "Mend them here, or in a file."),
        grid("Refused rows", ["Row", "Reason", ...columns], rows),
        h("p.acts", button("Check the mended rows", () => again(true)), button("Import the mended rows", () => again(false), { class: "primary" }), button("Get them as a file", all)));
}

/** Rows as CSV (RFC 4180). */
function csv(rows) {
    const cell = text => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    return rows.map(cells => cells.map(text => cell(String(text))).join(",")).join("\r\n");
}
