//! `/{contacts|companies|deals|activities}/{id}/history`: what a record was, and who changed it.

use axum::response::Response;
use rally_core::{Action, Error, HistoryEntry, HistoryQuery, Kind, limits, schema::Recorded};
use serde_json::{Value, json};

use crate::{
    answer,
    app::App,
    call::Call,
    crud::{Served, other_pages},
    entry_fields::EntryFields,
    lanes::Work,
    openapi::{ID, INSTANT, count, instant, or_null, reference, told},
    parameters::Parameters,
    problem::Problem,
    route::{Method, Operation, Route, Verb},
};

/// The members of an entry, in the order in which they are written. The last is of deals alone.
const MEMBERS: [&str; 6] = ["id", "action", "changedAt", "changedBy", "changes", SECONDS_IN_STAGE];
const SECONDS_IN_STAGE: &str = "secondsInStage";

/// Bytes of the JSON of an entry.
const ENTRY_BYTES: usize = 300;

/// The history of the records of a resource.
pub(crate) fn history<R: Served + Recorded>() -> Vec<Route> {
    let path = format!("/{}/{{id}}/history", R::KIND.plural());
    vec![Route::new(Method::Get, &path, list_history::<R>, Operation::reading::<R>(Verb::History, R::NOUN))]
}

async fn list_history<R: Served + Recorded>(app: App, call: Call) -> Result<Response, Problem> {
    let answered = app.run(Work::Read, call.party(), move || {
        call.session.require(R::READ)?;
        let HistoryParameters { history, fields, ignored } = read(call.parameters()?, R::KIND)?;
        let page = R::of(&call.session).history_with(call.id()?, &history)?;
        let write = |entry: &HistoryEntry, out: &mut Vec<u8>| {
            fields.write_json(out, |member, out| write_member(entry, member, out))
        };
        let mut response = answer::list(&page.records, ENTRY_BYTES, write)?;
        answer::write_total(&mut response, page.total);
        let last = page.records.last().filter(|_| page.has_more);
        let next = last.map(|last| ("after", last.id.to_string()));
        let links = other_pages(&call, &ignored, (history.limit, history.offset), next)?;
        answer::write_links(&mut response, &call.path(), &links)?;
        Ok(response)
    });
    Ok(answered.await?)
}

/// The parameters of a history.
struct HistoryParameters {
    history: HistoryQuery,
    fields: EntryFields,
    /// Names that mean nothing here.
    ignored: Vec<String>,
}

/// The members that entries of a kind have.
fn members(kind: Kind) -> impl Iterator<Item = &'static str> {
    MEMBERS.into_iter().filter(move |member| kind == Kind::Deal || *member != SECONDS_IN_STAGE)
}

fn read(mut parameters: Parameters, kind: Kind) -> Result<HistoryParameters, Error> {
    let limit = parameters.number("limit", 1, limits::PAGE).unwrap_or(limits::PAGE);
    let after = parameters.change("after");
    let offset = parameters.offset();
    let count = parameters.flag("count");
    let fields = EntryFields::read(&mut parameters, &members(kind).collect::<Vec<_>>());
    let ignored = parameters.finish()?;
    Ok(HistoryParameters { history: HistoryQuery { limit, after, offset, count }, fields, ignored })
}

fn write_member(entry: &HistoryEntry, member: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    match member {
        "id" => out.extend_from_slice(entry.id.to_string().as_bytes()),
        "action" => out.extend_from_slice(entry.action.json().as_bytes()),
        "changedAt" => out.extend_from_slice(format!("\"{}\"", entry.changed_at).as_bytes()),
        "changedBy" => serde_json::to_writer(out, &entry.changed_by).map_err(Error::internal)?,
        "changes" => write_changes(entry, out),
        _ => serde_json::to_writer(out, &entry.seconds_in_stage).map_err(Error::internal)?,
    }
    Ok(())
}

fn write_changes(entry: &HistoryEntry, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, change) in entry.changes.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        out.extend_from_slice(format!("{comma}\"{}\":{{\"from\":", change.member).as_bytes());
        out.extend_from_slice(change.from_json().as_bytes());
        out.extend_from_slice(b",\"to\":");
        out.extend_from_slice(change.to_json().as_bytes());
        out.push(b'}');
    }
    out.push(b'}');
}

/// The name of the schema of an entry.
pub(crate) const fn schema_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Deal => "DealHistoryEntry",
        _ => "HistoryEntry",
    }
}

/// The schema of an entry.
pub(crate) fn schema(kind: Kind) -> Value {
    let caller = json!({ "type": ["string", "null"] });
    let mut schema = json!({
        "type": "object",
        "description": "The members of a change that `fields` names; without it, all of them.",
        "properties": {
            "id": told(count(1), "The number of the change in the feed.", json!(1042)),
            "action": told(reference("Action"), "The kind of the change.", json!("updated")),
            "changedAt": told(instant(), "The instant of the change.", json!(INSTANT)),
            "changedBy": told(caller, "A user's e-mail, or `apikey:` and a key's name.", json!("apikey:import")),
            "changes": told(
                json!({ "type": "object", "additionalProperties": reference("MemberChange") }),
                "The members that the change gave another value: of a new record all that have one, of a deleted one all \
                 that had one. Members of a deal's qualification have names such as `bant.budget`.",
                changes_example(kind),
            ),
        },
    });
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut)
        && kind == Kind::Deal
    {
        let seconds = told(
            or_null(count(0)),
            "Seconds for which the deal had been in the stage that the change moved it out of; null for any other change.",
            json!(86_400),
        );
        properties.insert(SECONDS_IN_STAGE.to_owned(), seconds);
    }
    schema
}

/// The schema of a member's change.
pub(crate) fn member_change() -> Value {
    json!({
        "type": "object",
        "description": "A member's value before and after a change.",
        "required": ["from", "to"],
        "properties": {
            "from": told(any_value(), "The value before; null for none.", json!("lead")),
            "to": told(any_value(), "The value after; null for none.", json!("customer")),
        },
    })
}

/// The schema of whatever a member can be: a plain value, tags, or a criterion of a qualification.
fn any_value() -> Value {
    let plain = json!({ "type": ["string", "number", "boolean", "null"] });
    json!({
        "type": ["string", "number", "boolean", "array", "object", "null"],
        "items": plain,
        "additionalProperties": plain,
    })
}

fn changes_example(kind: Kind) -> Value {
    match kind {
        Kind::Deal => json!({ "stageId": { "from": ID, "to": "0194c101-aca0-7001-9859-d4265eb01789" } }),
        Kind::Contact => json!({ "lifecycleStage": { "from": "lead", "to": "customer" } }),
        _ => json!({ "ownerId": { "from": null, "to": ID } }),
    }
}

/// An entry as it is answered.
pub(crate) fn example(kind: Kind) -> Value {
    let mut example = json!({
        "id": 1042,
        "action": Action::Updated,
        "changedAt": INSTANT,
        "changedBy": "apikey:import",
        "changes": changes_example(kind),
    });
    if let Some(members) = example.as_object_mut()
        && kind == Kind::Deal
    {
        members.insert(SECONDS_IN_STAGE.to_owned(), json!(86_400));
    }
    example
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_schema_has_the_members_that_fields_can_name() {
        for kind in Kind::IN_FEED {
            for value in [schema(*kind)["properties"].clone(), example(*kind)] {
                let told = value.as_object().unwrap().keys().map(String::as_str);
                assert_eq!(told.collect::<BTreeSet<_>>(), members(*kind).collect());
            }
        }
    }
}
