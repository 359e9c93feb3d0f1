use axum::{extract::State, response::Response};
use rally_core::{FeedEntry, FeedFrom, FeedQuery, Kind, Scope};
use serde_json::{Value, json};

use crate::{
    answer,
    app::App,
    call::Call,
    openapi::instant,
    problem::Problem,
    query,
    route::{Answer, AnswerBody, Method, Operation, Route, Schema, Special},
};

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::new(Method::Get, "/sync/changes", list_changes, Operation::Special(&LIST_CHANGES))]
}

static LIST_CHANGES: Special = Special {
    id: "listChanges",
    summary: "List changes",
    description: Some("Reading on from the last `changedAt` never skips a change and never repeats one."),
    scope: Some(Scope::Read),
    parameters: &["Since", "After", "Entities", "FeedLimit", "Fields"],
    body: None,
    answer: Answer {
        status: 200,
        description: "The next changes, oldest first",
        body: AnswerBody::ListOf("FeedEntry"),
        headers: &["Link"],
    },
    schemas: &[Schema { name: "FeedEntry", json: feed_entry }],
};

async fn list_changes(State(app): State<App>, call: Call) -> Result<Response, Problem> {
    let answered = app.read(move || {
        call.session.require(Scope::Read)?;
        let (feed, fields) = FeedQuery::parse(&call.parameters()?, call.profile())?;
        let changes = call.session.changes(&feed)?;
        let mut response = answer::changes(&changes, &fields)?;
        if let Some(last) = changes.last().filter(|_| changes.len() == feed.limit) {
            let next = next(&call, feed.from, last);
            answer::write_links(&mut response, &call.path(), &[("next", next)])?;
        }
        Ok(response)
    });
    Ok(answered.await?)
}

/// The query for the changes after an entry, with the parameter that this one was asked with.
fn next(call: &Call, from: FeedFrom, last: &FeedEntry) -> String {
    let (name, value) = match from {
        FeedFrom::Since(_) => ("since", last.changed_at.to_string()),
        FeedFrom::After(_) => ("after", last.id.to_string()),
    };
    query::with(call.uri.query(), &["since", "after"], &[(name, &value)])
}

fn feed_entry() -> Value {
    let properties = json!({
        "id": { "type": "integer", "minimum": 1 },
        "entityType": { "type": "string", "enum": Kind::IN_FEED.map(Kind::noun) },
        "entityId": { "type": "string", "format": "uuid" },
        "action": { "type": "string", "enum": ["inserted", "updated", "deleted"] },
        "changedAt": instant(),
        "changedBy": { "type": ["string", "null"], "description": "A user's e-mail, or `apikey:` and a key's name" },
    });
    json!({
        "type": "object",
        "description": "The members of a change that `fields` names; without it, all of them",
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rally_core::FeedFields;

    use super::feed_entry;

    #[test]
    fn the_schema_has_the_members_that_fields_can_name() {
        let schema = feed_entry();
        let members = schema["properties"].as_object().unwrap().keys().map(String::as_str);
        assert_eq!(members.collect::<BTreeSet<_>>(), FeedFields::members().iter().copied().collect());
    }
}
