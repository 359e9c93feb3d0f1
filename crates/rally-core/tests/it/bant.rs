use rally_core::{
    Bant, BantChange, Code, CriterionChange, Deal, Id, Json, Outcome, Patch, Scope, WriteOptions, Written,
};
use serde_json::{Value, json};

use crate::support::{World, bytes, changes_after, lines, once, read, report, text, update, value};

/// A world with one deal, and the deal's id as that of its qualification.
fn world_of_one(world: World) -> (World, Id<Bant>) {
    let id = world.deal(json!({}));
    (world, Id::from_uuid(id.as_uuid()))
}

fn put(world: &World, id: Id<Bant>, body: &Value) -> Written<Bant> {
    world.clock.advance(1_000_000);
    update(world.acme.bant(), id, body).unwrap()
}

fn deal(world: &World, id: Id<Bant>) -> Deal {
    read(world.acme.deals(), Id::from_uuid(id.as_uuid()))
}

#[test]
fn nothing_is_known_before_the_first_put() {
    let (world, id) = world_of_one(World::new());
    insta::assert_snapshot!(lines(&world.acme.bant().get(id).unwrap()), @r#"
    "dealId":"0194c101-aca0-7001-9859-d4265eb01788"
    "budget":{"rating":null,"notes":null}
    "authority":{"rating":null,"notes":null}
    "need":{"rating":null,"notes":null}
    "timeline":{"rating":null,"notes":null}
    "score":null
    "notes":null
    "updatedAt":null
    "#);
    assert_eq!(world.acme.bant().get(id).unwrap().updated_at().unwrap(), deal(&world, id).updated_at);
}

#[test]
fn a_qualification_comes_back_with_every_member_in_the_documented_order() {
    let (world, id) = world_of_one(World::new());
    let body = json!({
        "notes": " all ", "timeline": {"rating": 0}, "need": {"notes": " much \"so\" ", "rating": 1}, "authority": {"rating": 2},
        "budget": {"rating": 3, "notes": "é"},
    });
    let written = put(&world, id, &body);
    assert_eq!(written.outcome, Outcome::Updated);
    insta::assert_snapshot!(lines(&written.row), @r#"
    "dealId":"0194c101-aca0-7001-9859-d4265eb01788"
    "budget":{"rating":3,"notes":"é"}
    "authority":{"rating":2,"notes":null}
    "need":{"rating":1,"notes":"much \"so\""}
    "timeline":{"rating":0,"notes":null}
    "score":50
    "notes":"all"
    "updatedAt":"2025-02-01T10:15:01.000000Z"
    "#);
    assert_eq!(text(&written.row), text(&world.acme.bant().get(id).unwrap()));
}

#[test]
fn what_is_left_out_of_a_criterion_stays_and_null_clears() {
    let (world, id) = world_of_one(World::new());
    let check = |body: Value, expected: Value| {
        let written = put(&world, id, &body);
        assert_eq!(written.outcome, Outcome::Updated, "{body}");
        assert_eq!(value(&written.row)["budget"], expected, "{body}");
    };
    check(json!({"budget": {"rating": 2}}), json!({"rating": 2, "notes": null}));
    check(json!({"budget": {"notes": "x"}}), json!({"rating": 2, "notes": "x"}));
    check(json!({"budget": {"rating": 0}, "notes": "n"}), json!({"rating": 0, "notes": "x"}));
    check(json!({"need": {"rating": 1}}), json!({"rating": 0, "notes": "x"}));
    check(json!({"budget": {"rating": null}}), json!({"rating": null, "notes": "x"}));
    check(json!({"budget": {"notes": null}}), json!({"rating": null, "notes": null}));
    check(json!({"budget": {"rating": 3, "notes": "y"}}), json!({"rating": 3, "notes": "y"}));
    check(json!({"budget": null}), json!({"rating": null, "notes": null}));
    let bant = read(world.acme.bant(), id);
    assert_eq!((bant.need.rating, bant.notes.as_deref()), (Some(1), Some("n")));
}

#[test]
fn the_score_is_the_rounded_share_of_twelve() {
    let (world, id) = world_of_one(World::new());
    let score = |ratings: [Option<u8>; 4]| {
        let [budget, authority, need, timeline] = ratings.map(|rating| json!({"rating": rating}));
        let body = json!({"budget": budget, "authority": authority, "need": need, "timeline": timeline, "notes": "x"});
        put(&world, id, &body).read().unwrap().score
    };
    let percent = [0, 8, 17, 25, 33, 42, 50, 58, 67, 75, 83, 92, 100];
    for (sum, expected) in (0_u8..).zip(percent) {
        let rating = |before: u8| Some(sum.saturating_sub(before).min(3));
        assert_eq!(score([rating(0), rating(3), rating(6), rating(9)]), Some(expected), "{sum}");
    }
    assert_eq!(score([None, None, Some(1), None]), Some(8));
    assert_eq!(score([None; 4]), Some(0));
}

#[test]
fn a_put_is_an_update_of_the_deal() {
    let (world, id) = world_of_one(World::new());
    let before = deal(&world, id);
    let (last, _) = world.acme.last_change().unwrap();
    let bant = put(&world, id, &json!({"need": {"rating": 3}})).read().unwrap();
    let mut after = deal(&world, id);
    assert_eq!(changes_after(&world.acme, last), [("deal updated".to_owned(), id.to_string())]);
    assert_eq!(bant.updated_at, Some(after.updated_at));
    assert!(before.updated_at < after.updated_at);
    after.updated_at = before.updated_at;
    assert_eq!(after, before);
}

#[test]
fn an_update_of_the_deal_is_none_of_its_qualification() {
    let (world, id) = world_of_one(World::new());
    let before = put(&world, id, &json!({"need": {"rating": 3}, "notes": "x"})).read().unwrap();
    world.clock.advance(1_000_000);
    let body = json!({"notes": "y", "stageId": world.stage("Closed Won"), "budget": {"rating": 1}});
    update(world.acme.deals(), Id::from_uuid(id.as_uuid()), &body).unwrap();
    assert_eq!(read(world.acme.bant(), id), before);
    put(&world, id, &json!({"timeline": {"rating": 1}}));
    let deal = deal(&world, id);
    assert_eq!((deal.notes.as_deref(), deal.status.as_str(), deal.probability), (Some("y"), "won", 100));
}

#[test]
fn a_put_that_changes_nothing_leaves_no_trace() {
    let (world, id) = world_of_one(World::new());
    let unchanged = |body: Value| {
        let written = world.without_trace(|| update(world.acme.bant(), id, &body)).unwrap();
        assert_eq!(written.outcome, Outcome::Unchanged, "{body}");
    };
    let nothing = json!({"rating": null, "notes": null});
    for body in
        [json!({}), json!({"budget": {}}), json!({"budget": null, "notes": null}), json!({"need": nothing})]
    {
        unchanged(body);
    }
    put(&world, id, &json!({"need": {"rating": 3, "notes": "a\"b/\n"}, "notes": "x"}));
    for body in [
        json!({}),
        json!({"need": {}}),
        json!({"need": {"notes": " a\"b/\n ", "rating": 3}}),
        json!({"notes": "x", "budget": null}),
    ] {
        unchanged(body);
    }
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let (world, id) = world_of_one(World::new());
    let body = json!({
        "budget": {"rating": 4, "notes": "x".repeat(65_537)}, "authority": {"rating": -1}, "need": 3,
        "timeline": {"rating": 1.5, "notes": 7}, "notes": ["x"],
    });
    let error = world.refused(|| update(world.acme.bant(), id, &body));
    insta::assert_snapshot!(report(&error), @"
    validation
    authority.rating must be 0 to 3
    budget.notes must not be longer than 65536 bytes
    budget.rating must be 0 to 3
    need must be an object
    notes must be a string
    timeline.notes must be a string
    timeline.rating must be a whole number
    ");
}

#[test]
fn read_only_and_unknown_members_are_passed_over_as_documented_and_refused_when_strict() {
    let body = json!({
        "dealId": "x", "score": 100, "updatedAt": "2025-01-01", "name": "x", "stageId": "x", "luck": 1,
        "need": {"rating": 1, "luck": 1},
    });
    let (world, id) = world_of_one(World::new());
    let bant = put(&world, id, &body).read().unwrap();
    assert_eq!((bant.score, bant.deal_id.as_uuid()), (Some(8), id.as_uuid()));
    assert_eq!(deal(&world, id).name, "Deal");
    let (strict, id) = world_of_one(World::strict());
    let error = strict.refused(|| update(strict.acme.bant(), id, &body));
    insta::assert_snapshot!(report(&error), @"
    validation
    dealId is read-only
    luck is not a member
    name is not a member
    need.luck is not a member
    score is read-only
    stageId is not a member
    updatedAt is read-only
    ");
}

#[test]
fn a_put_may_name_the_version_of_the_deal_and_happens_once_for_a_key() {
    let (world, id) = world_of_one(World::new());
    let bant = world.acme.bant();
    let version = Some(deal(&world, id).updated_at);
    let options = WriteOptions { if_version: version, ..once("k", b"x") };
    let body = bytes(&json!({"need": {"rating": 3}}));
    let first = bant.update_with(id, &Json(&body), &options).unwrap();
    let again = bant.update_with(id, &Json(&body), &options).unwrap();
    assert_eq!((again.replayed, text(&again.row)), (true, text(&first.row)));
    let stale = WriteOptions { if_version: version, ..WriteOptions::default() };
    let error = world.refused(|| bant.update_with(id, &Json(&body), &stale));
    assert_eq!(error.code(), Code::PreconditionFailed);
    // A change of the deal is one of its version, too.
    update(world.acme.deals(), Id::from_uuid(id.as_uuid()), &json!({"notes": "x"})).unwrap();
    let stale = WriteOptions { if_version: Some(first.row.updated_at().unwrap()), ..WriteOptions::default() };
    let error = world.refused(|| bant.update_with(id, &Json(&body), &stale));
    assert_eq!(error.code(), Code::PreconditionFailed);
}

#[test]
fn it_goes_with_its_deal_and_takes_the_same_scopes() {
    let (world, id) = world_of_one(World::new());
    put(&world, id, &json!({"need": {"rating": 3}}));
    let reader = world.acme.clone().limited_to(Scope::Read);
    reader.bant().get(id).unwrap();
    let error = update(reader.bant(), id, &json!({})).unwrap_err();
    assert_eq!(error.required_scope(), Some(Scope::Write));
    world.acme.deals().delete(Id::from_uuid(id.as_uuid())).unwrap();
    for error in
        [world.acme.bant().get(id).unwrap_err(), update(world.acme.bant(), id, &json!({})).unwrap_err()]
    {
        assert_eq!((error.code(), error.detail()), (Code::NotFound, "there is no such deal"));
    }
}

#[test]
fn typed_changes_say_what_their_json_says() {
    let (world, id) = world_of_one(World::new());
    let rated = CriterionChange { rating: Patch::Set(2), ..CriterionChange::default() };
    let noted = CriterionChange { notes: "x".into(), ..CriterionChange::default() };
    for (criterion, expected) in [(rated, (Some(2), None)), (noted, (Some(2), Some("x")))] {
        let change = BantChange { budget: Patch::Set(criterion), ..BantChange::default() };
        let budget = world.acme.bant().update(id, &change).unwrap().read().unwrap().budget;
        assert_eq!((budget.rating, budget.notes.as_deref()), expected);
    }
    let change = BantChange { budget: Patch::Clear, ..BantChange::default() };
    let written = world.acme.bant().update(id, &change).unwrap();
    assert_eq!(value(&written.row)["budget"], json!({"rating": null, "notes": null}));
}

#[test]
fn one_idempotency_key_is_never_answered_for_both_a_deal_and_its_qualification() {
    let (world, id) = world_of_one(World::new());
    let body = bytes(&json!({"notes": "x"}));
    world.acme.bant().update_with(id, &Json(&body), &once("k", &body)).unwrap();
    let deal = Id::<Deal>::from_uuid(id.as_uuid());
    let error = world.acme.deals().update_with(deal, &Json(&body), &once("k", &body)).unwrap_err();
    assert_eq!(error.code(), Code::IdempotencyMismatch);
}

#[test]
fn the_largest_deal_fits_the_least_store() {
    let (world, id) = world_of_one(World::new());
    let longest = "\"".repeat(65_536);
    let criterion = json!({"rating": 3, "notes": longest});
    let body = json!({
        "budget": criterion, "authority": criterion, "need": criterion, "timeline": criterion, "notes": longest,
    });
    put(&world, id, &body);
    let deal = Id::<Deal>::from_uuid(id.as_uuid());
    update(world.acme.deals(), deal, &json!({"notes": longest, "name": "\"".repeat(255)})).unwrap();
    let largest = world.stored(world.acme.tenant().id).iter().map(|entry| entry.value.len()).max().unwrap();
    // A kept answer holds the record once more, and some bytes of its own.
    assert!(largest + 1_024 < rally_core::store::Limits::LEAST.value_bytes, "{largest}");
}
