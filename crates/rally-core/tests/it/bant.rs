use rally_core::{
    Bant, BantUpdate, Code, Criterion, CriterionUpdate, Deal, DealStatus, DealUpdate, Id, Patch, Scope,
    WriteOptions, WriteOutcome,
};
use serde_json::{Value, json};

use crate::support::{World, bytes, changes_after, lines, once, report, text, update_json, value};

/// A world with one deal, and the deal's id.
fn world_of_one(world: World) -> (World, Id<Deal>) {
    let id = world.deal("Deal");
    (world, id)
}

/// Updates the qualification of a deal, which must make a difference.
#[track_caller]
fn put(world: &World, id: Id<Deal>, update: &BantUpdate) -> Bant {
    world.clock.advance(1_000_000);
    let written = world.acme.bant().update_with(id.into(), update, &WriteOptions::default()).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Updated, "{update:?}");
    written.record
}

fn deal(world: &World, id: Id<Deal>) -> Deal {
    world.acme.deals().get(id).unwrap()
}

fn rated(rating: u8) -> CriterionUpdate {
    CriterionUpdate::new().rating(rating)
}

#[test]
fn nothing_is_known_before_the_first_put() {
    let (world, id) = world_of_one(World::new());
    insta::assert_snapshot!(lines(&world.acme.bant().json().get(id.into()).unwrap()), @r#"
    "dealId":"0194c101-aca0-7001-8000-000000216750"
    "budget":{"rating":null,"notes":null}
    "authority":{"rating":null,"notes":null}
    "need":{"rating":null,"notes":null}
    "timeline":{"rating":null,"notes":null}
    "score":null
    "notes":null
    "updatedAt":null
    "#);
    let row = world.acme.bant().json().get(id.into()).unwrap();
    assert_eq!(row.updated_at().unwrap(), deal(&world, id).updated_at);
    let bant = world.acme.bant().get(id.into()).unwrap();
    let nothing = Criterion::default();
    assert_eq!((bant.deal_id, bant.score, bant.notes, bant.updated_at), (id, None, None, None));
    for criterion in [bant.budget, bant.authority, bant.need, bant.timeline] {
        assert_eq!(criterion, nothing);
    }
}

#[test]
fn a_qualification_comes_back_with_every_member_in_the_documented_order() {
    let (world, id) = world_of_one(World::new());
    let body = json!({
        "notes": " all ", "timeline": {"rating": 0}, "need": {"notes": " much \"so\" ", "rating": 1}, "authority": {"rating": 2},
        "budget": {"rating": 3, "notes": "é"},
    });
    world.clock.advance(1_000_000);
    let written = update_json(world.acme.bant(), id.into(), &body).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Updated);
    insta::assert_snapshot!(lines(&written.record), @r#"
    "dealId":"0194c101-aca0-7001-8000-000000216750"
    "budget":{"rating":3,"notes":"é"}
    "authority":{"rating":2,"notes":null}
    "need":{"rating":1,"notes":"much \"so\""}
    "timeline":{"rating":0,"notes":null}
    "score":50
    "notes":"all"
    "updatedAt":"2025-02-01T10:15:01.000000Z"
    "#);
    assert_eq!(text(&written.record), text(&world.acme.bant().json().get(id.into()).unwrap()));
}

#[test]
fn what_is_left_out_of_a_criterion_stays_and_null_clears() {
    let (world, id) = world_of_one(World::new());
    let check = |body: Value, expected: Value| {
        world.clock.advance(1_000_000);
        let written = update_json(world.acme.bant(), id.into(), &body).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Updated, "{body}");
        assert_eq!(value(&written.record)["budget"], expected, "{body}");
    };
    check(json!({"budget": {"rating": 2}}), json!({"rating": 2, "notes": null}));
    check(json!({"budget": {"notes": "x"}}), json!({"rating": 2, "notes": "x"}));
    check(json!({"budget": {"rating": 0}, "notes": "n"}), json!({"rating": 0, "notes": "x"}));
    check(json!({"need": {"rating": 1}}), json!({"rating": 0, "notes": "x"}));
    check(json!({"budget": {"rating": null}}), json!({"rating": null, "notes": "x"}));
    check(json!({"budget": {"notes": null}}), json!({"rating": null, "notes": null}));
    check(json!({"budget": {"rating": 3, "notes": "y"}}), json!({"rating": 3, "notes": "y"}));
    check(json!({"budget": null}), json!({"rating": null, "notes": null}));
    let bant = world.acme.bant().get(id.into()).unwrap();
    assert_eq!((bant.need.rating, bant.notes.as_deref()), (Some(1), Some("n")));
}

#[test]
fn a_typed_update_lays_a_criterion_over_what_there_was() {
    let (world, id) = world_of_one(World::new());
    let check = |update: BantUpdate, expected: (Option<u8>, Option<&str>)| {
        let budget = put(&world, id, &update).budget;
        assert_eq!((budget.rating, budget.notes.as_deref()), expected, "{update:?}");
    };
    let (update, criterion) = (BantUpdate::new, CriterionUpdate::new);
    check(update().budget(rated(2)), (Some(2), None));
    check(update().budget(criterion().notes("x")), (Some(2), Some("x")));
    check(update().budget(rated(0)).notes("n"), (Some(0), Some("x")));
    check(update().need(rated(1)), (Some(0), Some("x")));
    check(update().budget(criterion().rating(None)), (None, Some("x")));
    check(update().budget(criterion().notes(Patch::Clear)), (None, None));
    check(update().budget(rated(3).notes("y")), (Some(3), Some("y")));
    check(update().budget(Patch::Clear), (None, None));
    check(update().budget(rated(3).notes("y")), (Some(3), Some("y")));
    check(update().budget(None), (None, None));
    let bant = world.acme.bant().get(id.into()).unwrap();
    assert_eq!((bant.need.rating, bant.notes.as_deref()), (Some(1), Some("n")));
}

#[test]
fn the_score_is_the_rounded_share_of_twelve() {
    let (world, id) = world_of_one(World::new());
    let score = |ratings: [Option<u8>; 4]| {
        let [budget, authority, need, timeline] = ratings.map(|rating| CriterionUpdate::new().rating(rating));
        let update =
            BantUpdate::new().budget(budget).authority(authority).need(need).timeline(timeline).notes("x");
        put(&world, id, &update).score
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
    let bant = put(&world, id, &BantUpdate::new().need(rated(3)));
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
    let before = put(&world, id, &BantUpdate::new().need(rated(3)).notes("x"));
    world.clock.advance(1_000_000);
    let body = json!({"notes": "y", "stageId": world.stage("Closed Won"), "budget": {"rating": 1}});
    update_json(world.acme.deals(), id, &body).unwrap();
    assert_eq!(world.acme.bant().get(id.into()).unwrap(), before);
    world.acme.deals().update(id, &DealUpdate::new().value(None).notes("y")).unwrap();
    assert_eq!(world.acme.bant().get(id.into()).unwrap(), before);
    put(&world, id, &BantUpdate::new().timeline(rated(1)));
    let deal = deal(&world, id);
    assert_eq!((deal.notes.as_deref(), deal.status, deal.probability), (Some("y"), DealStatus::Won, 100));
}

#[test]
fn a_put_that_changes_nothing_leaves_no_trace() {
    let (world, id) = world_of_one(World::new());
    let unchanged = |update: BantUpdate| {
        let options = WriteOptions::default();
        let written =
            world.without_trace(|| world.acme.bant().update_with(id.into(), &update, &options)).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Unchanged, "{update:?}");
    };
    let unchanged_json = |body: Value| {
        let written = world.without_trace(|| update_json(world.acme.bant(), id.into(), &body)).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Unchanged, "{body}");
    };
    let (update, criterion) = (BantUpdate::new, CriterionUpdate::new);
    for update in [
        update(),
        update().budget(criterion()),
        update().budget(Patch::Clear).notes(None),
        update().need(criterion().rating(None).notes(None)),
    ] {
        unchanged(update);
    }
    let nothing = json!({"rating": null, "notes": null});
    for body in
        [json!({}), json!({"budget": {}}), json!({"budget": null, "notes": null}), json!({"need": nothing})]
    {
        unchanged_json(body);
    }
    put(&world, id, &update().need(rated(3).notes("a\"b/\n")).notes("x"));
    for update in [
        update(),
        update().need(criterion()),
        update().need(rated(3).notes(" a\"b/\n ")),
        update().notes("x").budget(None),
    ] {
        unchanged(update);
    }
    unchanged_json(json!({"need": {"notes": " a\"b/\n ", "rating": 3}, "timeline": null}));
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let (world, id) = world_of_one(World::new());
    let body = json!({
        "budget": {"rating": 4, "notes": "x".repeat(65_537)}, "authority": {"rating": -1}, "need": 3,
        "timeline": {"rating": 1.5, "notes": 7}, "notes": ["x"],
    });
    let error = world.refused(|| update_json(world.acme.bant(), id.into(), &body));
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
    let update = BantUpdate::new().budget(rated(4).notes("x".repeat(65_537))).timeline(rated(255));
    let error = world.refused(|| world.acme.bant().update(id.into(), &update));
    insta::assert_snapshot!(report(&error), @"
    validation
    budget.notes must not be longer than 65536 bytes
    budget.rating must be 0 to 3
    timeline.rating must be 0 to 3
    ");
}

#[test]
fn read_only_and_unknown_members_are_passed_over_as_documented_and_refused_when_strict() {
    let body = json!({
        "dealId": "x", "score": 100, "updatedAt": "2025-01-01", "name": "x", "stageId": "x", "luck": 1,
        "need": {"rating": 1, "luck": 1},
    });
    let (world, id) = world_of_one(World::new());
    let bant = update_json(world.acme.bant(), id.into(), &body).unwrap().record.read().unwrap();
    assert_eq!((bant.score, bant.deal_id), (Some(8), id));
    assert_eq!(deal(&world, id).name, "Deal");
    let (strict, id) = world_of_one(World::strict());
    let error = strict.refused(|| update_json(strict.acme.bant(), id.into(), &body));
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
    let version = deal(&world, id).updated_at;
    let update = BantUpdate::new().need(rated(3));
    let write = |options: &WriteOptions| bant.update_with(id.into(), &update, options);
    let first = write(&once("k", b"x").if_version(version)).unwrap();
    let again = write(&once("k", b"x").if_version(version)).unwrap();
    assert!(!first.replayed && again.replayed);
    assert_eq!(again.record, first.record);
    let error = world.refused(|| write(&WriteOptions::default().if_version(version)));
    assert_eq!(error.code(), Code::PreconditionFailed);
    // A change of the deal is one of its version, too.
    let version = deal(&world, id).updated_at;
    assert_eq!(first.record.updated_at, Some(version));
    world.acme.deals().update(id, &DealUpdate::new().notes("x")).unwrap();
    let error = world.refused(|| write(&WriteOptions::default().if_version(version)));
    assert_eq!(error.code(), Code::PreconditionFailed);
}

#[test]
fn it_goes_with_its_deal_and_takes_the_same_scopes() {
    let (world, id) = world_of_one(World::new());
    put(&world, id, &BantUpdate::new().need(rated(3)));
    let reader = world.acme.clone().limited_to(Scope::Read);
    reader.bant().get(id.into()).unwrap();
    for error in [
        reader.bant().update(id.into(), &BantUpdate::new()).unwrap_err(),
        update_json(reader.bant(), id.into(), &json!({})).unwrap_err(),
    ] {
        assert_eq!(error.required_scope(), Some(Scope::Write));
    }
    world.acme.deals().delete(id).unwrap();
    for error in [
        world.acme.bant().get(id.into()).unwrap_err(),
        world.acme.bant().update(id.into(), &BantUpdate::new()).unwrap_err(),
        update_json(world.acme.bant(), id.into(), &json!({})).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.detail()), (Code::NotFound, "there is no such deal"));
    }
}

#[test]
fn typed_updates_say_what_their_json_says() {
    let (world, id) = world_of_one(World::new());
    let bant = world.acme.bant();
    let both = |update: BantUpdate, body: Value| {
        let typed = put(&world, id, &update);
        let same = world.without_trace(|| update_json(bant, id.into(), &body)).unwrap();
        assert_eq!((same.outcome, same.record.read().unwrap()), (WriteOutcome::Unchanged, typed), "{body}");
    };
    both(BantUpdate::new().budget(rated(2)), json!({"budget": {"rating": 2}}));
    let noted = CriterionUpdate::new().notes(" x ");
    both(BantUpdate::new().budget(noted).notes("y"), json!({"budget": {"notes": "x"}, "notes": "y"}));
    let unrated = CriterionUpdate::new().rating(Patch::Clear);
    both(BantUpdate::new().budget(unrated), json!({"budget": {"rating": null}}));
    both(BantUpdate::new().budget(Patch::Clear), json!({"budget": null}));
    let cleared = bant.json().get(id.into()).unwrap();
    assert_eq!(value(&cleared)["budget"], json!({"rating": null, "notes": null}));
}

#[test]
fn one_idempotency_key_is_never_answered_for_both_a_deal_and_its_qualification() {
    let (world, id) = world_of_one(World::new());
    let update = BantUpdate::new().notes("x");
    world.acme.bant().update_with(id.into(), &update, &once("k", b"x")).unwrap();
    let update = DealUpdate::new().notes("x");
    let error = world.acme.deals().update_with(id, &update, &once("k", b"x")).unwrap_err();
    assert_eq!(error.code(), Code::IdempotencyMismatch);
    let body = bytes(&json!({"notes": "x"}));
    let error = world.acme.deals().json().update(id, &body, &once("k", b"x")).unwrap_err();
    assert_eq!(error.code(), Code::IdempotencyMismatch);
}

#[test]
fn the_largest_deal_fits_the_least_store() {
    let (world, id) = world_of_one(World::new());
    let longest = "\"".repeat(65_536);
    let criterion = rated(3).notes(longest.as_str());
    let update = BantUpdate::new()
        .budget(criterion.clone())
        .authority(criterion.clone())
        .need(criterion.clone())
        .timeline(criterion)
        .notes(longest.as_str());
    put(&world, id, &update);
    world.acme.deals().update(id, &DealUpdate::new().notes(longest).name("\"".repeat(255))).unwrap();
    let largest = world.stored(world.acme.tenant().id).iter().map(|entry| entry.value.len()).max().unwrap();
    // A kept answer holds the record once more, and some bytes of its own.
    assert!(largest + 1_024 < rally_core::store::Limits::LEAST.value_bytes, "{largest}");
}
