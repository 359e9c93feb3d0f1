use rally_core::{
    Code, Config, DeliveryOrder, Error, Event, EventFilter, Id, Pipeline, PipelineDraft, PipelineStageDraft,
    Reach, Scope, WebhookDraft, WebhookUpdate, WriteOptions, limits, store::MemoryStore,
};
use serde_json::{Value, json};

use super::{draft, hook, world};
use crate::support::{World, bytes, create_json, update_json, with};

pub(super) fn other_pipeline(world: &World) -> Pipeline {
    let stages = vec![PipelineStageDraft::new("New")];
    world.acme.pipelines().create(&PipelineDraft::new("Other", stages)).unwrap()
}

fn body() -> Value {
    json!({"name": "till", "url": "https://x.example/hook", "events": ["deal.won"]})
}

#[track_caller]
fn wrong(error: &Error, member: &str, phrase: &str) {
    let phrases = &error.faults().by_member()[member];
    assert!(phrases.iter().any(|told| told.contains(phrase)), "{error:?}");
    assert!(error.is_invalid());
}

#[test]
fn a_new_webhook_has_a_secret_and_no_failures() {
    let (world, id) = world();
    let made = world.acme.webhooks().get(id).unwrap();
    let key = made.secret.strip_prefix("whsec_").unwrap();
    assert_eq!((key.len(), made.events), (44, vec![Event::All]));
    assert!(made.is_active && made.ordering == DeliveryOrder::Record && made.filter.is_none());
    assert_eq!((made.failure_count, made.last_triggered_at, made.next_attempt_at), (0, None, None));
    let other = world.acme.webhooks().create(&draft("other", &[Event::DealWon])).unwrap();
    assert_ne!(other.secret, made.secret);
    assert_eq!(world.acme.webhooks().list(rally_core::Query::all()).unwrap().records.len(), 2);
}

#[test]
fn members_are_written_in_the_documented_order() {
    let (world, id) = world();
    let row = world.acme.webhooks().json().get(id).unwrap();
    let mut text = Vec::new();
    row.write_json(world.acme.tenant().model::<rally_core::Webhook>().whole(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let names = [
        "id",
        "name",
        "url",
        "secret",
        "events",
        "isActive",
        "lastTriggeredAt",
        "failureCount",
        "createdAt",
        "disabledReason",
        "ordering",
        "filter",
        "nextAttemptAt",
    ];
    let places: Vec<usize> = names.iter().map(|name| text.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn each_fault_of_a_draft_is_told() {
    let world = World::new();
    let refused = |members: Value| {
        let body = with(body(), &members);
        world.refused(|| create_json(world.acme.webhooks(), &body))
    };
    wrong(&refused(json!({"url": "http://x.example/"})), "url", "must begin with https://");
    wrong(&refused(json!({"url": "https://u:p@x.example/"})), "url", "user name");
    wrong(&refused(json!({"url": "https://x.example:22/"})), "url", "port 22");
    wrong(&refused(json!({"url": "https://127.0.0.1.nip.io/"})), "url", "loopback");
    wrong(&refused(json!({"url": "https://2130706433/"})), "url", "loopback");
    wrong(&refused(json!({"url": "https://[::ffff:10.0.0.1]/"})), "url", "not sent");
    wrong(&refused(json!({"url": "no url"})), "url", "is not a URL");
    wrong(&refused(json!({"events": ["deal.sold"]})), "events[0]", "must be one of *, contact.created");
    wrong(&refused(json!({"events": ["webhook.test"]})), "events[0]", "must be one of");
    wrong(&refused(json!({"events": []})), "events", "must have at least one of");
    wrong(&refused(json!({"events": "deal.won"})), "events", "must be an array");
    wrong(&refused(json!({"events": null})), "events", "is required");
    wrong(&refused(json!({"name": "x".repeat(256)})), "name", "longer than 255");
    wrong(&refused(json!({"secret": "whsec_mine"})), "secret", "is made here");
    wrong(&refused(json!({"ordering": "random"})), "ordering", "must be one of none, record, strict");
    wrong(&refused(json!({"filter": 5})), "filter", "must be an object");
    wrong(&refused(json!({"filter": {"changedFields": ["cityy"]}})), "filter.changedFields", "\"cityy\"");
    let unknown = refused(json!({"filter": {"pipelineId": world.acme.tenant().id}}));
    assert_eq!(unknown.code(), Code::BadReference);
}

#[test]
fn a_secret_in_an_update_is_refused_in_either_profile() {
    for world in [World::new(), World::strict()] {
        let id = hook(&world.acme, &[Event::DealWon]);
        let secret = json!({"secret": "whsec_mine"});
        let error = world.refused(|| update_json(world.acme.webhooks(), id, &secret));
        wrong(&error, "secret", "is made here");
    }
}

#[test]
fn a_tenant_has_at_most_fifty_webhooks() {
    let world = World::new();
    for number in 0..limits::WEBHOOKS {
        hook_named(&world, &number.to_string());
    }
    let error = world.refused(|| world.acme.webhooks().create(&draft("one more", &[Event::DealWon])));
    assert_eq!(error.code(), Code::LimitExceeded);
    let first = world.acme.webhooks().list(rally_core::Query::all()).unwrap().records[0].id;
    world.acme.webhooks().delete(first).unwrap();
    hook_named(&world, "one more");
}

fn hook_named(world: &World, name: &str) {
    world.acme.webhooks().create(&draft(name, &[Event::DealWon])).unwrap();
}

#[test]
fn a_host_may_let_webhooks_reach_the_machine_itself() {
    let config = Config { reach: Reach::InternetAndLoopback, ..Config::default() };
    let world = World::with(std::sync::Arc::new(MemoryStore::new()), config);
    let local = WebhookDraft::new("local", "http://127.0.0.1:8080/hook", [Event::All]);
    assert!(world.acme.webhooks().create(&local).is_ok());
    let other = WebhookDraft::new("other", "http://10.0.0.1:8080/hook", [Event::All]);
    assert!(world.acme.webhooks().create(&other).unwrap_err().is_invalid());
}

#[test]
fn an_update_merges_and_null_clears() {
    let (world, id) = world();
    let filter = EventFilter::new().changed_fields(["city"]).pipeline_id(world.pipeline().id);
    let update = WebhookUpdate::new().filter(filter.clone()).ordering(DeliveryOrder::Strict);
    let updated = world.acme.webhooks().update(id, &update).unwrap();
    assert_eq!((updated.filter, updated.ordering), (Some(filter), DeliveryOrder::Strict));
    let cleared = update_json(world.acme.webhooks(), id, &json!({"filter": null, "name": "shop"})).unwrap();
    let cleared = cleared.record.read().unwrap();
    assert_eq!((cleared.filter, cleared.name.as_str()), (None, "shop"));
    assert_eq!(cleared.events, [Event::All]);
}

#[test]
fn all_of_it_takes_the_scope_admin() {
    let (world, id) = world();
    let writer = world.acme.clone().limited_to(Scope::Write);
    let webhooks = writer.webhooks();
    let refused = [
        webhooks.get(id).unwrap_err(),
        webhooks.create(&draft("x", &[Event::All])).unwrap_err(),
        webhooks.update(id, &WebhookUpdate::new().name("x")).unwrap_err(),
        webhooks.delete(id).unwrap_err(),
        webhooks.test(id).unwrap_err(),
        webhooks.rotate_secret(id, 1).unwrap_err(),
        webhooks.replay(id, 1, None).unwrap_err(),
        webhooks.redeliver(id, Id::from_uuid(id.as_uuid())).unwrap_err(),
        webhooks.deliveries(id).list(&rally_core::DeliveryQuery::default()).unwrap_err(),
        webhooks.deliveries(id).get(Id::from_uuid(id.as_uuid())).unwrap_err(),
    ];
    assert!(refused.iter().all(|error| error.required_scope() == Some(Scope::Admin)));
}

#[test]
fn unknown_webhooks_and_those_of_others_are_not_found() {
    let (world, id) = world();
    let other = crate::support::tenant(&world.engine, "other");
    world.add("ada@x.example");
    let delivery = world.claims()[0].delivery();
    let webhooks = other.webhooks();
    let errors = [
        webhooks.get(id).unwrap_err(),
        webhooks.test(id).unwrap_err(),
        webhooks.rotate_secret(id, 1).unwrap_err(),
        webhooks.replay(id, 1, None).unwrap_err(),
        webhooks.redeliver(id, delivery).unwrap_err(),
        webhooks.deliveries(id).list(&rally_core::DeliveryQuery::default()).unwrap_err(),
        webhooks.deliveries(id).get(delivery).unwrap_err(),
    ];
    assert!(errors.iter().all(Error::is_not_found), "{errors:?}");
    let second = hook(&world.acme, &[Event::All]);
    assert!(world.acme.webhooks().redeliver(second, delivery).unwrap_err().is_not_found());
    assert!(world.acme.webhooks().deliveries(second).get(delivery).unwrap_err().is_not_found());
}

#[test]
fn a_repeated_creation_answers_the_first_with_its_secret() {
    let world = World::new();
    let once = WriteOptions::default().once(rally_core::IdempotencyKey::new("hook", &[b"x"]).unwrap());
    let create = || world.acme.webhooks().json().create(&bytes(&body()), &once).unwrap();
    let (first, again) = (create(), create());
    assert!(again.replayed);
    assert_eq!(first.record.read().unwrap().secret, again.record.read().unwrap().secret);
}

#[test]
fn administrative_acts_are_in_the_audit_trail() {
    let (world, id) = world();
    world.acme.webhooks().update(id, &WebhookUpdate::new().name("shop")).unwrap();
    world.acme.webhooks().rotate_secret(id, 1).unwrap();
    world.acme.webhooks().delete(id).unwrap();
    let entries = world.acme.audit().list(rally_core::Query::all()).unwrap().records;
    let told: Vec<(&str, Option<&str>)> =
        entries.iter().map(|entry| (entry.action.as_str(), entry.detail.as_deref())).collect();
    let expected = ["webhook.created", "webhook.updated", "webhook.secretRotated", "webhook.deleted"];
    assert_eq!(told.iter().map(|(action, _)| *action).collect::<Vec<_>>(), expected);
    assert_eq!(told[1].1, Some("name"));
    assert!(!format!("{entries:?}").contains("whsec_"));
}
