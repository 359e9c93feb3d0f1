use std::sync::Arc;

use rally_core::{
    Code, Deal, DealDraft, DealUpdate, Id, Pipeline, PipelineDraft, PipelineStage, PipelineStageDraft,
    PipelineUpdate, Query, Scope,
    StageOutcome::{self, Lost, Open, Won},
    WriteOptions, WriteOutcome,
    store::{Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store},
};
use serde_json::{Value, json};

use crate::support::{World, create_json, lines, report, tenant, text, update_json, value};

const RANDOM: &str = "0191e3a2-9f00-7abc-8def-0123456789ab";

fn draft(stages: Vec<PipelineStageDraft>) -> PipelineDraft {
    PipelineDraft::new("Other", stages)
}

/// The draft of a pipeline of one stage, `A`.
fn of_one() -> PipelineDraft {
    draft(vec![named("A")])
}

fn draft_json(stages: &Value) -> Value {
    json!({"name": "Other", "stages": stages})
}

fn named(name: &str) -> PipelineStageDraft {
    PipelineStageDraft::new(name)
}

fn keep(stage: &PipelineStage) -> PipelineStageDraft {
    PipelineStageDraft::keep(stage.id)
}

/// All stages of a pipeline as they are.
fn kept(pipeline: &Pipeline) -> Vec<PipelineStageDraft> {
    pipeline.stages.iter().map(keep).collect()
}

/// Adds a pipeline.
#[track_caller]
fn add(world: &World, draft: &PipelineDraft) -> Pipeline {
    world.acme.pipelines().create(draft).unwrap()
}

/// The stages of a pipeline as a list of their names, places, probabilities and outcomes.
fn stages(pipeline: &Pipeline) -> Vec<(&str, u8, u8, StageOutcome)> {
    pipeline
        .stages
        .iter()
        .map(|stage| (&*stage.name, stage.order, stage.probability, stage.outcome))
        .collect()
}

fn all(world: &World) -> Vec<Pipeline> {
    world.acme.pipelines().list(Query::all()).unwrap().records
}

#[test]
fn a_new_tenant_has_one_pipeline_of_six_stages() {
    let world = World::new();
    let page = world.acme.pipelines().json().list(&Query::all().counted()).unwrap();
    assert_eq!(page.total, Some(1));
    insta::assert_snapshot!(lines(&page.records[0]).replace("},{", "},\n{"), @r#"
    "id":"0194c101-aca0-7000-8000-0000003ebe02"
    "tenantId":"0194c101-aca0-7000-8000-000000170d32"
    "name":"Sales pipeline"
    "isDefault":true
    "stages":[{"id":"0194c101-aca0-7000-8719-8f3d35cf1301","name":"Lead","order":1,"probability":10,"outcome":"open"},
    {"id":"0194c101-aca0-7000-808a-ac6ea0102639","name":"Qualified","order":2,"probability":25,"outcome":"open"},
    {"id":"0194c101-aca0-7000-b2ca-4f99dc3acea5","name":"Proposal","order":3,"probability":50,"outcome":"open"},
    {"id":"0194c101-aca0-7000-b688-479a998ef4dc","name":"Negotiation","order":4,"probability":75,"outcome":"open"},
    {"id":"0194c101-aca0-7000-846a-afb2e1afb68f","name":"Closed Won","order":5,"probability":100,"outcome":"won"},
    {"id":"0194c101-aca0-7000-bdb4-308ce87132dd","name":"Closed Lost","order":6,"probability":0,"outcome":"lost"}]
    "createdAt":"2025-02-01T10:15:00.000000Z"
    "updatedAt":"2025-02-01T10:15:00.000000Z"
    "#);
}

#[test]
fn a_pipeline_that_is_created_has_what_its_stages_leave_out() {
    let world = World::new();
    let list = vec![
        named(" A "),
        named("B").outcome(Won),
        named("C").outcome(Lost),
        named("D").probability(40).outcome(Won),
    ];
    let pipelines = world.acme.pipelines();
    let written = pipelines.create_with(&draft(list), &WriteOptions::default()).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Created);
    let pipeline = written.record;
    let expected = [("A", 1, 0, Open), ("B", 2, 100, Won), ("C", 3, 0, Lost), ("D", 4, 40, Won)];
    assert_eq!((stages(&pipeline), pipeline.is_default), (expected.to_vec(), false));
    let mut ids: Vec<_> = pipeline.stages.iter().map(|stage| stage.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(pipelines.get(pipeline.id).unwrap(), pipeline);
    let list = json!([{"name": " A "}, {"name": "B", "outcome": "won"}, {"name": "C", "outcome": "lost"},
        {"name": "D", "probability": 40, "outcome": "won", "order": 1, "id": null}]);
    let of_json = create_json(pipelines, &draft_json(&list)).unwrap().record;
    assert_eq!(stages(&of_json.read().unwrap()), expected);
    assert_eq!(text(&of_json), text(&pipelines.json().get(of_json.id()).unwrap()));
}

#[test]
fn a_pipeline_has_1_to_50_stages_of_different_names() {
    let world = World::new();
    let many = |count: usize| {
        Value::from((0..count).map(|number| json!({"name": format!("S{number}")})).collect::<Vec<_>>())
    };
    let refused = |list: Value, expected: &str| {
        let error = world.refused(|| create_json(world.acme.pipelines(), &draft_json(&list)));
        assert_eq!(report(&error), format!("validation\n{expected}"), "{list}");
        let id = world.pipeline().id;
        let error = world.refused(|| update_json(world.acme.pipelines(), id, &json!({"stages": list})));
        assert_eq!(report(&error), format!("validation\n{expected}"), "{list}");
    };
    refused(many(0), "stages must have 1 to 50 stages");
    refused(many(51), "stages must have 1 to 50 stages");
    refused(Value::Null, "stages is required");
    refused(json!({}), "stages must be an array");
    refused(json!([{"name": "A"}, {"name": "A"}]), "stages[1].name is the name of another stage");
    refused(json!([{"name": "Straße"}, {"name": "STRASSE"}]), "stages[1].name is the name of another stage");
    refused(json!([{"name": "A"}, {"name": " a "}]), "stages[1].name is the name of another stage");
    refused(json!([{"probability": 5}]), "stages[0].name is required");
    refused(json!([{"name": "A"}, {"name": " "}]), "stages[1].name is required");
    refused(json!([{"name": "A", "probability": 101}]), "stages[0].probability must be 0 to 100");
    refused(json!([{"name": "A", "outcome": "Won"}]), "stages[0].outcome must be one of open, won, lost");
    refused(json!([{"name": "x".repeat(256)}]), "stages[0].name must not be longer than 255 characters");
    for count in [1, 50] {
        create_json(world.acme.pipelines(), &draft_json(&many(count))).unwrap();
        add(&world, &draft((0..count).map(|number| named(&format!("S{number}"))).collect()));
    }
    let refused = |list: Vec<PipelineStageDraft>, expected: &str| {
        let update = PipelineUpdate::new().stages(list.clone());
        let error = world.refused(|| world.acme.pipelines().update(world.pipeline().id, &update));
        assert_eq!(report(&error), format!("validation\n{expected}"), "{list:?}");
        let error = world.refused(|| world.acme.pipelines().create(&draft(list)));
        assert_eq!(report(&error), format!("validation\n{expected}"));
    };
    refused(Vec::new(), "stages must have 1 to 50 stages");
    refused(vec![named("A"); 51], "stages must have 1 to 50 stages");
    refused(vec![named("Straße"), named("STRASSE")], "stages[1].name is the name of another stage");
    refused(vec![named("A"), named(" ")], "stages[1].name is required");
    refused(vec![named("A").probability(101)], "stages[0].probability must be 0 to 100");
    refused(vec![named(&"x".repeat(256))], "stages[0].name must not be longer than 255 characters");
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let body = json!({"name": "", "isDefault": 1, "stages": [
        {"id": "x", "name": 7, "probability": "1", "outcome": "x"}, 7, {"name": "A", "order": "first"}]});
    let error = world.refused(|| create_json(world.acme.pipelines(), &body));
    insta::assert_snapshot!(report(&error), @"
    validation
    isDefault must be true or false
    name must not be empty
    stages[0].id is not an id
    stages[0].name must be a string
    stages[0].outcome must be one of open, won, lost
    stages[0].probability must be a number
    stages[1] must be an object
    ");
}

#[test]
fn members_that_are_not_known_are_passed_over_as_documented_and_refused_when_strict() {
    let list = json!([{"name": "A", "order": 7, "colour": 1}, {"name": "B", "order": "last"}]);
    let body = json!({"name": "A", "id": 1, "colour": 1, "stages": list});
    let world = World::new();
    let pipeline = create_json(world.acme.pipelines(), &body).unwrap().record.read().unwrap();
    assert_eq!(stages(&pipeline), [("A", 1, 0, Open), ("B", 2, 0, Open)]);
    let strict = World::strict();
    let error = strict.refused(|| create_json(strict.acme.pipelines(), &body));
    assert_eq!(
        report(&error),
        "validation
colour is not a member
id is read-only
stages[0].colour is not a member
stages[0].order is read-only
stages[1].order is read-only"
    );
}

#[test]
fn stages_are_kept_by_their_ids_renamed_and_put_in_the_order_of_the_list() {
    let world = World::new();
    let before = world.pipeline();
    let stage = |name: &str| before.stage(name).unwrap();
    let list = vec![
        keep(stage("Closed Won")),
        keep(stage("Qualified")).name("Lead"),
        named("Pilot").probability(60),
        keep(stage("Lead")).name("Qualified").probability(11).outcome(Lost),
    ];
    let update = PipelineUpdate::new().stages(list);
    let after = world.acme.pipelines().update(before.id, &update).unwrap();
    let expected = [
        ("Closed Won", 1, 100, Won),
        ("Lead", 2, 25, Open),
        ("Pilot", 3, 60, Open),
        ("Qualified", 4, 11, Lost),
    ];
    assert_eq!(stages(&after), expected);
    for (now, then) in [("Closed Won", "Closed Won"), ("Lead", "Qualified"), ("Qualified", "Lead")] {
        assert_eq!(after.stage(now).unwrap().id, stage(then).id);
    }
    assert!(before.stages.iter().all(|known| known.id != after.stages[2].id));
    let gone = PipelineUpdate::new().stages(vec![keep(stage("Proposal")).name("Proposal")]);
    let error = world.refused(|| world.acme.pipelines().update(before.id, &gone));
    assert_eq!(report(&error), "bad_reference\nstages[0].id names no stage of this pipeline");
}

#[test]
fn a_stage_of_another_pipeline_is_none_of_this_one() {
    let world = World::new();
    let own = world.pipeline();
    let other = tenant(&world.engine, "other");
    let theirs = other.pipelines().default().unwrap();
    let pipelines = world.acme.pipelines();
    let errors = |id: Id<PipelineStage>| {
        let list = vec![PipelineStageDraft::keep(id).name("A")];
        let made = world.refused(|| pipelines.create(&draft(list.clone())));
        assert_eq!(report(&made), "bad_reference\nstages[0].id names no stage of this pipeline");
        let update = PipelineUpdate::new().stages(list);
        let put = world.refused(|| pipelines.update(own.id, &update));
        format!("{made:?} {put:?}")
    };
    assert_eq!(errors(theirs.stages[0].id), errors(RANDOM.parse().unwrap()));
    let lead = own.stage("Lead").unwrap();
    let twice = PipelineUpdate::new().stages(vec![keep(lead), keep(lead).name("B")]);
    let error = world.refused(|| pipelines.update(own.id, &twice));
    assert_eq!(report(&error), "validation\nstages[1].id is given twice");
}

#[test]
fn a_stage_that_holds_deals_stays_and_so_does_its_outcome() {
    let world = World::new();
    let pipelines = world.acme.pipelines();
    let pipeline = world.pipeline();
    let proposal = pipeline.stage("Proposal").unwrap();
    let deal: Id<Deal> =
        world.acme.deals().create(&DealDraft::new(pipeline.id, proposal.id, "Deal")).unwrap().id;
    let others = pipeline.stages.iter().filter(|stage| stage.name != "Proposal");
    let without: Vec<PipelineStageDraft> = others.map(keep).collect();
    let (mut won, mut renamed) = (kept(&pipeline), kept(&pipeline));
    won[2] = keep(proposal).outcome(Won);
    renamed[2] = keep(proposal).name("Offer").probability(55);
    let put =
        |list: &[PipelineStageDraft]| pipelines.update(pipeline.id, &PipelineUpdate::new().stages(list));
    for (list, told) in [
        (&without, "must not lose the stage \"Proposal\", as there are deals in it"),
        (&won, "must leave the outcome of the stage \"Proposal\" as it is, as there are deals in it"),
    ] {
        assert_eq!(report(&world.refused(|| put(list))), format!("conflict\nstages {told}"));
    }
    let all_wrong = PipelineUpdate::new().name("").stages(without.clone());
    let error = world.refused(|| pipelines.update(pipeline.id, &all_wrong));
    assert_eq!(report(&error), "validation\nname must not be empty", "a fault of its own is told first");
    put(&renamed).unwrap();
    let moved = world.acme.deals().get(deal).unwrap();
    assert_eq!((moved.stage_name.as_deref(), moved.probability), (Some("Offer"), 50));
    world.acme.deals().delete(deal).unwrap();
    put(&won).unwrap();
    put(&without).unwrap();
}

#[test]
fn a_member_of_a_stage_that_is_null_is_what_it_is_by_itself() {
    let world = World::new();
    let pipeline = world.pipeline();
    let put = |stage: Value| update_json(world.acme.pipelines(), pipeline.id, &json!({"stages": [stage]}));
    let id = pipeline.stage("Closed Won").unwrap().id;
    let error = world.refused(|| put(json!({"id": id, "name": null})));
    assert_eq!(report(&error), "validation\nstages[0].name is required");
    let cleared =
        put(json!({"id": id, "probability": null, "outcome": null})).unwrap().record.read().unwrap();
    let cleared = &cleared.stages[0];
    assert_eq!((cleared.name.as_str(), cleared.probability, cleared.outcome), ("Closed Won", 0, Open));
}

#[test]
fn a_stage_that_is_no_object_is_that_and_nothing_else() {
    let world = World::strict();
    let error = world.refused(|| create_json(world.acme.pipelines(), &draft_json(&json!([7]))));
    assert_eq!(report(&error), "validation\nstages[0] must be an object");
}

#[test]
fn one_pipeline_is_the_default_and_another_takes_its_place() {
    let world = World::new();
    let pipelines = world.acme.pipelines();
    let first = world.pipeline().id;
    let second = add(&world, &of_one()).id;
    let third = add(&world, &of_one().is_default(true)).id;
    let defaults = || {
        let all = all(&world);
        all.into_iter().filter(|pipeline| pipeline.is_default).map(|pipeline| pipeline.id).collect::<Vec<_>>()
    };
    assert_eq!(defaults(), [third]);
    assert_eq!(pipelines.default().unwrap().id, third);
    let before = pipelines.get(third).unwrap();
    world.clock.advance(1_000_000);
    pipelines.update(second, &PipelineUpdate::new().is_default(true)).unwrap();
    assert_eq!(defaults(), [second]);
    assert_eq!(pipelines.default().unwrap().id, second);
    assert!(before.updated_at < pipelines.get(third).unwrap().updated_at);
    for update in [PipelineUpdate::new().is_default(false), PipelineUpdate::new().is_default(None)] {
        let error = world.refused(|| pipelines.update(second, &update));
        assert_eq!(
            report(&error),
            "validation\nisDefault must stay true until another pipeline is made the default"
        );
    }
    let error = world.refused(|| pipelines.delete(second));
    assert_eq!(report(&error), "validation\nisDefault must not be true");
    pipelines.delete(first).unwrap();
    assert_eq!(all(&world).len(), 2);
}

#[test]
fn a_pipeline_with_deals_stays() {
    let world = World::new();
    let pipelines = world.acme.pipelines();
    let pipeline = add(&world, &of_one());
    let id = pipeline.id;
    let only = pipeline.stage("A").unwrap().id;
    let deal = world.acme.deals().create(&DealDraft::new(id, only, "Deal")).unwrap().id;
    let error = world.refused(|| pipelines.delete(id));
    assert_eq!(report(&error), "conflict\nid is of a pipeline that has deals");
    let first = world.pipeline();
    let update = DealUpdate::new().pipeline_id(first.id).stage_id(world.stage("Lead"));
    world.acme.deals().update(deal, &update).unwrap();
    pipelines.delete(id).unwrap();
    assert!(pipelines.get(id).unwrap_err().is_not_found());
}

/// Takes all rows of a tenant away, as if it came from a time before pipelines.
fn empty(store: &dyn Store, world: &World) {
    let commit = store.write(world.acme.tenant().id, &mut |newest| {
        let mut batch = Batch::new();
        for space in 0..=u8::MAX {
            let range = KeyRange::prefix(&Key::new(Space(space)));
            let entries = newest.scan(&range, Direction::Forward, usize::MAX).unwrap();
            entries.into_iter().for_each(|entry| batch.delete(entry.key));
        }
        Ok(batch)
    });
    assert_eq!(commit.unwrap(), Commit::Applied);
}

#[test]
fn the_first_pipeline_of_a_tenant_without_one_becomes_the_default() {
    let store = Arc::new(MemoryStore::new());
    let world = World::on(store.clone());
    empty(&*store, &world);
    assert!(all(&world).is_empty());
    let draft = of_one().is_default(false);
    let (first, second) = (add(&world, &draft), add(&world, &draft));
    assert!(first.is_default && !second.is_default);
    assert_eq!(world.acme.pipelines().default().unwrap(), first);
}

#[test]
fn a_write_that_changes_nothing_leaves_no_trace() {
    let world = World::new();
    let (id, pipelines) = (world.pipeline().id, world.acme.pipelines());
    let update = PipelineUpdate::new;
    for update in [
        update(),
        update().stages(kept(&world.pipeline())),
        update().is_default(true).name(" Sales pipeline"),
    ] {
        let written = world.without_trace(|| pipelines.update_with(id, &update, &WriteOptions::default()));
        assert_eq!(written.unwrap().outcome, WriteOutcome::Unchanged, "{update:?}");
    }
    let whole = value(&pipelines.json().get(id).unwrap());
    for body in [json!({}), whole] {
        let written = world.without_trace(|| update_json(pipelines, id, &body)).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Unchanged, "{body}");
    }
}

#[test]
fn pipelines_are_read_by_all_and_written_by_admins() {
    let world = World::new();
    let writer = world.acme.clone().limited_to(Scope::Write);
    let (id, pipelines) = (world.pipeline().id, writer.pipelines());
    pipelines.get(id).unwrap();
    for error in [
        pipelines.create(&of_one()).unwrap_err(),
        pipelines.update(id, &PipelineUpdate::new()).unwrap_err(),
        pipelines.delete(id).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    }
}

#[test]
fn another_tenants_pipeline_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let errors = |id: Id<Pipeline>| {
        let pipelines = other.pipelines();
        [
            pipelines.get(id).unwrap_err(),
            pipelines.update(id, &PipelineUpdate::new().name("x")).unwrap_err(),
            pipelines.delete(id).unwrap_err(),
            pipelines.forecast(id).unwrap_err(),
        ]
        .map(|error| format!("{error:?}"))
    };
    let theirs = errors(world.pipeline().id);
    assert_eq!(theirs, errors(RANDOM.parse().unwrap()));
}

#[test]
fn typed_drafts_and_updates_say_what_their_json_says() {
    let world = World::new();
    let pipelines = world.acme.pipelines();
    let pipeline = add(&world, &of_one());
    let update = PipelineUpdate::new().stages(vec![named("B"), keep(&pipeline.stages[0])]);
    let after = pipelines.update(pipeline.id, &update).unwrap();
    assert_eq!(stages(&after), [("B", 1, 0, Open), ("A", 2, 0, Open)]);
    assert_eq!(after.stages[1].id, pipeline.stages[0].id);
    assert!(pipelines.json().create(b"{}", &WriteOptions::default()).is_err());
}

#[test]
fn a_stage_is_found_by_its_name_alone() {
    let pipeline = World::new().pipeline();
    assert_eq!(pipeline.stage("Closed Won").unwrap(), &pipeline.stages[4]);
    for name in ["", "lead", " Lead", "Pilot"] {
        let error = pipeline.stage(name).unwrap_err();
        let expected = format!("there is no stage {name:?} in this pipeline");
        assert_eq!((error.code(), error.detail()), (Code::NotFound, expected.as_str()));
    }
}

#[test]
fn the_default_pipeline_is_the_tenants_own_wherever_it_is_asked_for() {
    let world = World::new();
    let first = world.acme.pipelines().default().unwrap();
    assert!(first.is_default);
    let other = tenant(&world.engine, "other").pipelines().default().unwrap();
    assert_ne!(other.id, first.id);
    let reader = world.acme.clone().limited_to(Scope::Read);
    assert_eq!(reader.pipelines().default().unwrap(), first);
    let view = world.acme.view().unwrap();
    let second = world.acme.write(|tx| {
        let second = tx.pipelines().create(&of_one().is_default(true))?;
        assert_eq!(tx.pipelines().default()?, second);
        Ok(second)
    });
    assert_eq!(view.pipelines().default().unwrap(), first);
    assert_eq!(world.acme.pipelines().default().unwrap(), second.unwrap());
}
