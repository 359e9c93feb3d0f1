use rally_core::{
    Code, Deal, DealChange, DealDraft, Error, Id, Json, Outcome, Patch, Pipeline, Scope, WriteOptions,
    Written,
};
use serde_json::{Value, json};

use crate::support::{
    World, add, bytes, changes_after, create, lines, once, read, report, stage, tenant, text, update, upsert,
    with,
};

const RANDOM: &str = "0191e3a2-9f00-7abc-8def-0123456789ab";

/// A pipeline of its own, with stages `Only` and `Sold`.
fn another_pipeline(world: &World) -> Pipeline {
    let stages = json!([{"name": "Only", "probability": 30}, {"name": "Sold", "outcome": "won"}]);
    let id = add(world.acme.pipelines(), &json!({"name": "Other", "stages": stages}));
    read(world.acme.pipelines(), id)
}

fn move_to(world: &World, id: Id<Deal>, body: &Value) -> Result<Written<Deal>, Error> {
    world.acme.deals().move_with(id, &Json(&bytes(body)), &WriteOptions::default())
}

/// What follows from a deal's stage: probability, status, and whether it closed with its last change.
fn standing(deal: &Deal) -> (u8, &str, Option<bool>) {
    (deal.probability, &deal.status, deal.actual_close_date.map(|date| date == deal.updated_at))
}

#[test]
fn a_deal_comes_back_with_every_member_in_the_documented_order() {
    let world = World::new();
    let company = add(world.acme.companies(), &json!({"name": "Acme"}));
    let owner = add(world.acme.users(), &json!({"email": "o@x.example", "name": "Olga \"O\" Õ"}));
    let body = json!({
        "contactId": world.add("a@x.example"), "companyId": company, "ownerId": owner, "value": 10.25, "currency": "EUR",
        "probability": 33, "expectedCloseDate": "2025-03-01", "notes": "soon", "stageId": world.stage("Closed Won"),
    });
    let written = create(world.acme.deals(), &with(world.lead(" Anvils "), &body)).unwrap();
    assert_eq!(written.outcome, Outcome::Created);
    insta::assert_snapshot!(lines(&written.row), @r#"
    "id":"0194c101-aca0-7005-93ac-d152b7d500fa"
    "tenantId":"0194c101-aca0-7000-b5c3-4c96793872d8"
    "pipelineId":"0194c101-aca0-7000-bfaf-808f5475bf14"
    "stageId":"0194c101-aca0-7000-846a-afb2e1afb68f"
    "stageName":"Closed Won"
    "contactId":"0194c101-aca0-7004-8b18-f74a2dd3aebd"
    "contactName":"Ada Lovelace"
    "companyId":"0194c101-aca0-7001-9859-d4265eb01788"
    "companyName":"Acme"
    "name":"Anvils"
    "value":10.25
    "currency":"EUR"
    "probability":33
    "expectedCloseDate":"2025-03-01T00:00:00.000000Z"
    "actualCloseDate":"2025-02-01T10:15:00.000005Z"
    "status":"won"
    "notes":"soon"
    "ownerId":"0194c101-aca0-7002-9a54-de621da8b0da"
    "ownerName":"Olga \"O\" Õ"
    "lastActivityAt":null
    "createdAt":"2025-02-01T10:15:00.000005Z"
    "updatedAt":"2025-02-01T10:15:00.000005Z"
    "#);
    assert_eq!(text(&written.row), text(&world.acme.deals().get(written.row.id()).unwrap()));
}

#[test]
fn a_deal_of_what_is_required_has_the_stages_probability_and_the_usual_currency() {
    let world = World::new();
    let row = create(world.acme.deals(), &world.lead("Deal")).unwrap().row;
    let deal = row.read().unwrap();
    assert_eq!((deal.currency.as_str(), standing(&deal)), ("USD", (10, "open", None)));
    let nulls = lines(&row).lines().filter(|line| line.ends_with(":null")).count();
    assert_eq!(nulls, 11, "{}", lines(&row));
    for (stage, expected) in [
        ("Qualified", (25, "open", None)),
        ("Proposal", (50, "open", None)),
        ("Negotiation", (75, "open", None)),
        ("Closed Won", (100, "won", Some(true))),
        ("Closed Lost", (0, "lost", Some(true))),
    ] {
        let deal = read(world.acme.deals(), world.deal(json!({"stageId": world.stage(stage)})));
        assert_eq!(standing(&deal), expected, "{stage}");
        assert_eq!(deal.stage_name.as_deref(), Some(stage));
    }
    let given = world.deal(json!({"stageId": world.stage("Closed Won"), "probability": 0}));
    assert_eq!(standing(&read(world.acme.deals(), given)), (0, "won", Some(true)));
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let body = r#"{
        "pipelineId": "7", "name": " ", "contactId": 7, "companyId": "x", "value": 12345678901234567890123456789,
        "currency": "usd", "probability": 101, "expectedCloseDate": "soon", "notes": 7, "ownerId": null
    }"#;
    let error = world.refused(|| world.acme.deals().create(&Json(body.as_bytes())));
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
        ("currency", json!(""), "currency must be a currency code of ISO 4217, such as USD"),
        ("probability", json!(-1), "probability must be 0 to 100"),
        ("probability", json!(0.5), "probability must be a whole number"),
        ("value", json!("10"), "value must be a number"),
        ("name", json!("x".repeat(256)), "name must not be longer than 255 characters"),
        ("notes", json!("x".repeat(65_537)), "notes must not be longer than 65536 bytes"),
    ] {
        let body = with(world.lead("Deal"), &json!({member: value}));
        let error = world.refused(|| create(world.acme.deals(), &body));
        assert_eq!(report(&error), format!("validation\n{fault}"));
    }
}

#[test]
fn a_value_keeps_its_digits_up_to_28() {
    let world = World::new();
    let body = world.lead("Deal").to_string();
    for digits in ["10.00", "-0.5", "9999999999999999999999999999", "0.0000000000000000000000000001", "0"] {
        let body = body.replacen('{', &format!("{{\"value\":{digits},"), 1);
        let row = world.acme.deals().create(&Json(body.as_bytes())).unwrap().row;
        assert!(text(&row).contains(&format!("\"value\":{digits},")), "{}", text(&row));
    }
}

/// Members that lead nowhere: in this tenant, in another one, and in records of another kind.
fn misleading(world: &World) -> Vec<(Value, &'static str)> {
    let other = tenant(&world.engine, "other");
    let lead = json!({"firstName": "A", "lastName": "B", "email": "a@x.example"});
    let contact = add(other.contacts(), &lead);
    let company = add(world.acme.companies(), &json!({"name": "Acme"}));
    let theirs = add(other.companies(), &json!({"name": "Acme"}));
    let owner = add(other.users(), &json!({"email": "o@x.example", "name": "O"}));
    let pipeline = other.pipelines().list(&rally_core::ListQuery::default()).unwrap().rows[0].read().unwrap();
    let no_stage = "stageId names no stage of this pipeline";
    let mut all = vec![
        (json!({"contactId": company}), "contactId names no contact"),
        (json!({"stageId": stage(&another_pipeline(world), "Only")}), no_stage),
        (json!({"stageId": stage(&pipeline, "Lead")}), no_stage),
        (json!({"stageId": RANDOM}), no_stage),
    ];
    for id in [json!(contact), json!(RANDOM)] {
        all.push((json!({"contactId": id}), "contactId names no contact"));
    }
    for id in [json!(theirs), json!(RANDOM)] {
        all.push((json!({"companyId": id}), "companyId names no company"));
    }
    for id in [json!(owner), json!(RANDOM)] {
        all.push((json!({"ownerId": id}), "ownerId names no user"));
    }
    for id in [json!(pipeline.id), json!(RANDOM)] {
        all.push((json!({"pipelineId": id}), "pipelineId names no pipeline"));
    }
    all
}

#[test]
fn what_a_deal_names_must_be_the_tenants_own_in_every_kind_of_write() {
    let world = World::new();
    let deals = world.acme.deals();
    let id = world.deal(json!({}));
    let mut told_of = std::collections::BTreeMap::new();
    for (members, fault) in misleading(&world) {
        let body = with(world.lead("New"), &members);
        let bulk = bytes(&json!([body]));
        let refused = |atomic| deals.create_many(&Json(&bulk), atomic, &WriteOptions::default());
        let item = world.refused(|| refused(true));
        assert_eq!(report(&item), format!("bad_reference\nitems[0].{fault}"));
        for error in [
            world.refused(|| create(deals, &body)),
            world.refused(|| update(deals, id, &members)),
            world.refused(|| upsert(deals, &body)),
            world.refused(|| refused(false).map(|bulk| bulk.items)?.remove(0)),
        ] {
            assert_eq!(report(&error), format!("bad_reference\n{fault}"), "{members}");
            // Byte by byte the same, whatever it is that is not there.
            let told = format!("{error:?}");
            assert_eq!(told_of.entry(fault).or_insert_with(|| told.clone()), &told);
        }
        if members.get("stageId").is_some() {
            assert_eq!(
                report(&world.refused(|| move_to(&world, id, &members))),
                format!("bad_reference\n{fault}")
            );
        }
    }
}

#[test]
fn a_move_takes_the_stages_probability_unless_one_is_given() {
    let world = World::new();
    let id = world.deal(json!({"probability": 99}));
    let go = |name: &str, members: Value| {
        world.clock.advance(1_000_000);
        let written = move_to(&world, id, &with(json!({"stageId": world.stage(name)}), &members)).unwrap();
        assert_eq!(written.outcome, Outcome::Updated);
        written.read().unwrap()
    };
    assert_eq!(standing(&go("Proposal", json!({}))), (50, "open", None));
    assert_eq!(standing(&go("Qualified", json!({"probability": 7}))), (7, "open", None));
    assert_eq!(standing(&go("Lead", json!({"probability": null}))), (10, "open", None));
    let won = go("Closed Won", json!({}));
    assert_eq!(standing(&won), (100, "won", Some(true)));
    assert_eq!(won.stage_name.as_deref(), Some("Closed Won"));
    assert_eq!(standing(&go("Closed Lost", json!({"probability": 1}))), (1, "lost", Some(true)));
    assert_eq!(standing(&go("Negotiation", json!({}))), (75, "open", None));
    assert_eq!(changes_after(&world.acme, 1).len(), 6);
}

#[test]
fn a_move_to_the_same_stage_changes_nothing() {
    let world = World::new();
    let id = world.deal(json!({"probability": 99}));
    for body in [json!({}), json!({"probability": 5}), json!({"probability": null})] {
        let body = with(json!({"stageId": world.stage("Lead")}), &body);
        let written = world.without_trace(|| move_to(&world, id, &body)).unwrap();
        assert_eq!((written.outcome, written.read().unwrap().probability), (Outcome::Unchanged, 99));
    }
}

#[test]
fn a_move_that_says_too_little_or_too_much_is_refused() {
    let world = World::new();
    let id = world.deal(json!({}));
    let check = |world: &World, id, body: &Value, expected: &str| {
        assert_eq!(report(&world.refused(|| move_to(world, id, body))), expected, "{body}");
    };
    let there = world.stage("Proposal");
    check(&world, id, &json!({}), "validation\nstageId is required");
    check(&world, id, &json!({"stageId": null}), "validation\nstageId is required");
    check(&world, id, &json!({"stageId": "x"}), "validation\nstageId is not an id");
    check(
        &world,
        id,
        &json!({"stageId": there, "probability": 101}),
        "validation\nprobability must be 0 to 100",
    );
    let here = world.stage("Lead");
    check(
        &world,
        id,
        &json!({"stageId": here, "probability": 101}),
        "validation\nprobability must be 0 to 100",
    );
    check(&world, Id::default(), &json!({"stageId": there}), "not_found");
    let strict = World::strict();
    let id = strict.deal(json!({}));
    let body = json!({"stageId": strict.stage("Lead"), "name": "x", "status": "won", "x": 1});
    check(&strict, id, &body, "validation\nname is not a member\nstatus is not a member\nx is not a member");
}

#[test]
fn a_move_may_name_the_version_it_means_and_needs_the_scope_write() {
    let world = World::new();
    let id = world.deal(json!({}));
    let options =
        WriteOptions { if_version: Some(read(world.acme.deals(), id).updated_at), ..WriteOptions::default() };
    let go = |name: &str| {
        let body = bytes(&json!({"stageId": world.stage(name)}));
        world.acme.deals().move_with(id, &Json(&body), &options)
    };
    go("Proposal").unwrap();
    assert_eq!(world.refused(|| go("Lead")).code(), Code::PreconditionFailed);
    assert_eq!(world.refused(|| go("Proposal")).code(), Code::PreconditionFailed);
    let reader = world.acme.clone().limited_to(Scope::Read);
    let error = reader.deals().move_with(id, &Json(b"{}"), &WriteOptions::default()).unwrap_err();
    assert_eq!(error.required_scope(), Some(Scope::Write));
}

#[test]
fn an_update_of_the_stage_does_what_a_move_does() {
    let world = World::new();
    let deals = world.acme.deals();
    let id = world.deal(json!({}));
    let put = |body: Value| {
        world.clock.advance(1_000_000);
        update(deals, id, &body).unwrap().read().unwrap()
    };
    assert_eq!(standing(&put(json!({"stageId": world.stage("Closed Won")}))), (100, "won", Some(true)));
    assert_eq!(standing(&put(json!({"notes": "x"}))), (100, "won", Some(false)));
    assert_eq!(standing(&put(json!({"probability": 60}))), (60, "won", Some(false)));
    assert_eq!(standing(&put(json!({"probability": null}))), (100, "won", Some(false)));
    assert_eq!(standing(&put(json!({"stageId": world.stage("Lead"), "probability": 3}))), (3, "open", None));
    let other = another_pipeline(&world);
    let deal = put(json!({"pipelineId": other.id, "stageId": stage(&other, "Sold")}));
    assert_eq!((standing(&deal), deal.stage_name.as_deref()), ((100, "won", Some(true)), Some("Sold")));
    let error = world.refused(|| update(deals, id, &json!({"pipelineId": world.pipeline().id})));
    assert_eq!(report(&error), "bad_reference\nstageId names no stage of this pipeline");
}

#[test]
fn an_update_merges_and_null_clears() {
    let world = World::new();
    let deals = world.acme.deals();
    let body = json!({"contactId": world.add("a@x.example"), "value": 5, "notes": "x", "expectedCloseDate": "2025-03-01"});
    let id = world.deal(with(body, &json!({"currency": "EUR"})));
    let change = json!({"contactId": null, "value": null, "expectedCloseDate": null, "currency": null});
    let deal = update(deals, id, &change).unwrap().read().unwrap();
    assert_eq!((deal.contact_id, deal.contact_name, deal.value), (None, None, None));
    assert_eq!((deal.expected_close_date, deal.currency.as_str()), (None, "USD"));
    assert_eq!(deal.notes.as_deref(), Some("x"));
    let error =
        world.refused(|| update(deals, id, &json!({"pipelineId": null, "stageId": null, "name": null})));
    assert_eq!(report(&error), "validation\nname is required\npipelineId is required\nstageId is required");
    for body in [json!({}), world.lead("Deal"), json!({"probability": 10}), json!({"value": null})] {
        let written = world.without_trace(|| update(deals, id, &body)).unwrap();
        assert_eq!(written.outcome, Outcome::Unchanged, "{body}");
    }
}

#[test]
fn read_only_members_are_passed_over_as_documented_and_refused_when_strict() {
    let computed = json!({
        "status": "won", "actualCloseDate": "2025-01-01", "stageName": "x", "contactName": "x", "companyName": "x",
        "ownerName": "x", "lastActivityAt": "2025-01-01", "budget": {}, "id": 1,
    });
    let world = World::new();
    let deal = read(world.acme.deals(), world.deal(computed.clone()));
    assert_eq!((standing(&deal), deal.last_activity_at), ((10, "open", None), None));
    let strict = World::strict();
    let error = strict.refused(|| create(strict.acme.deals(), &with(strict.lead("Deal"), &computed)));
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
    let created = upsert(deals, &world.lead("\"Big\" deal")).unwrap();
    assert_eq!(created.outcome, Outcome::Created);
    let pipeline = world.pipeline().id;
    let updated =
        upsert(deals, &json!({"pipelineId": pipeline, "name": " \"Big\" deal\n", "value": 1})).unwrap();
    assert_eq!((updated.outcome, updated.row.id()), (Outcome::Updated, created.row.id()));
    let escaped = format!(
        r#"{{"name":"\u0022\u0042ig\" deal","pipelineId":"{}"}}"#,
        pipeline.to_string().to_uppercase()
    );
    let same = world.without_trace(|| deals.upsert_with(&Json(escaped.as_bytes()), &WriteOptions::default()));
    assert_eq!(same.unwrap().row.id(), created.row.id());
    let other = another_pipeline(&world);
    let elsewhere = json!({"pipelineId": other.id, "stageId": stage(&other, "Only"), "name": "\"Big\" deal"});
    for body in [world.lead("\"big\" deal"), elsewhere] {
        assert_eq!(upsert(deals, &body).unwrap().outcome, Outcome::Created, "{body}");
    }
    let faults = |body: Value| report(&world.refused(|| upsert(deals, &body)));
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
    let (first, second) = (world.deal(json!({})), world.deal(json!({})));
    let body = with(world.lead("Deal"), &json!({"value": 7}));
    let error = world.refused(|| upsert(deals, &body));
    assert_eq!(
        (error.code(), error.matching_ids()),
        (Code::Ambiguous, &[first.as_uuid(), second.as_uuid()][..])
    );
    update(deals, first, &json!({"name": "Another"})).unwrap();
    assert_eq!(upsert(deals, &body).unwrap().row.id(), second);
    deals.delete(second).unwrap();
    assert_eq!(upsert(deals, &body).unwrap().outcome, Outcome::Created);
}

#[test]
fn names_are_read_when_the_deal_is_and_their_change_is_none_of_its() {
    let world = World::new();
    let contact = world.add("a@x.example");
    let company = add(world.acme.companies(), &json!({"name": "Acme"}));
    let owner = add(world.acme.users(), &json!({"email": "o@x.example", "name": "Olga"}));
    let id = world.deal(json!({"contactId": contact, "companyId": company, "ownerId": owner}));
    let before = read(world.acme.deals(), id);
    let (last, _) = world.acme.last_change().unwrap();
    world.update(contact, json!({"firstName": "Bob", "lastName": "Brown"})).unwrap();
    update(world.acme.companies(), company, &json!({"name": "Bolt"})).unwrap();
    update(world.acme.users(), owner, &json!({"name": "Oda"})).unwrap();
    let mut stages = json!(world.pipeline().stages);
    stages[0]["name"] = "First".into();
    update(world.acme.pipelines(), before.pipeline_id, &json!({"stages": stages})).unwrap();
    let listed = world.acme.deals().list(&rally_core::ListQuery::default()).unwrap().rows[0].read().unwrap();
    assert_eq!(listed, read(world.acme.deals(), id));
    let names = [listed.contact_name, listed.company_name, listed.owner_name, listed.stage_name];
    assert_eq!(names.map(Option::unwrap), ["Bob Brown", "Bolt", "Oda", "First"]);
    assert_eq!(listed.updated_at, before.updated_at);
    let changed: Vec<String> =
        changes_after(&world.acme, last).into_iter().map(|(action, _)| action).collect();
    assert_eq!(changed, ["contact updated", "company updated"]);
    assert_eq!(
        update(world.acme.deals(), id, &json!({})).unwrap().read().unwrap().owner_name.as_deref(),
        Some("Oda")
    );
}

#[test]
fn a_repeated_write_gets_the_first_answer_whatever_has_happened_to_the_names() {
    let world = World::new();
    let deals = world.acme.deals();
    let contact = world.add("a@x.example");
    let body = bytes(&with(world.lead("Deal"), &json!({"contactId": contact})));
    let first = deals.create_with(&Json(&body), &once("create", &body)).unwrap();
    let there = bytes(&json!({"stageId": world.stage("Closed Won")}));
    let moved = deals.move_with(first.row.id(), &Json(&there), &once("move", &there)).unwrap();
    world.update(contact, json!({"firstName": "Bob"})).unwrap();
    deals.delete(first.row.id()).unwrap();
    let again = world.without_trace(|| deals.create_with(&Json(&body), &once("create", &body))).unwrap();
    assert_eq!((again.replayed, again.outcome, text(&again.row)), (true, Outcome::Created, text(&first.row)));
    assert!(text(&again.row).contains("\"contactName\":\"Ada Lovelace\""));
    let again = deals.move_with(first.row.id(), &Json(&there), &once("move", &there)).unwrap();
    assert_eq!((again.replayed, text(&again.row)), (true, text(&moved.row)));
    let put = deals.update_with(first.row.id(), &Json(&there), &once("move", &there)).unwrap_err();
    assert_eq!(put.code(), Code::IdempotencyMismatch);
}

#[test]
fn another_tenants_deal_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let theirs = world.deal(json!({}));
    let other = tenant(&world.engine, "other");
    let errors = |id: Id<Deal>| {
        let deals = other.deals();
        let there = bytes(&json!({"stageId": RANDOM}));
        [
            deals.get(id).unwrap_err(),
            update(deals, id, &json!({"notes": "x"})).unwrap_err(),
            deals.delete(id).unwrap_err(),
            deals.move_with(id, &Json(&there), &WriteOptions::default()).unwrap_err(),
            other.bant().get(Id::from_uuid(id.as_uuid())).unwrap_err(),
        ]
        .map(|error| format!("{error:?}"))
    };
    assert_eq!(world.without_trace(|| errors(theirs)), errors(RANDOM.parse().unwrap()));
}

#[test]
fn typed_drafts_and_changes_say_what_their_json_says() {
    let world = World::new();
    let deals = world.acme.deals();
    let pipeline = world.pipeline();
    let draft = DealDraft {
        pipeline_id: pipeline.id,
        stage_id: pipeline.stages[1].id,
        name: "Deal".into(),
        value: Some("10.50".parse().unwrap()),
        ..DealDraft::default()
    };
    let deal = deals.create(&draft).unwrap().read().unwrap();
    assert_eq!((deal.probability, deal.value), (25, draft.value));
    let change = DealChange { value: Patch::Clear, notes: "x".into(), ..DealChange::default() };
    let deal = deals.update(deal.id, &change).unwrap().read().unwrap();
    assert_eq!((deal.value, deal.notes.as_deref()), (None, Some("x")));
    assert_eq!(deals.upsert(&draft).unwrap().row.id(), deal.id);
    let won = deals.move_to(deal.id, pipeline.stages[4].id).unwrap().read().unwrap();
    assert_eq!(standing(&won), (100, "won", Some(true)));
}
