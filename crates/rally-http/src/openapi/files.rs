//! The operations on files: exports, templates and imports.

use rally_core::{
    DateOrder, DecimalMark, Guard, ImportKey, ImportMode, limits,
    schema::{Access, Member, Model},
};
use serde_json::{Map, Value, json};

use super::{
    components::{header_references, query, with_default},
    examples,
    names::{name, plural},
    operation::{self, Told},
    values::{closed_set, count, reference, told},
};
use crate::{
    files::{CSV, NDJSON, WORKBOOK, columns_example, progress_example, refused_example},
    object::object_of,
    route::{FileAct, FileOperation},
};

/// The operation of a file.
pub(super) fn describe(file: &FileOperation) -> Map<String, Value> {
    let FileOperation { act, noun, model, scope } = *file;
    let many = plural(noun);
    let (id, summary) = match act {
        FileAct::Export => (format!("export{}", name(&many)), format!("Export {many} as CSV")),
        FileAct::ExportWorkbook => {
            (format!("export{}ToExcel", name(&many)), format!("Export {many} as an Excel workbook"))
        }
        FileAct::Template => {
            (format!("get{}Template", name(noun)), format!("Get a CSV file of {many} to fill in"))
        }
        FileAct::Import => (format!("import{}", name(&many)), format!("Import {many} from CSV or Excel")),
    };
    let named = parameters(act);
    let mut responses = operation::failures(Some(scope), named, act == FileAct::Import);
    responses.insert("200".to_owned(), answer(file));
    let mut parameters = operation::parameter_references(named);
    if matches!(act, FileAct::Export | FileAct::ExportWorkbook) {
        parameters.push(operation::fields(model));
        parameters.extend(operation::filters(model, noun));
    }
    let told = Told { id: &id, summary: &summary, description: &meaning(act, &many) };
    let mut members = operation::operation(&told, Some(scope), parameters, None, responses);
    if act == FileAct::Import {
        members.insert("requestBody".to_owned(), body(file));
    }
    members
}

fn meaning(act: FileAct, many: &str) -> String {
    let all = format!(
        "All {many} that the filters, `q` and `updatedSince` ask for, of one moment and without a limit: their members by \
         name, `id` first, and the names of the records that they refer to last. It imports into an empty tenant as the same \
         {many}."
    );
    match act {
        FileAct::Export => format!(
            "{all} A text that a spreadsheet program would take for a formula has one more `'` in front, which an import \
             reads away; `guard=off` leaves it as it is."
        ),
        FileAct::ExportWorkbook => format!(
            "{all} Ids, telephone numbers and postal codes are text, as are numbers of more than 15 digits. Rows beyond \
             1,048,576 are on further sheets."
        ),
        FileAct::Template => {
            format!("The header row of an import of {many}, with every column that one can have.")
        }
        FileAct::Import => format!(
            "Reads a file row by row, and judges and writes each as the API does; good rows are applied in transactions of \
             up to {}, and bad ones are told and left out. The first row names the columns: by the members' names, with \
             other case, blanks, `-` and `_`, by the names of HubSpot, Pipedrive, Salesforce and Outlook, or by `mapping`. \
             References go by an id, an e-mail address, a domain, or a name that one record has. An empty cell leaves a \
             member as it is, and `\\N` clears it. What was assumed of the file is in the answer. With an \
             `Idempotency-Key` the same file goes on where it has stopped. A body has at most 64 MiB.",
            limits::IMPORT_ROWS_AT_ONCE
        ),
    }
}

const fn parameters(act: FileAct) -> &'static [&'static str] {
    match act {
        FileAct::Export => &["UpdatedSince", "Guard", "ByteOrderMark"],
        FileAct::ExportWorkbook => &["UpdatedSince"],
        FileAct::Template => &[],
        FileAct::Import => &[
            "ImportMode",
            "ImportKey",
            "DryRun",
            "Mapping",
            "Delimiter",
            "Charset",
            "Decimal",
            "DateOrder",
            "Sheet",
            "Guard",
            "Errors",
            "IdempotencyKey",
        ],
    }
}

fn answer(file: &FileOperation) -> Value {
    let FileOperation { act, noun, model, .. } = *file;
    let csv = |text: String| json!({ CSV: { "schema": { "type": "string" }, "example": text } });
    let (description, content, headers): (&str, Value, &[&str]) = match act {
        FileAct::Export => ("The records.", csv(rows(model, noun, true)), &["Content-Disposition"]),
        FileAct::Template => ("The header row.", csv(rows(model, noun, false)), &["Content-Disposition"]),
        FileAct::ExportWorkbook => {
            ("The records.", json!({ WORKBOOK: workbook() }), &["Content-Disposition"])
        }
        FileAct::Import => {
            ("The rows are read, and the good ones applied.", reports(model, noun), &["Idempotent-Replayed"])
        }
    };
    json!({ "description": description, "headers": header_references(headers), "content": content })
}

/// The answers to an import: its report, the refused rows, or lines that tell how it goes on.
fn reports(model: &Model, noun: &str) -> Value {
    let refused = format!(
        "{},_line,_code,_error\r\n{},3,validation,email is not an e-mail address\r\n",
        "email,lastName", "ada,Lovelace"
    );
    let report = report_example(model, noun);
    let lines = json!({
        "columns": { "value": columns_example() },
        "progress": { "value": progress_example() },
        "refused": { "value": refused_example() },
        "report": { "value": last_line(report.clone()) },
    });
    json!({
        "application/json": { "schema": reference("ImportReport"), "example": report },
        CSV: { "schema": { "type": "string" }, "example": refused },
        NDJSON: { "schema": reference("ImportLine"), "examples": lines },
    })
}

fn last_line(mut report: Value) -> Value {
    if let Some(members) = report.as_object_mut() {
        members.insert("type".to_owned(), json!("report"));
        members.insert("replayed".to_owned(), json!(false));
    }
    report
}

fn body(file: &FileOperation) -> Value {
    let FileOperation { model, noun, .. } = *file;
    let rows = rows(model, noun, true);
    json!({
        "required": true,
        "content": {
            // Of any charset, so bytes.
            "text/csv": { "schema": { "type": "string", "format": "binary" }, "example": rows },
            WORKBOOK: workbook(),
            "multipart/form-data": { "schema": reference("ImportForm"), "example": { "file": rows } },
        },
    })
}

fn workbook() -> Value {
    json!({ "schema": { "type": "string", "format": "binary" }, "example": "PK…" })
}

/// A CSV file with the required members, and one more.
fn rows(model: &Model, noun: &str, has_row: bool) -> String {
    let is_wanted =
        |member: &&Member| member.access == Access::Open && (member.required || member.name == "phone");
    let members: Vec<&str> = model.members().iter().filter(is_wanted).map(|member| member.name).collect();
    let header = members.join(",");
    if !has_row {
        return format!("{header}\r\n");
    }
    let value = |name: &&str| match examples::of_member(noun, name) {
        Value::String(text) => text,
        value => value.to_string(),
    };
    format!("{header}\r\n{}\r\n", members.iter().map(value).collect::<Vec<_>>().join(","))
}

/// The parameters of exports and imports.
pub(super) fn all_parameters() -> Value {
    let text = || json!({ "type": "string" });
    let flag = || with_default(json!({ "type": "boolean" }), &json!(false));
    json!({
        "Guard": query(
            "guard",
            "`off` to write, or to read, a `'` in front of what would be a formula as it is.",
            reference("Guard"),
            &json!("off"),
        ),
        "ByteOrderMark": query(
            "bom",
            "`true` for a byte order mark at the beginning, by which Excel tells that the file is UTF-8.",
            flag(),
            &json!(true),
        ),
        "ImportMode": query(
            "mode",
            "The treatment of rows: `create` (unless it is set), `update` or `upsert`.",
            reference("ImportMode"),
            &json!("upsert"),
        ),
        "ImportKey": query(
            "key",
            "The column by which a row finds its record; unless it is set, the natural key, and `id` where there is none.",
            reference("ImportKey"),
            &json!("email"),
        ),
        "DryRun": query("dryRun", "`true` to change nothing, and to be told what an import would do.", flag(), &json!(true)),
        "Mapping": query(
            "mapping",
            "A JSON object from names of columns to names of members, or to null for columns that are not read.",
            text(),
            &json!("{\"Mail\":\"email\",\"Fax\":null}"),
        ),
        "Delimiter": query(
            "delimiter",
            "The character between values, or `tab`; unless it is set, that of a `sep=` line, or the one of `,` `;` tab and \
             `|` that makes most columns known.",
            text(),
            &json!(";"),
        ),
        "Charset": query(
            "charset",
            "The charset, by a label of the Encoding Standard; unless it is set, that of a byte order mark, or UTF-8 if all \
             of the file is, or Windows-1252.",
            text(),
            &json!("iso-8859-15"),
        ),
        "Decimal": query(
            "decimal",
            "The mark between the whole and the fraction of a number: `.` unless it is set.",
            reference("DecimalMark"),
            &json!(","),
        ),
        "DateOrder": query(
            "dateOrder",
            "The order of day, month and year in dates such as `03/04/2025`; without it only RFC 3339 is read.",
            reference("DateOrder"),
            &json!("dmy"),
        ),
        "Sheet": query("sheet", "The sheet of a workbook; the first unless it is set.", text(), &json!("Contacts")),
        "Errors": query(
            "errors",
            "`file` to be answered the refused rows as CSV, as they came, with `_line`, `_code` and `_error`, to be mended \
             and sent again; with `Accept: application/x-ndjson` a line for each.",
            reference("ImportErrors"),
            &json!("file"),
        ),
    })
}

/// The schemas of exports and imports.
pub(super) fn schemas() -> Vec<(String, Value)> {
    let sets = [ImportMode::SET, ImportKey::SET, DecimalMark::SET, DateOrder::SET, Guard::SET];
    let form = json!({
        "type": "object",
        "description": "A form with the file as its only part.",
        "required": ["file"],
        "properties": {
            "file": told(
                json!({ "type": "string", "format": "binary" }),
                "The file, CSV or a workbook.",
                json!("firstName,lastName,email\r\nAda,Lovelace,ada@analytical.example\r\n"),
            ),
        },
    });
    let errors = json!({
        "type": "string",
        "enum": ["report", "file"],
        "description": "The form in which refused rows are told: the reasons of the first 1,000 in the report, or all rows as a \
                        file.",
    });
    let named =
        [("ImportForm", form), ("ImportErrors", errors), ("ImportReport", report()), ("ImportLine", line())];
    let named = named.map(|(name, schema)| (name.to_owned(), schema));
    sets.map(closed_set).into_iter().chain(named).collect()
}

fn report() -> Value {
    let required = ["totalRows", "imported", "skipped", "errors"];
    json!({
        "type": "object",
        "description": "The result of an import.",
        "required": required,
        "properties": report_members(),
    })
}

fn report_members() -> Map<String, Value> {
    let text_or_null = || json!({ "type": ["string", "null"] });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let number = |description: &str, example: u32| told(count(0), description, json!(example));
    let members = [
        ("totalRows", number("Rows behind the header row.", 3)),
        ("imported", number("Records that were created or changed.", 2)),
        ("skipped", number("Rows that were refused, or changed nothing.", 1)),
        (
            "errors",
            told(
                texts(),
                "The reasons of the first 1,000 refused rows; the header is row 1.",
                json!(["Row 3: email is not an e-mail address"]),
            ),
        ),
        ("created", number("Records that were created.", 2)),
        ("updated", number("Records that were changed.", 0)),
        ("unchanged", number("Rows whose record already was as the row has it.", 0)),
        ("charset", told(text_or_null(), "The charset that a CSV file was read in.", json!("UTF-8"))),
        ("delimiter", told(text_or_null(), "The delimiter that a CSV file was read with.", json!(","))),
        (
            "mapping",
            told(
                json!({ "type": "object", "additionalProperties": { "type": "string" } }),
                "The member that each column was read as.",
                json!({ "E-Mail": "email" }),
            ),
        ),
        ("unknownColumns", told(texts(), "Columns that are no members and were not read.", json!(["Fax"]))),
        (
            "dryRun",
            told(json!({ "type": "boolean" }), "True if nothing was changed, as was asked.", json!(false)),
        ),
    ];
    object_of(members)
}

/// The schema of a line of an import that tells how it goes on: all members that any line has.
fn line() -> Value {
    let mut members = report_members();
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let more = [
        (
            "type",
            told(
                json!({ "type": "string" }),
                "`columns`, `progress`, `refused`, and at the end `report` or `problem`.",
                json!("progress"),
            ),
        ),
        ("columns", told(texts(), "The names of the columns.", json!(["E-Mail", "Last name"]))),
        ("rows", told(count(0), "Rows that are done.", json!(2_000))),
        ("refused", told(count(0), "Rows that were refused so far.", json!(10))),
        ("rate", told(count(0), "Rows a second so far.", json!(9_500))),
        ("row", told(count(2), "The number of a refused row; the header is row 1.", json!(3))),
        ("code", told(reference("ProblemCode"), "The kind of its fault.", json!("validation"))),
        (
            "error",
            told(
                json!({ "type": "string" }),
                "The reason of its refusal.",
                json!("email is not an e-mail address"),
            ),
        ),
        ("cells", told(texts(), "Its cells, as they came.", json!(["ada", "Lovelace"]))),
        (
            "replayed",
            told(
                json!({ "type": "boolean" }),
                "True if all had been done under the same `Idempotency-Key`.",
                json!(false),
            ),
        ),
        (
            "problem",
            told(
                reference("Problem"),
                "The reason why the import has ended before the last row.",
                examples::item_problem(),
            ),
        ),
    ];
    members.extend(more.map(|(name, schema)| (name.to_owned(), schema)));
    json!({
        "type": "object",
        "description": "A line that tells how an import goes on; `type` says which of the members it has.",
        "required": ["type"],
        "properties": members,
    })
}

fn report_example(model: &Model, noun: &str) -> Value {
    let header = rows(model, noun, false);
    let mapping = object_of(header.trim_end().split(',').map(|name| (name, json!(name))));
    json!({
        "totalRows": 3,
        "imported": 2,
        "skipped": 1,
        "errors": ["Row 3: ownerId names no user: \"Nobody\""],
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "charset": "UTF-8",
        "delimiter": ",",
        "mapping": mapping,
        "unknownColumns": ["Fax"],
        "dryRun": false,
    })
}
