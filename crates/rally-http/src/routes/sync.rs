use std::{future::pending, sync::Arc, time::Duration};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};
use rally_core::{
    Action, Error, Faults, FeedEntry, FeedEpoch, FeedPosition, FeedQuery, Kind, Scope, Session, limits,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    answer,
    app::App,
    call::Call,
    entry_fields::{EntryFields, names},
    lanes::{Party, Work},
    limits::{FEED_LOOK, FEED_WAIT_SECONDS},
    openapi::{ID, INSTANT, closed_set, count, instant, reference, told, uuid},
    parameters::Parameters,
    problem::Problem,
    query,
    route::{AnswerBody, Method, Operation, ResponseSpec, Route, Schema, Special},
    stopping::Stopping,
};

/// The members of an entry, in the order in which they are written.
const MEMBERS: [&str; 6] = ["id", "entityType", "entityId", "action", "changedAt", "changedBy"];

/// The epoch of the feed, in requests and answers.
const FEED_EPOCH: HeaderName = HeaderName::from_static("x-feed-epoch");

/// The number of the tenant's last change, in answers.
const FEED_POSITION: HeaderName = HeaderName::from_static("x-feed-position");

/// Bytes of the JSON of an entry.
const ENTRY_BYTES: usize = 240;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::new(Method::Get, "/sync/changes", list_changes, Operation::Special(&LIST_CHANGES))]
}

static LIST_CHANGES: Special = Special {
    id: "listChanges",
    summary: "List changes",
    description: "Reading on from the last `changedAt` never skips a change and never repeats one. `Link` has the address \
                  of the next page. With `wait` the answer comes with the next change, so that a reader hears of it at once. \
                  A reader that sends `X-Feed-Epoch` back is told by `feed_reset` when changes that it has read may be gone, \
                  as the operator has put the tenant back from a copy or the database has failed over without them.",
    scope: Some(Scope::Read),
    parameters: &["Since", "After", "Entities", "FeedLimit", "Wait", "Fields", "FeedEpoch"],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "The next changes, oldest first.",
        body: AnswerBody::ListOf("FeedEntry"),
        example: feed_example,
        headers: &["Link", "X-Feed-Epoch", "X-Feed-Position"],
    },
    schemas: &[
        Schema { name: "FeedEntry", json: feed_entry },
        Schema { name: "EntityType", json: entity_type },
        Schema { name: "Action", json: action },
    ],
};

async fn list_changes(app: App, call: Call) -> Result<Response, Problem> {
    call.session.require(Scope::Read)?;
    let mut parameters = feed_query(call.parameters()?)?;
    parameters.feed.epoch = epoch(&call.headers)?;
    let asked = Asked {
        parameters,
        path: call.path(),
        query: call.uri.query().unwrap_or_default().to_owned(),
        session: call.session,
    };
    Ok(answer_in_time(&app, Arc::new(asked), call.stopping).await?)
}

/// Changes that a caller has asked for.
struct Asked {
    session: Session,
    parameters: FeedParameters,
    path: String,
    query: String,
}

impl Asked {
    /// The changes that there are by now, and true if there is any.
    fn read(&self) -> Result<(Response, bool), Error> {
        let FeedParameters { feed, fields, ignored, .. } = &self.parameters;
        // Read first, so that whoever goes on from it misses nothing.
        let (last_change, _) = self.session.last_change()?;
        let page = self.session.feed(feed)?;
        let changes = page.changes;
        let mut response = answer::list(&changes, ENTRY_BYTES, |entry, out| write_json(fields, entry, out))?;
        let epoch = HeaderValue::try_from(page.epoch.to_string()).map_err(Error::internal)?;
        response.headers_mut().insert(FEED_EPOCH, epoch);
        if let Some(last) = changes.last().filter(|_| changes.len() == feed.limit) {
            let next = next(&self.query, ignored, feed.from, last);
            answer::write_links(&mut response, &self.path, &[("next", next)])?;
        }
        response.headers_mut().insert(FEED_POSITION, HeaderValue::from(last_change));
        Ok((response, !changes.is_empty()))
    }
}

/// Answers with changes, or without any once the time that the caller would wait is over, or the server stops.
async fn answer_in_time(
    app: &App,
    asked: Arc<Asked>,
    mut stopping: Option<Stopping>,
) -> Result<Response, Error> {
    let party = Party::Tenant(asked.session.tenant().id);
    // The time is the caller's, so it is not counted by the engine's clock, which may stand still.
    let end = Instant::now() + asked.parameters.wait;
    let mut place = None;
    loop {
        let reading = Arc::clone(&asked);
        let (response, has_changes) = app.run(Work::LongRead, party, move || reading.read()).await?;
        let left = end.saturating_duration_since(Instant::now());
        if has_changes || left.is_zero() {
            return Ok(response);
        }
        if place.is_none() {
            place = Some(app.lanes().feed_waits().place(party).await?);
        }
        tokio::select! {
            () = sleep(FEED_LOOK.min(left)) => {}
            () = begun(stopping.as_mut()) => return Ok(response),
        }
    }
}

/// Waits until the server stops, if it can tell.
async fn begun(stopping: Option<&mut Stopping>) {
    match stopping {
        Some(stopping) => stopping.begun().await,
        None => pending().await,
    }
}

/// The query for the changes after an entry, with the parameter that this one was asked with.
fn next(asked: &str, ignored: &[String], from: FeedPosition, last: &FeedEntry) -> String {
    let (name, value) = match from {
        FeedPosition::Since(_) => ("since", last.changed_at.to_string()),
        FeedPosition::After(_) => ("after", last.id.to_string()),
    };
    query::with(Some(asked), ignored, &["since", "after"], &[(name, &value)])
}

/// The epoch that the reader knows the position of.
fn epoch(headers: &HeaderMap) -> Result<Option<FeedEpoch>, Error> {
    let mut all = headers.get_all(FEED_EPOCH).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(Faults::one("X-Feed-Epoch", "is given twice").into());
    }
    let epoch = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    epoch.map(Some).ok_or_else(|| Faults::one("X-Feed-Epoch", "is not the epoch of a feed").into())
}

/// Appends the JSON object of the members of an entry that are asked for.
fn write_json(fields: &EntryFields, entry: &FeedEntry, out: &mut Vec<u8>) -> Result<(), Error> {
    if fields.is_whole() {
        return serde_json::to_writer(out, entry).map_err(Error::internal);
    }
    let entry = serde_json::to_value(entry).map_err(Error::internal)?;
    fields.write_json(out, |member, out| {
        let value = entry.get(member).ok_or_else(|| Error::internal("an entry has all members"))?;
        serde_json::to_writer(out, value).map_err(Error::internal)
    })
}

/// The parameters of the feed.
#[derive(Debug)]
struct FeedParameters {
    feed: FeedQuery,
    fields: EntryFields,
    /// The longest time to wait for a change.
    wait: Duration,
    /// Names that mean nothing here.
    ignored: Vec<String>,
}

/// Reads the parameters of the feed: `since` or `after`, `entities`, `limit` and `fields`.
fn feed_query(mut parameters: Parameters) -> Result<FeedParameters, Error> {
    let from = position(&mut parameters);
    let kinds = kinds(&mut parameters);
    let limit = parameters.number("limit", 1, limits::FEED_PAGE).unwrap_or(limits::FEED_PAGE);
    let wait = parameters.number("wait", 0, FEED_WAIT_SECONDS).unwrap_or(0);
    let wait = Duration::from_secs(u64::try_from(wait).map_err(Error::internal)?);
    let fields = EntryFields::read(&mut parameters, &MEMBERS);
    let ignored = parameters.finish()?;
    let from = from.ok_or_else(|| Error::internal("a feed without a position has a fault"))?;
    Ok(FeedParameters { feed: FeedQuery { from, kinds, limit, epoch: None }, fields, wait, ignored })
}

/// Reads the position to go on from; without one, there is a fault.
fn position(parameters: &mut Parameters) -> Option<FeedPosition> {
    let is_since_given = parameters.is_given("since");
    let since = parameters.instant("since");
    if is_since_given {
        if parameters.take("after").is_some() {
            parameters.fault("after", "must not be given together with since");
        }
        return since.map(FeedPosition::Since);
    }
    if !parameters.is_given("after") {
        parameters.fault("since", "is required");
    }
    parameters.change("after").map(FeedPosition::After)
}

/// Reads the kinds of record that are asked for; all of the feed, if none is named.
fn kinds(parameters: &mut Parameters) -> Vec<Kind> {
    let list = parameters.take("entities");
    let mut kinds = Vec::new();
    for name in names(list.as_deref()) {
        match Kind::IN_FEED.iter().find(|kind| kind.plural() == name) {
            Some(kind) if kinds.contains(kind) => {}
            Some(kind) => kinds.push(*kind),
            None => {
                let all: Vec<&str> = Kind::IN_FEED.iter().map(|kind| kind.plural()).collect();
                parameters.fault("entities", format!("names {name:?}; use {}", all.join(", ")));
                break;
            }
        }
    }
    if kinds.is_empty() { Kind::IN_FEED.to_vec() } else { kinds }
}

fn feed_entry() -> Value {
    let caller = json!({ "type": ["string", "null"] });
    json!({
        "type": "object",
        "description": "The members of a change that `fields` names; without it, all of them.",
        "properties": {
            "id": told(count(1), "The number of the change.", json!(1042)),
            "entityType": told(reference("EntityType"), "The kind of the record.", json!("contact")),
            "entityId": told(uuid(), "The record.", json!(ID)),
            "action": told(reference("Action"), "The kind of the change.", json!("updated")),
            "changedAt": told(instant(), "The instant of the change.", json!(INSTANT)),
            "changedBy": told(caller, "A user's e-mail, or `apikey:` and a key's name.", json!("apikey:import")),
        },
    })
}

fn entity_type() -> Value {
    let kinds: Vec<&str> = Kind::IN_FEED.iter().map(|kind| kind.noun()).collect();
    json!({ "type": "string", "enum": kinds, "description": "The kind of a record in the feed." })
}

fn action() -> Value {
    closed_set(Action::SET).1
}

fn feed_example() -> Value {
    json!({
        "id": 1042,
        "entityType": "contact",
        "entityId": ID,
        "action": "updated",
        "changedAt": INSTANT,
        "changedBy": "apikey:import",
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rally_core::Profile;

    use super::*;
    use crate::query;

    fn read(query: &str) -> Result<(FeedQuery, EntryFields), Error> {
        let read = feed_query(Parameters::new(query::pairs(Some(query))?, Profile::Strict))?;
        Ok((read.feed, read.fields))
    }

    fn entry() -> FeedEntry {
        FeedEntry {
            id: 7,
            entity_type: Kind::Contact,
            entity_id: "0194c101-aca0-7001-9859-d4265eb01788".parse().unwrap(),
            action: Action::Inserted,
            changed_at: "2025-02-01T10:15:00Z".parse().unwrap(),
            changed_by: None,
        }
    }

    fn json(fields: &EntryFields) -> String {
        let mut json = Vec::new();
        write_json(fields, &entry(), &mut json).unwrap();
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn the_schema_has_the_members_that_fields_can_name() {
        let schema = feed_entry();
        let members = schema["properties"].as_object().unwrap().keys().map(String::as_str);
        assert_eq!(members.collect::<BTreeSet<_>>(), MEMBERS.into_iter().collect());
    }

    #[test]
    fn all_members_by_name_are_the_whole_entry() {
        let value = serde_json::to_value(entry()).unwrap();
        let members = value.as_object().unwrap().keys().map(String::as_str);
        assert_eq!(members.collect::<BTreeSet<_>>(), MEMBERS.into_iter().collect());
        let one_by_one = MEMBERS.map(|name| {
            let (_, fields) = read(&format!("after=0&fields={name}")).unwrap();
            json(&fields).trim_matches(['{', '}']).to_owned()
        });
        let (_, whole) = read("after=0").unwrap();
        assert_eq!(json(&whole), format!("{{{}}}", one_by_one.join(",")));
        let (_, fields) = read("after=0&fields=action,id").unwrap();
        assert_eq!(json(&fields), r#"{"id":7,"action":"inserted"}"#);
    }

    #[test]
    fn a_kind_that_is_named_twice_is_asked_for_once() {
        let (feed, fields) = read("since=2025-02-01&entities=deals, contacts,deals&fields=").unwrap();
        let since = FeedPosition::Since("2025-02-01T00:00:00Z".parse().unwrap());
        let kinds = vec![Kind::Deal, Kind::Contact];
        assert_eq!(feed, FeedQuery { from: since, kinds, limit: 1_000, epoch: None });
        assert!(fields.is_whole());
        for number in [0, 7, i64::MAX.unsigned_abs()] {
            assert_eq!(read(&format!("after={number}")).unwrap().0.from, FeedPosition::After(number));
        }
    }

    #[test]
    fn a_reader_names_one_epoch_or_none() {
        let told = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FEED_EPOCH, HeaderValue::from_static(value));
            }
            epoch(&headers).map_err(|error| error.to_string())
        };
        let known = "0194c101-aca0-7001-9859-d4265eb01788";
        assert_eq!(told(&[]), Ok(None));
        assert_eq!(told(&[known]).unwrap().unwrap().to_string(), known);
        assert_eq!(told(&[known, known]).unwrap_err(), "X-Feed-Epoch is given twice");
        assert_eq!(told(&["7"]).unwrap_err(), "X-Feed-Epoch is not the epoch of a feed");
    }

    #[test]
    fn a_position_is_an_instant_or_a_number() {
        for (query, detail) in [
            ("", "since is required"),
            ("entities=deals", "since is required"),
            ("after=-1", "after must be the id of a change"),
            ("after=", "after must be the id of a change"),
            ("after=9223372036854775808", "after must be the id of a change"),
            ("after=1&after=2", "after is given twice"),
            ("after=1&since=2025-02-01", "after must not be given together with since"),
            ("after=1&since=soon", "2 fields are invalid"),
        ] {
            assert_eq!(read(query).unwrap_err().detail(), detail, "{query}");
        }
    }
}
