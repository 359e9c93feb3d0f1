use rally_core::{
    Activity, ActivityDraft, ActivityStatus, ActivityType, ActivityUpdate, BantUpdate, CompanyDraft, Contact,
    ContactUpdate, CriterionUpdate, DealDraft, DealUpdate, Event, EventFilter, Id, WebhookDraft,
    WebhookUpdate,
};
use serde_json::{Value, json};

use super::{body, draft, header, hook, world};
use crate::support::{World, ada, text};

/// A contact as adapters write it.
fn as_json(world: &World, id: Id<Contact>) -> Value {
    let row = world.acme.contacts().json().get(id).unwrap();
    serde_json::from_str(&text(&row)).unwrap()
}

fn types(world: &World) -> Vec<String> {
    world.told().into_iter().map(|(event, _)| event).collect()
}

#[test]
fn a_change_tells_its_events_in_their_order() {
    let (world, _) = world();
    let deal = world.deal("Two looms");
    assert_eq!(types(&world), ["deal.created"]);
    world.acme.deals().move_to(deal, world.stage("Closed Won")).unwrap();
    assert_eq!(types(&world), ["deal.updated", "deal.stage_changed", "deal.won"]);
    world.acme.deals().update(deal, &DealUpdate::new().notes("at last")).unwrap();
    assert_eq!(types(&world), ["deal.updated"], "it was won before");
    world.acme.deals().move_to(deal, world.stage("Closed Lost")).unwrap();
    assert_eq!(types(&world), ["deal.updated", "deal.stage_changed", "deal.lost"]);
    world.acme.deals().move_to(deal, world.stage("Lead")).unwrap();
    assert_eq!(types(&world), ["deal.updated", "deal.stage_changed"]);
    world.acme.deals().update(deal, &DealUpdate::new().notes("soon")).unwrap();
    let need = BantUpdate::new().need(CriterionUpdate::new().rating(3));
    world.acme.bant().update(deal.into(), &need).unwrap();
    world.acme.deals().delete(deal).unwrap();
    assert_eq!(types(&world), ["deal.updated", "deal.updated", "deal.deleted"]);
    let won = DealDraft::new(world.pipeline().id, world.stage("Closed Won"), "Won at once");
    world.acme.deals().create(&won).unwrap();
    assert_eq!(types(&world), ["deal.created", "deal.won"]);
}

#[test]
fn an_activity_that_is_completed_is_told() {
    let (world, _) = world();
    let done = ActivityDraft::new(ActivityType::Task, "Call").status(ActivityStatus::Completed);
    let activity: Activity = world.acme.activities().create(&done).unwrap();
    assert_eq!(types(&world), ["activity.created", "activity.completed"]);
    let status = |status| ActivityUpdate::new().status(status);
    world.acme.activities().update(activity.id, &status(ActivityStatus::Pending)).unwrap();
    world.acme.activities().update(activity.id, &status(ActivityStatus::Completed)).unwrap();
    assert_eq!(types(&world), ["activity.updated", "activity.updated", "activity.completed"]);
}

#[test]
fn a_body_tells_the_record_and_what_it_was() {
    let (world, webhook) = world();
    let company = world.acme.companies().create(&CompanyDraft::new("Looms Ltd")).unwrap();
    let id = world.add("ada@x.example");
    world.acme.contacts().update(id, &ContactUpdate::new().city("London").company_id(company.id)).unwrap();
    let claims = world.deliver(|_| 204);
    assert_eq!(claims.len(), 3);
    let told = body(&claims[2]);
    let ada = world.get(id);
    assert_eq!(told["type"], "contact.updated");
    assert_eq!(told["timestamp"], ada.updated_at.to_string());
    assert_eq!(told["tenantId"], json!(world.acme.tenant().id));
    assert_eq!(told["sequence"], 3);
    assert_eq!(told["data"], as_json(&world, id));
    assert_eq!(told["changedFields"], json!(["companyId", "city"]));
    assert_eq!(told["previous"], json!({"companyId": null, "city": null}));
    let delivery = world.acme.webhooks().deliveries(webhook).get(claims[2].delivery()).unwrap();
    assert_eq!(told["id"], json!(delivery.event_id));
    assert_eq!(header(&claims[2], "webhook-id"), delivery.id.to_string());
    assert_eq!(header(&claims[2], "content-type"), "application/json");
}

#[test]
fn a_deleted_record_is_told_as_it_was() {
    let (world, _) = world();
    let id = world.add("ada@x.example");
    let ada = as_json(&world, id);
    world.acme.contacts().delete(id).unwrap();
    let claims = world.deliver(|_| 200);
    let told = body(&claims[1]);
    assert_eq!(told["data"], ada);
    assert_eq!((&told["changedFields"], &told["previous"]), (&json!([]), &json!({})));
}

#[test]
fn a_deal_is_told_with_the_names_that_are_joined_to_it() {
    let (world, _) = world();
    world.deal("Two looms");
    let claims = world.deliver(|_| 200);
    assert_eq!(body(&claims[0])["data"]["stageName"], "Lead");
}

#[test]
fn what_changes_nothing_or_is_refused_tells_nothing() {
    let (world, _) = world();
    let id = world.add("ada@x.example");
    world.told();
    world.without_trace(|| {
        world.acme.contacts().update(id, &ContactUpdate::new().first_name("Ada")).unwrap();
        world.acme.contacts().create(&ada("ada@x.example")).unwrap_err();
        world
            .acme
            .write(|tx| {
                tx.contacts().create(&ada("bob@x.example"))?;
                tx.contacts().create(&ada("ada@x.example"))
            })
            .unwrap_err();
    });
    assert!(world.claims().is_empty());
}

#[test]
fn a_webhook_gets_what_it_subscribes_to_while_it_is_switched_on() {
    let world = World::new();
    let webhooks = world.acme.webhooks();
    let id = hook(&world.acme, &[Event::ContactUpdated, Event::CompanyCreated]);
    let contact = world.add("ada@x.example");
    world.acme.companies().create(&CompanyDraft::new("Looms Ltd")).unwrap();
    assert_eq!(world.told(), [("company.created".to_owned(), 2)]);
    webhooks.update(id, &WebhookUpdate::new().is_active(false)).unwrap();
    world.acme.contacts().update(contact, &ContactUpdate::new().city("London")).unwrap();
    assert!(world.told().is_empty());
    webhooks.update(id, &WebhookUpdate::new().is_active(true)).unwrap();
    assert!(world.told().is_empty(), "what was not sent is sent by a replay alone");
    world.acme.contacts().update(contact, &ContactUpdate::new().city("Paris")).unwrap();
    assert_eq!(world.told(), [("contact.updated".to_owned(), 4)]);
    webhooks.delete(id).unwrap();
    world.acme.contacts().update(contact, &ContactUpdate::new().city("Rome")).unwrap();
    assert!(world.told().is_empty());
}

#[test]
fn each_webhook_gets_its_own_delivery_of_an_event() {
    let (world, first) = world();
    let second = hook(&world.acme, &[Event::ContactCreated]);
    world.add("ada@x.example");
    let claims = world.deliver(|_| 200);
    let mut webhooks: Vec<_> = claims.iter().map(rally_core::Claim::webhook).collect();
    webhooks.sort();
    assert_eq!(webhooks, [first, second]);
    assert_eq!(claims[0].body(), claims[1].body());
    assert_ne!(header(&claims[0], "webhook-id"), header(&claims[1], "webhook-id"));
}

fn filtered(filter: EventFilter) -> World {
    let world = World::new();
    let hook: WebhookDraft = draft("filtered", &[Event::All]).filter(filter);
    world.acme.webhooks().create(&hook).unwrap();
    world
}

#[test]
fn a_filter_lets_only_changes_of_its_members_pass() {
    let world = filtered(EventFilter::new().changed_fields(["city", "bant.need"]));
    let id = world.add("ada@x.example");
    world.acme.contacts().update(id, &ContactUpdate::new().phone("1")).unwrap();
    world.acme.contacts().update(id, &ContactUpdate::new().phone("2").city("London")).unwrap();
    let deal = world.deal("Two looms");
    let need = BantUpdate::new().need(CriterionUpdate::new().rating(3));
    world.acme.bant().update(deal.into(), &need).unwrap();
    world.acme.bant().update(deal.into(), &BantUpdate::new().notes("soon")).unwrap();
    world.acme.contacts().delete(id).unwrap();
    assert_eq!(world.told(), [("contact.updated".to_owned(), 3), ("deal.updated".to_owned(), 5)]);
}

#[test]
fn a_filter_lets_only_deals_of_its_pipeline_pass() {
    let world = World::new();
    let filter = EventFilter::new().pipeline_id(world.pipeline().id);
    world.acme.webhooks().create(&draft("filtered", &[Event::All]).filter(filter)).unwrap();
    let other = super::members::other_pipeline(&world);
    let elsewhere = DealDraft::new(other.id, other.stages[0].id, "elsewhere");
    let deal = world.acme.deals().create(&elsewhere).unwrap();
    world.add("ada@x.example");
    assert!(world.told().is_empty());
    let here = DealUpdate::new().pipeline_id(world.pipeline().id).stage_id(world.stage("Lead"));
    world.acme.deals().update(deal.id, &here).unwrap();
    assert_eq!(types(&world), ["deal.updated", "deal.stage_changed"]);
    let back = DealUpdate::new().pipeline_id(other.id).stage_id(other.stages[0].id);
    world.acme.deals().update(deal.id, &back).unwrap();
    assert_eq!(types(&world), ["deal.updated", "deal.stage_changed"]);
    world.acme.deals().delete(deal.id).unwrap();
    assert!(world.told().is_empty());
}

#[test]
fn a_record_that_is_too_large_to_send_is_led_to() {
    let (world, _) = world();
    let id = world.add("ada@x.example");
    world.told();
    // Quotes are two bytes each as JSON text.
    let long = "\"".repeat(65_536);
    let draft = ActivityDraft::new(ActivityType::Meeting, "Fair").body(long.as_str()).contact_id(id);
    let activity = world.acme.activities().create(&draft).unwrap();
    let small = world.deliver(|_| 200);
    assert!(body(&small[0])["dataUrl"].is_null() && body(&small[0])["data"]["body"].is_string());
    let deal = world.lead("Large").notes(long.as_str());
    let deal = world.acme.deals().create(&deal).unwrap();
    let note = |text: &str| BantUpdate::new().need(CriterionUpdate::new().notes(text.to_owned()));
    world.acme.bant().update(deal.id.into(), &note(&long)).unwrap();
    world.told();
    let other = "'".repeat(65_000);
    let both = note(&other).budget(CriterionUpdate::new().notes(long.clone()));
    world.acme.bant().update(deal.id.into(), &both).unwrap();
    let large = world.deliver(|_| 200);
    let told = body(&large[0]);
    assert!(large[0].body().len() <= rally_core::limits::EVENT_BYTES);
    assert_eq!(told["dataUrl"], format!("/api/v1/deals/{}", deal.id));
    assert!(told.get("data").is_none() && told["previous"]["bant.need"].is_object());
    assert!(activity.body.is_some());
}
