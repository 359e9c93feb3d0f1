//! Events of changes: each committed one is told exactly once, in the order of its record, and none that was refused.

use std::collections::BTreeMap;

use rally_core::{
    Action, Attempted, Claim, CourierLimits, DeliveryOrder, Engine, Event, Finished, Kind, Session, TenantId,
    WebhookDraft,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    history::changes,
    state::{Change, Record, State},
    table::{Values, members},
};

/// What a receiver of all events has got of one tenant, in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    told: Vec<Value>,
}

/// Makes a tenant tell all its events.
pub(super) fn subscribe(session: &Session, ordering: DeliveryOrder) {
    let draft = WebhookDraft::new("model", "https://x.example/hook", [Event::All]).ordering(ordering);
    session.webhooks().create(&draft).expect("the draft is whole");
}

/// Delivers what is due, each tenant's to its receiver. Every third attempt fails at first.
pub(super) fn deliver(engine: &Engine, receivers: &mut BTreeMap<TenantId, Receiver>) {
    let deliveries = engine.deliveries();
    loop {
        let claims = deliveries.claim(&CourierLimits::default()).expect("the store is well");
        if claims.is_empty() {
            return;
        }
        for claim in &claims {
            let body: Value = serde_json::from_slice(claim.body()).expect("a body is JSON");
            let is_refused =
                claim.attempt() == 1 && body["sequence"].as_u64().is_some_and(|number| number % 3 == 0);
            let status = if is_refused { 500 } else { 200 };
            let finished =
                deliveries.finish(claim, &Attempted::answered(status, 1)).expect("the store is well");
            if finished == Finished::Succeeded {
                receivers.entry(claim.tenant()).or_default().told.push(checked(claim, body));
            }
        }
    }
}

/// The body of a claim, whose headers name the same delivery and event.
fn checked(claim: &Claim, body: Value) -> Value {
    let id = claim.headers().iter().find(|(name, _)| *name == "webhook-id").expect("it has an id");
    assert_eq!(id.1, claim.delivery().to_string());
    assert_eq!(claim.event().map(Event::as_str), body["type"].as_str());
    body
}

/// Compares what a receiver has got with the changes of the tenant.
pub(super) fn compare_events(receiver: &Receiver, state: &State) {
    let expected = (1..).zip(&state.changes).flat_map(|(number, change)| {
        let told = told(number, change);
        types(change).into_iter().map(move |event| (number, event, told.clone()))
    });
    let mut left: BTreeMap<(u64, &str), Value> =
        expected.map(|(number, event, told)| ((number, event), told)).collect();
    let mut last: BTreeMap<Uuid, (u64, usize)> = BTreeMap::new();
    for body in &receiver.told {
        let (number, event) = (body["sequence"].as_u64(), body["type"].as_str());
        let (number, event) = number.zip(event).expect("a body has both");
        let (key, told) =
            left.remove_entry(&(number, event)).unwrap_or_else(|| panic!("once, or never: {body}"));
        let place = body["data"]["id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
        let order = (number, Event::WORDS.iter().position(|word| *word == key.1).unwrap_or_default());
        let before = place.and_then(|id| last.insert(id, order));
        assert!(before.is_none_or(|before| before < order), "out of order: {body}");
        for (name, value) in told.as_object().expect("it is an object") {
            let found = name.split('/').fold(body, |value, part| &value[part]);
            assert_eq!(found, value, "{name} of {body}");
        }
    }
    assert!(left.is_empty(), "never told: {:?}", left.keys());
}

/// The members that the events of a change have, each by its path.
fn told(number: u64, change: &Change) -> Value {
    let changes = if change.action == Action::Updated { changes(change) } else { Vec::new() };
    let names: Vec<&str> = changes.iter().map(|(name, ..)| name.as_str()).collect();
    let previous = changes.iter().map(|(name, before, _)| (name.clone(), parsed(before)));
    let mut told = json!({
        "sequence": number,
        "timestamp": change.at.to_string(),
        "changedFields": names,
        "previous": previous.collect::<serde_json::Map<_, _>>(),
        "data/id": change.id.to_string(),
    });
    if let Some(record) = change.after.as_ref().or(change.before.as_ref()) {
        for member in members(change.kind).iter().filter(|member| member.values != Values::Made) {
            told[format!("data/{}", member.name)] = parsed(&record.members[member.place]);
        }
    }
    told
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("a member is JSON")
}

/// The types of the events of a change, in their order.
fn types(change: &Change) -> Vec<&'static str> {
    let text = |record: Option<&Record>, name: &str| record.map(|record| record.members[name].clone());
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    let is_now = |name: &str, value: &str| {
        text(after, name).as_deref() == Some(value) && text(before, name).as_deref() != Some(value)
    };
    let mut types = vec![base(change.kind, change.action)];
    match change.kind {
        Kind::Deal if after.is_some() => {
            if before.is_some() && text(before, "stageId") != text(after, "stageId") {
                types.push("deal.stage_changed");
            }
            if is_now("status", "\"won\"") {
                types.push("deal.won");
            }
            if is_now("status", "\"lost\"") {
                types.push("deal.lost");
            }
        }
        Kind::Activity if after.is_some() && is_now("status", "\"completed\"") => {
            types.push("activity.completed");
        }
        _ => {}
    }
    types
}

fn base(kind: Kind, action: Action) -> &'static str {
    match (kind, action) {
        (Kind::Contact, Action::Inserted) => "contact.created",
        (Kind::Contact, Action::Updated) => "contact.updated",
        (Kind::Contact, Action::Deleted) => "contact.deleted",
        (Kind::Company, Action::Inserted) => "company.created",
        (Kind::Company, Action::Updated) => "company.updated",
        (Kind::Company, Action::Deleted) => "company.deleted",
        (Kind::Deal, Action::Inserted) => "deal.created",
        (Kind::Deal, Action::Updated) => "deal.updated",
        (Kind::Deal, Action::Deleted) => "deal.deleted",
        (Kind::Activity, Action::Inserted) => "activity.created",
        (Kind::Activity, Action::Updated) => "activity.updated",
        (Kind::Activity, Action::Deleted) => "activity.deleted",
        (kind, _) => panic!("{kind} is not in the feed"),
    }
}
