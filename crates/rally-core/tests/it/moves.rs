//! Moves of deals through the stages of their pipeline.

use rally_core::{
    Atomicity::{AllOrNothing, EachByItself},
    Code, Deal, DealDraft,
    DealStatus::{Lost, Open, Won},
    DealUpdate, Error, Id, Query, Scope, StageMove, WriteOptions, WriteOutcome, Written,
    schema::Row,
};
use serde_json::{Value, json};

use crate::{
    bulk::fates,
    deals::{another_pipeline, standing},
    support::{World, bytes, changes_after, report, tenant},
};

const RANDOM: &str = "0191e3a2-9f00-7abc-8def-0123456789ab";

/// Adds a deal.
#[track_caller]
fn add(world: &World, draft: &DealDraft) -> Deal {
    world.acme.deals().create(draft).unwrap()
}

pub(crate) fn move_json(world: &World, id: Id<Deal>, body: &Value) -> Result<Written<Row<Deal>>, Error> {
    world.acme.deals().json().move_to(id, &bytes(body), &WriteOptions::default())
}

/// The id of a deal that is no more.
fn deleted_deal(world: &World) -> Id<Deal> {
    let id = world.deal("Gone");
    world.acme.deals().delete(id).unwrap();
    id
}

#[test]
fn a_move_takes_the_stages_probability_unless_one_is_given() {
    let world = World::new();
    let id = add(&world, &world.lead("Deal").probability(99)).id;
    let go = |to: StageMove| {
        world.clock.advance(1_000_000);
        let written = world.acme.deals().move_with(id, to, &WriteOptions::default()).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Updated);
        written.record
    };
    let to = |name: &str| StageMove::to(world.stage(name));
    assert_eq!(standing(&go(to("Proposal"))), (50, Open, None));
    assert_eq!(standing(&go(to("Qualified").probability(7))), (7, Open, None));
    let body = json!({"stageId": world.stage("Lead"), "probability": null});
    let moved = move_json(&world, id, &body).unwrap();
    assert_eq!(moved.outcome, WriteOutcome::Updated);
    assert_eq!(standing(&moved.record.read().unwrap()), (10, Open, None));
    let won = go(to("Closed Won"));
    assert_eq!(standing(&won), (100, Won, Some(true)));
    assert_eq!(won.stage_name.as_deref(), Some("Closed Won"));
    assert_eq!(standing(&go(to("Closed Lost").probability(1))), (1, Lost, Some(true)));
    assert_eq!(standing(&go(to("Negotiation"))), (75, Open, None));
    assert_eq!(changes_after(&world.acme, 1).len(), 6);
}

#[test]
fn a_move_to_the_same_stage_without_another_probability_changes_nothing() {
    let world = World::new();
    let id = add(&world, &world.lead("Deal").probability(99)).id;
    let lead = world.stage("Lead");
    for to in [StageMove::to(lead), StageMove::to(lead).probability(99)] {
        let options = WriteOptions::default();
        let written = world.without_trace(|| world.acme.deals().move_with(id, to, &options)).unwrap();
        assert_eq!((written.outcome, written.record.probability), (WriteOutcome::Unchanged, 99));
    }
    for probability in [json!(null), json!(""), json!(99), json!(99.0)] {
        let body = json!({"stageId": lead, "probability": probability});
        let written = world.without_trace(|| move_json(&world, id, &body)).unwrap();
        let probability = written.record.read().unwrap().probability;
        assert_eq!((written.outcome, probability), (WriteOutcome::Unchanged, 99), "{body}");
    }
}

#[test]
fn a_move_to_the_same_stage_sets_another_probability() {
    let world = World::new();
    let (open, won) = (add(&world, &world.lead("Open")).id, add(&world, &world.lead("Won")).id);
    let closed = world.acme.deals().move_to(won, world.stage("Closed Won")).unwrap();
    let before = changes_after(&world.acme, 0).len();
    for (id, stage, probability) in [(open, "Lead", 5), (open, "Lead", 0), (won, "Closed Won", 95)] {
        world.clock.advance(1_000_000);
        let to = StageMove::to(world.stage(stage)).probability(probability);
        let written = world.acme.deals().move_with(id, to, &WriteOptions::default()).unwrap();
        assert_eq!((written.outcome, written.record.probability), (WriteOutcome::Updated, probability));
    }
    let won = world.acme.deals().get(won).unwrap();
    assert_eq!((won.probability, won.status), (95, Won));
    assert_eq!(won.actual_close_date, closed.actual_close_date, "it was closed when it was won");
    assert_eq!(changes_after(&world.acme, u64::try_from(before).unwrap()).len(), 3);
    let moves = [(open, StageMove::to(world.stage("Lead")).probability(33))];
    world.acme.deals().move_many(&moves, AllOrNothing).unwrap();
    assert_eq!(world.acme.deals().get(open).unwrap().probability, 33);
    let moved =
        world.acme.write(|tx| tx.deals().move_to(open, StageMove::to(world.stage("Lead")).probability(34)));
    assert_eq!(moved.unwrap().probability, 34);
}

#[test]
fn a_move_that_says_too_little_or_too_much_is_refused() {
    let world = World::new();
    let id = world.deal("Deal");
    let check = |world: &World, id, body: &Value, expected: &str| {
        assert_eq!(report(&world.refused(|| move_json(world, id, body))), expected, "{body}");
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
    check(&world, RANDOM.parse().unwrap(), &json!({"stageId": there}), "not_found");
    let strict = World::strict();
    let id = strict.deal("Deal");
    let body = json!({"stageId": strict.stage("Lead"), "name": "x", "status": "won", "x": 1});
    check(&strict, id, &body, "validation\nname is not a member\nstatus is not a member\nx is not a member");
}

#[test]
fn an_update_of_the_stage_does_what_a_move_does() {
    let world = World::new();
    let deals = world.acme.deals();
    let id = world.deal("Deal");
    let put = |update: DealUpdate| {
        world.clock.advance(1_000_000);
        deals.update(id, &update).unwrap()
    };
    let update = DealUpdate::new;
    assert_eq!(standing(&put(update().stage_id(world.stage("Closed Won")))), (100, Won, Some(true)));
    assert_eq!(standing(&put(update().notes("x"))), (100, Won, Some(false)));
    assert_eq!(standing(&put(update().probability(60))), (60, Won, Some(false)));
    assert_eq!(standing(&put(update().probability(None))), (100, Won, Some(false)));
    assert_eq!(standing(&put(update().stage_id(world.stage("Lead")).probability(3))), (3, Open, None));
    let other = another_pipeline(&world);
    let sold = other.stage("Sold").unwrap().id;
    let deal = put(update().pipeline_id(other.id).stage_id(sold));
    assert_eq!((standing(&deal), deal.stage_name.as_deref()), ((100, Won, Some(true)), Some("Sold")));
    let error = world.refused(|| deals.update(id, &update().pipeline_id(world.pipeline().id)));
    assert_eq!(report(&error), "bad_reference\nstageId names no stage of this pipeline");
}

#[test]
fn a_move_may_name_the_version_it_means_and_needs_the_scope_write() {
    let world = World::new();
    let deals = world.acme.deals();
    let id = world.deal("Deal");
    let options = WriteOptions::default().if_version(deals.get(id).unwrap().updated_at);
    let go = |name: &str| deals.move_with(id, world.stage(name), &options);
    go("Proposal").unwrap();
    assert_eq!(world.refused(|| go("Lead")).code(), Code::PreconditionFailed);
    assert_eq!(world.refused(|| go("Proposal")).code(), Code::PreconditionFailed);
    let reader = world.acme.clone().limited_to(Scope::Read);
    let lead = world.stage("Lead");
    for error in [
        reader.deals().move_to(id, lead).unwrap_err(),
        reader.deals().move_many(&[(id, lead.into())], EachByItself).unwrap_err(),
        reader.deals().json().move_to(id, b"{}", &WriteOptions::default()).unwrap_err(),
        reader.write(|tx| tx.deals().move_to(id, lead)).unwrap_err(),
    ] {
        assert_eq!(error.required_scope(), Some(Scope::Write));
    }
}

#[test]
fn a_transaction_moves_a_deal_that_it_has_created() {
    let world = World::new();
    let deals = world.acme.deals();
    let won = world.stage("Closed Won");
    let draft = world.lead("Deal");
    let go = |probability| {
        world.acme.write(|tx| {
            let deal = tx.deals().create(&draft)?;
            tx.deals().move_to(deal.id, StageMove::to(won).probability(probability))
        })
    };
    let error = world.refused(|| go(101));
    assert_eq!(report(&error), "validation\nprobability must be 0 to 100");
    assert_eq!(deals.count(Query::all()).unwrap(), 0);
    let deal = go(90).unwrap();
    assert_eq!((standing(&deal), deal.stage_name.as_deref()), ((90, Won, Some(true)), Some("Closed Won")));
    assert_eq!(deals.get(deal.id).unwrap(), deal);
}

#[test]
fn many_deals_are_moved_and_bad_moves_say_why() {
    let world = World::new();
    let (first, second) = (world.deal("First"), world.deal("Second"));
    let theirs = tenant(&world.engine, "other").pipelines().default().unwrap();
    let (won, lead) = (world.stage("Closed Won"), world.stage("Lead"));
    let moves = [
        (first, StageMove::to(won)),
        (second, StageMove::to(theirs.stage("Lead").unwrap().id)),
        (deleted_deal(&world), StageMove::to(won)),
        (second, StageMove::to(world.stage("Proposal")).probability(101)),
        (second, StageMove::to(lead)),
        (first, StageMove::to(world.stage("Proposal")).probability(40)),
    ];
    let (last, _) = world.acme.last_change().unwrap();
    let bulk = world.acme.deals().move_many(&moves, EachByItself).unwrap();
    let refused = |report: &str| Err(report.to_owned());
    let expected = [
        Ok(()),
        refused("bad_reference\nstageId names no stage of this pipeline"),
        refused("not_found"),
        refused("validation\nprobability must be 0 to 100"),
        Ok(()),
        Ok(()),
    ];
    assert_eq!(fates(&bulk), expected);
    assert_eq!(*bulk.items[5].as_ref().unwrap(), first);
    let deal = world.acme.deals().get(first).unwrap();
    assert_eq!((deal.stage_name.as_deref(), deal.probability), (Some("Proposal"), 40));
    assert_eq!(world.acme.deals().get(second).unwrap().stage_id, lead);
    let changed = changes_after(&world.acme, last);
    assert_eq!(changed, vec![("deal updated".to_owned(), first.to_string()); 2]);
}

#[test]
fn all_deals_are_moved_or_none_is() {
    let world = World::new();
    let (first, second) = (world.deal("First"), world.deal("Second"));
    let won = world.stage("Closed Won");
    let go = |moves: &[_]| world.acme.deals().move_many(moves, AllOrNothing);
    let bad = (second, StageMove::to(won).probability(101));
    let error = world.refused(|| go(&[(first, won.into()), bad]));
    assert_eq!(report(&error), "validation\nitems[1].probability must be 0 to 100");
    assert_eq!(error.detail(), "1 of 2 items are invalid, so none was written");
    let missing = (deleted_deal(&world), StageMove::to(won));
    let error = world.refused(|| go(&[missing, (first, won.into())]));
    assert_eq!(report(&error), "not_found\nitems[0] there is no such deal");
    let error = world.refused(|| go(&[]));
    assert_eq!(report(&error), "validation\nitems must be 1 to 100");
    let bulk = go(&[(first, won.into()), (second, StageMove::to(won).probability(90))]).unwrap();
    assert_eq!(fates(&bulk), [Ok(()), Ok(())]);
    let probabilities = [first, second].map(|id| world.acme.deals().get(id).unwrap().probability);
    assert_eq!(probabilities, [100, 90]);
}
