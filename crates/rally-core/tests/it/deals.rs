use std::collections::BTreeMap;

use rally_core::{
    Atomicity, Code, CompanyDraft, CompanyUpdate, ContactUpdate, Currency, Deal, DealDraft, DealStatus,
    DealStatus::{Lost, Open, Won},
    DealUpdate, Decimal, Id, Patch, Pipeline, PipelineDraft, PipelineStage, PipelineStageDraft,
    PipelineUpdate, Query, StageMove, StageOutcome, UserDraft, UserUpdate, WriteOptions, WriteOutcome,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    moves::move_json,
    support::{
        World, ada, bytes, changes_after, create_json, instant, lines, once, report, tenant, text,
        update_json, upsert_json, with,
    },
};

const RANDOM: &str = "0191e3a2-9f00-7abc-8def-0123456789ab";

/// A pipeline of its own, with stages `Only` and `Sold`.
pub(crate) fn another_pipeline(world: &World) -> Pipeline {
    let only = PipelineStageDraft::new("Only").probability(30);
    let sold = PipelineStageDraft::new("Sold").outcome(StageOutcome::Won);
    world.acme.pipelines().create(&PipelineDraft::new("Other", vec![only, sold])).unwrap()
}

/// Adds a deal.
#[track_caller]
fn add(world: &World, draft: &DealDraft) -> Deal {
    world.acme.deals().create(draft).unwrap()
}

/// The JSON of a deal in the first stage of the tenant's pipeline.
fn lead_json(world: &World, name: &str) -> Value {
    json!({"pipelineId": world.pipeline().id, "stageId": world.stage("Lead"), "name": name})
}

/// The members that follow from a deal's stage: probability, status, and whether it closed with its last change.
pub(crate) fn standing(deal: &Deal) -> (u8, DealStatus, Option<bool>) {
    (deal.probability, deal.status, deal.actual_close_date.map(|date| date == deal.updated_at))
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn a_deal_comes_back_with_every_member_in_the_documented_order() {
    let world = World::new();
    let company = world.acme.companies().create(&CompanyDraft::new("Acme")).unwrap().id;
    let owner = world.acme.users().create(&UserDraft::new("o@x.example", "Olga \"O\" Õ")).unwrap().id;
    let body = json!({
        "contactId": world.add("a@x.example"), "companyId": company, "ownerId": owner, "value": 10.25, "currency": "EUR",
        "probability": 33, "expectedCloseDate": "2025-03-01", "notes": "soon", "stageId": world.stage("Closed Won"),
    });
    let body = with(lead_json(&world, " Anvils "), &body);
    let written = create_json(world.acme.deals(), &body).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Created);
    insta::assert_snapshot!(lines(&written.record), @r#"
    "id":"0194c101-aca0-7005-8000-0000000eb345"
    "tenantId":"0194c101-aca0-7000-8000-000000170d32"
    "pipelineId":"0194c101-aca0-7000-8000-0000003ebe02"
    "stageId":"0194c101-aca0-7000-846a-afb2e1afb68f"
    "stageName":"Closed Won"
    "contactId":"0194c101-aca0-7004-8000-0000002c63dd"
    "contactName":"Ada Lovelace"
    "companyId":"0194c101-aca0-7001-8000-000000216750"
    "companyName":"Acme"
    "name":"Anvils"
    "value":10.25
    "currency":"EUR"
    "probability":33
    "expectedCloseDate":"2025-03-01T00:00:00.000000Z"
    "actualCloseDate":"2025-02-01T10:15:00.000005Z"
    "status":"won"
    "notes":"soon"
    "ownerId":"0194c101-aca0-7002-8000-000000295379"
    "ownerName":"Olga \"O\" Õ"
    "lastActivityAt":null
    "createdAt":"2025-02-01T10:15:00.000005Z"
    "updatedAt":"2025-02-01T10:15:00.000005Z"
    "#);
    let read = world.acme.deals().json().get(written.record.id()).unwrap();
    assert_eq!(text(&written.record), text(&read));
}

#[test]
fn a_deal_of_what_is_required_has_the_stages_probability_and_the_usual_currency() {
    let world = World::new();
    let deal = add(&world, &world.lead("Deal"));
    assert_eq!((deal.currency, standing(&deal)), (Currency::USD, (10, Open, None)));
    let row = world.acme.deals().json().get(deal.id).unwrap();
    let nulls = lines(&row).lines().filter(|line| line.ends_with(":null")).count();
    assert_eq!(nulls, 11, "{}", lines(&row));
    for (stage, expected) in [
        ("Qualified", (25, Open, None)),
        ("Proposal", (50, Open, None)),
        ("Negotiation", (75, Open, None)),
        ("Closed Won", (100, Won, Some(true))),
        ("Closed Lost", (0, Lost, Some(true))),
    ] {
        let draft = DealDraft::new(world.pipeline().id, world.stage(stage), "Deal");
        let deal = add(&world, &draft);
        assert_eq!(standing(&deal), expected, "{stage}");
        assert_eq!(deal.stage_name.as_deref(), Some(stage));
    }
    let draft = DealDraft::new(world.pipeline().id, world.stage("Closed Won"), "Deal").probability(0);
    assert_eq!(standing(&add(&world, &draft)), (0, Won, Some(true)));
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let body = r#"{
        "pipelineId": "7", "name": " ", "contactId": 7, "companyId": "x", "value": 12345678901234567890123456789,
        "currency": "usd", "probability": 101, "expectedCloseDate": "soon", "notes": 7, "ownerId": null
    }"#;
    let error = world.refused(|| world.acme.deals().json().create(body.as_bytes(), &WriteOptions::default()));
    insta::assert_snapshot!(report(&error), @"
    validation
    companyId is not an id
    contactId must be a string
    currency must be a currency code of ISO 4217, such as USD
    expectedCloseDate must be a date-time such as 2025-02-01T10:15:00Z, or a date
    name must not be empty
    notes must be a string
    pipelineId is not an id
    probability must be 0 to 100
    stageId is required
    value must not have more than 28 digits
    ");
    for (member, value, fault) in [
        ("currency", json!("XXY"), "currency must be a currency code of ISO 4217, such as USD"),
        ("probability", json!(-1), "probability must be 0 to 100"),
        ("probability", json!(0.5), "probability must be a whole number"),
        ("value", json!("10"), "value must be a number"),
        ("name", json!("x".repeat(256)), "name must not be longer than 255 characters"),
        ("notes", json!("x".repeat(65_537)), "notes must not be longer than 65536 bytes"),
    ] {
        let body = with(lead_json(&world, "Deal"), &json!({member: value}));
        let error = world.refused(|| create_json(world.acme.deals(), &body));
        assert_eq!(report(&error), format!("validation\n{fault}"));
    }
}

#[test]
fn a_value_keeps_its_digits_up_to_28() {
    let world = World::new();
    let deals = world.acme.deals();
    let body = lead_json(&world, "Deal").to_string();
    for digits in ["10.00", "-0.5", "9999999999999999999999999999", "0.0000000000000000000000000001", "0"] {
        let body = body.replacen('{', &format!("{{\"value\":{digits},"), 1);
        let row = deals.json().create(body.as_bytes(), &WriteOptions::default()).unwrap().record;
        let deal = add(&world, &world.lead("Deal").value(decimal(digits)));
        assert_eq!(deal.value.map(|value| value.to_string()).as_deref(), Some(digits));
        for row in [row, deals.json().get(deal.id).unwrap()] {
            assert!(text(&row).contains(&format!("\"value\":{digits},")), "{}", text(&row));
        }
    }
}

/// A draft and an update that refer to something that is not there.
struct Misleading {
    draft: DealDraft,
    update: DealUpdate,
    stage: Option<Id<PipelineStage>>,
    fault: &'static str,
}

/// Drafts and updates that refer to nothing: in this tenant, in another one, and to records of another kind.
fn misleading(world: &World) -> Vec<Misleading> {
    let other = tenant(&world.engine, "other");
    let pipeline = other.pipelines().default().unwrap();
    let random: Uuid = RANDOM.parse().unwrap();
    let company = world.acme.companies().create(&CompanyDraft::new("Acme")).unwrap().id;
    let their_contact = other.contacts().create(&ada("a@x.example")).unwrap().id;
    let their_company = other.companies().create(&CompanyDraft::new("Acme")).unwrap().id;
    let their_user = other.users().create(&UserDraft::new("o@x.example", "O")).unwrap().id;
    let (own, update, mut all) = (world.pipeline().id, DealUpdate::new, Vec::new());
    let mut add = |draft, update, stage, fault| all.push(Misleading { draft, update, stage, fault });
    for stage in [another_pipeline(world).stages[0].id, pipeline.stages[0].id, Id::from_uuid(random)] {
        let fault = "stageId names no stage of this pipeline";
        add(DealDraft::new(own, stage, "New"), update().stage_id(stage), Some(stage), fault);
    }
    for id in [company.as_uuid(), their_contact.as_uuid(), random].map(Id::from_uuid) {
        let draft = world.lead("New").contact_id(id);
        add(draft, update().contact_id(id), None, "contactId names no contact");
    }
    for id in [their_company.as_uuid(), random].map(Id::from_uuid) {
        let draft = world.lead("New").company_id(id);
        add(draft, update().company_id(id), None, "companyId names no company");
    }
    for id in [their_user.as_uuid(), random].map(Id::from_uuid) {
        add(world.lead("New").owner_id(id), update().owner_id(id), None, "ownerId names no user");
    }
    for id in [pipeline.id.as_uuid(), random].map(Id::from_uuid) {
        let draft = DealDraft::new(id, world.stage("Lead"), "New");
        add(draft, update().pipeline_id(id), None, "pipelineId names no pipeline");
    }
    all
}

#[test]
fn what_a_deal_names_must_be_the_tenants_own_in_every_kind_of_write() {
    let world = World::new();
    let deals = world.acme.deals();
    let id = world.deal("Deal");
    let mut told_of = BTreeMap::new();
    for Misleading { draft, update, stage, fault } in misleading(&world) {
        let drafts = [draft.clone()];
        let item = world.refused(|| deals.create_many(&drafts, Atomicity::AllOrNothing));
        assert_eq!(report(&item), format!("bad_reference\nitems[0].{fault}"));
        let mut errors = vec![
            world.refused(|| deals.create(&draft)),
            world.refused(|| deals.update(id, &update)),
            world.refused(|| deals.upsert(&draft)),
            world.refused(|| deals.create_many(&drafts, Atomicity::EachByItself)?.items.remove(0)),
            world.refused(|| deals.upsert_many(&drafts, Atomicity::EachByItself)?.items.remove(0)),
            world.refused(|| world.acme.write(|tx| tx.deals().create(&draft))),
        ];
        if let Some(stage) = stage {
            let moves = [(id, StageMove::to(stage))];
            errors.push(world.refused(|| deals.move_to(id, stage)));
            errors.push(world.refused(|| move_json(&world, id, &json!({"stageId": stage}))));
            errors.push(world.refused(|| deals.move_many(&moves, Atomicity::EachByItself)?.items.remove(0)));
        }
        for error in errors {
            assert_eq!(report(&error), format!("bad_reference\n{fault}"), "{draft:?}");
            // Byte by byte the same, whatever it is that is not there.
            let told = format!("{error:?}");
            assert_eq!(told_of.entry(fault).or_insert_with(|| told.clone()), &told);
        }
    }
}

#[test]
fn an_update_merges_and_null_clears() {
    let world = World::new();
    let deals = world.acme.deals();
    let draft = world
        .lead("Deal")
        .contact_id(world.add("a@x.example"))
        .value(decimal("5"))
        .notes("x")
        .expected_close_date(instant("2025-03-01"))
        .currency(Currency::EUR);
    let id = add(&world, &draft).id;
    let body = json!({"contactId": null, "value": null, "expectedCloseDate": null, "currency": null});
    let deal = update_json(deals, id, &body).unwrap().record.read().unwrap();
    assert_eq!((deal.contact_id, deal.contact_name, deal.value), (None, None, None));
    assert_eq!((deal.expected_close_date, deal.currency), (None, Currency::USD));
    assert_eq!(deal.notes.as_deref(), Some("x"));
    let body = json!({"pipelineId": null, "stageId": null, "name": null});
    let error = world.refused(|| update_json(deals, id, &body));
    assert_eq!(report(&error), "validation\nname is required\npipelineId is required\nstageId is required");
    for body in [json!({}), lead_json(&world, "Deal"), json!({"probability": 10}), json!({"value": null})] {
        let written = world.without_trace(|| update_json(deals, id, &body)).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Unchanged, "{body}");
    }
    let (pipeline, update) = (world.pipeline().id, DealUpdate::new);
    for update in [
        update(),
        update().pipeline_id(pipeline).stage_id(world.stage("Lead")).name(" Deal "),
        update().probability(10),
        update().value(None).currency(Patch::Clear),
    ] {
        let written = world.without_trace(|| deals.update_with(id, &update, &WriteOptions::default()));
        assert_eq!(written.unwrap().outcome, WriteOutcome::Unchanged, "{update:?}");
    }
}

#[test]
fn read_only_members_are_passed_over_as_documented_and_refused_when_strict() {
    let computed = json!({
        "status": "won", "actualCloseDate": "2025-01-01", "stageName": "x", "contactName": "x", "companyName": "x",
        "ownerName": "x", "lastActivityAt": "2025-01-01", "budget": {}, "id": 1,
    });
    let world = World::new();
    let body = with(lead_json(&world, "Deal"), &computed);
    let deal = create_json(world.acme.deals(), &body).unwrap().record.read().unwrap();
    assert_eq!((standing(&deal), deal.last_activity_at), ((10, Open, None), None));
    let strict = World::strict();
    let error =
        strict.refused(|| create_json(strict.acme.deals(), &with(lead_json(&strict, "Deal"), &computed)));
    insta::assert_snapshot!(report(&error), @"
    validation
    actualCloseDate is read-only
    budget is not a member
    companyName is read-only
    contactName is read-only
    id is read-only
    lastActivityAt is read-only
    ownerName is read-only
    stageName is read-only
    status is read-only
    ");
}

#[test]
fn an_upsert_matches_the_trimmed_name_within_the_pipeline() {
    let world = World::new();
    let deals = world.acme.deals();
    let created = deals.upsert(&world.lead("\"Big\" deal")).unwrap();
    assert_eq!(created.outcome, WriteOutcome::Created);
    let updated = deals.upsert(&world.lead(" \"Big\" deal\n").value(decimal("1"))).unwrap();
    assert_eq!((updated.outcome, updated.record.id), (WriteOutcome::Updated, created.record.id));
    let other = another_pipeline(&world);
    let elsewhere = DealDraft::new(other.id, other.stages[0].id, "\"Big\" deal");
    for draft in [world.lead("\"big\" deal"), elsewhere] {
        assert_eq!(deals.upsert(&draft).unwrap().outcome, WriteOutcome::Created, "{draft:?}");
    }
    let error = world.refused(|| deals.upsert(&world.lead(" ").probability(101)));
    assert_eq!(
        report(&error),
        "validation
name must not be empty
probability must be 0 to 100"
    );
}

#[test]
fn an_upsert_by_json_may_leave_out_what_the_record_has() {
    let world = World::new();
    let deals = world.acme.deals();
    let id = world.deal("\"Big\" deal");
    let pipeline = world.pipeline().id;
    let body = json!({"pipelineId": pipeline, "name": " \"Big\" deal\n", "value": 1});
    let updated = upsert_json(deals, &body).unwrap();
    assert_eq!((updated.outcome, updated.record.id()), (WriteOutcome::Updated, id));
    let escaped = format!(
        r#"{{"name":"\u0022\u0042ig\" deal","pipelineId":"{}"}}"#,
        pipeline.to_string().to_uppercase()
    );
    let options = WriteOptions::default();
    let same = world.without_trace(|| deals.json().upsert(escaped.as_bytes(), &options));
    assert_eq!(same.unwrap().record.id(), id);
    let faults = |body: Value| report(&world.refused(|| upsert_json(deals, &body)));
    assert_eq!(faults(json!({"name": "New", "pipelineId": pipeline})), "validation\nstageId is required");
    assert_eq!(
        faults(json!({"name": " ", "probability": -1})),
        "validation
name must not be empty
pipelineId is required
probability must be 0 to 100
stageId is required"
    );
}

#[test]
fn an_upsert_that_matches_several_names_them_and_changes_nothing() {
    let world = World::new();
    let deals = world.acme.deals();
    let (first, second) = (world.deal("Deal"), world.deal("Deal"));
    let draft = world.lead("Deal").value(decimal("7"));
    let error = world.refused(|| deals.upsert(&draft));
    assert_eq!(
        (error.code(), error.matching_ids()),
        (Code::Ambiguous, &[first.as_uuid(), second.as_uuid()][..])
    );
    deals.update(first, &DealUpdate::new().name("Another")).unwrap();
    assert_eq!(deals.upsert(&draft).unwrap().record.id, second);
    deals.delete(second).unwrap();
    assert_eq!(deals.upsert(&draft).unwrap().outcome, WriteOutcome::Created);
}

#[test]
fn names_are_read_when_the_deal_is_and_their_change_is_none_of_its() {
    let world = World::new();
    let contact = world.add("a@x.example");
    let acme = &world.acme;
    let company = acme.companies().create(&CompanyDraft::new("Acme")).unwrap().id;
    let owner = acme.users().create(&UserDraft::new("o@x.example", "Olga")).unwrap().id;
    let draft = world.lead("Deal").contact_id(contact).company_id(company).owner_id(owner);
    let before = add(&world, &draft);
    let (last, _) = acme.last_change().unwrap();
    acme.contacts().update(contact, &ContactUpdate::new().first_name("Bob").last_name("Brown")).unwrap();
    acme.companies().update(company, &CompanyUpdate::new().name("Bolt")).unwrap();
    acme.users().update(owner, &UserUpdate::new().name("Oda")).unwrap();
    let mut stages: Vec<PipelineStageDraft> =
        world.pipeline().stages.iter().map(|stage| PipelineStageDraft::keep(stage.id)).collect();
    stages[0] = stages[0].clone().name("First");
    acme.pipelines().update(before.pipeline_id, &PipelineUpdate::new().stages(stages)).unwrap();
    let listed = acme.deals().list(Query::all()).unwrap().records.remove(0);
    assert_eq!(listed, acme.deals().get(before.id).unwrap());
    assert_eq!(acme.deals().upsert(&draft).unwrap().record, listed);
    let names = [listed.contact_name, listed.company_name, listed.owner_name, listed.stage_name];
    assert_eq!(names.map(Option::unwrap), ["Bob Brown", "Bolt", "Oda", "First"]);
    assert_eq!(listed.updated_at, before.updated_at);
    let changed: Vec<String> =
        changes_after(&world.acme, last).into_iter().map(|(action, _)| action).collect();
    assert_eq!(changed, ["contact updated", "company updated"]);
    let updated = acme.deals().update(before.id, &DealUpdate::new()).unwrap();
    assert_eq!(updated.owner_name.as_deref(), Some("Oda"));
}

#[test]
fn a_repeated_write_gets_the_first_answer_whatever_has_happened_to_the_names() {
    let world = World::new();
    let deals = world.acme.deals();
    let contact = world.add("a@x.example");
    let body = bytes(&with(lead_json(&world, "Deal"), &json!({"contactId": contact})));
    let create = || deals.json().create(&body, &once("create", &body));
    let first = create().unwrap().record;
    let won = world.stage("Closed Won");
    let go = || deals.move_with(first.id(), won, &once("move", b"won")).unwrap();
    let moved = go();
    world.acme.contacts().update(contact, &ContactUpdate::new().first_name("Bob")).unwrap();
    deals.delete(first.id()).unwrap();
    let again = world.without_trace(create).unwrap();
    assert_eq!((again.replayed, again.outcome), (true, WriteOutcome::Created));
    assert_eq!(text(&again.record), text(&first));
    assert!(text(&again.record).contains("\"contactName\":\"Ada Lovelace\""));
    let again = go();
    assert_eq!((again.replayed, &again.record), (true, &moved.record));
    assert_eq!(again.record.contact_name.as_deref(), Some("Ada Lovelace"));
    let update = DealUpdate::new().stage_id(won);
    let put = deals.update_with(first.id(), &update, &once("move", b"won")).unwrap_err();
    assert_eq!(put.code(), Code::IdempotencyMismatch);
}

#[test]
fn another_tenants_deal_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let theirs = world.deal("Deal");
    let other = tenant(&world.engine, "other");
    let stage: Id<PipelineStage> = RANDOM.parse().unwrap();
    let errors = |id: Id<Deal>| {
        let deals = other.deals();
        [
            deals.get(id).unwrap_err(),
            deals.update(id, &DealUpdate::new().notes("x")).unwrap_err(),
            deals.delete(id).unwrap_err(),
            deals.move_to(id, stage).unwrap_err(),
            other.bant().get(id.into()).unwrap_err(),
            other.write(|tx| tx.deals().move_to(id, stage)).unwrap_err(),
        ]
        .map(|error| format!("{error:?}"))
    };
    assert_eq!(world.without_trace(|| errors(theirs)), errors(RANDOM.parse().unwrap()));
}

#[test]
fn typed_drafts_and_updates_say_what_their_json_says() {
    let world = World::new();
    let deals = world.acme.deals();
    let pipeline = world.pipeline();
    let (lead, won) = (pipeline.stage("Qualified").unwrap().id, pipeline.stage("Closed Won").unwrap().id);
    let draft = DealDraft::new(pipeline.id, lead, "Deal").value(decimal("10.50"));
    let deal = add(&world, &draft);
    assert_eq!((deal.probability, deal.value), (25, Some(decimal("10.50"))));
    let update = DealUpdate::new().value(Patch::Clear).notes("x");
    let deal = deals.update(deal.id, &update).unwrap();
    assert_eq!((deal.value, deal.notes.as_deref()), (None, Some("x")));
    assert_eq!(deals.upsert(&draft).unwrap().record.id, deal.id);
    let won = deals.move_to(deal.id, won).unwrap();
    assert_eq!(standing(&won), (100, Won, Some(true)));
    assert_eq!(deals.get(deal.id).unwrap(), won);
}

#[test]
fn lists_are_filtered_by_what_a_deal_refers_to_and_by_its_status() {
    let world = World::new();
    let contact = world.add("a@x.example");
    let with_contact = add(&world, &world.lead("With").contact_id(contact));
    let won = world.acme.deals().move_to(world.deal("Won"), world.stage("Closed Won")).unwrap();
    let found = |filter| {
        let page = world.acme.deals().list(filter).unwrap();
        page.records.into_iter().map(|deal| deal.id).collect::<Vec<_>>()
    };
    assert_eq!(found(Deal::CONTACT_ID.is(contact)), [with_contact.id]);
    assert_eq!(found(Deal::STATUS.is(Won)), [won.id]);
    assert_eq!(found(Deal::STAGE_ID.is(world.stage("Lead")).and(Deal::STATUS.is(Open))), [with_contact.id]);
    assert!(found(Deal::STATUS.is(Lost)).is_empty());
    assert!(found(Deal::STATUS.is(Won).and(Deal::CONTACT_ID.is(contact))).is_empty());
}
