use std::sync::Arc;

use rally_core::{
    Code, Id, Json, ListQuery, Outcome, Pipeline, PipelineChange, PipelineDraft, PipelineStageDraft, Scope,
    store::{Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store},
};
use serde_json::{Value, json};

use crate::support::{World, add, create, lines, read, report, stage, tenant, text, update, value, with};

fn draft(stages: &Value) -> Value {
    json!({"name": "Other", "stages": stages})
}

/// The stages of a pipeline as a list of what they are called, their place, probability and outcome.
fn stages(pipeline: &Pipeline) -> Vec<(&str, u8, u8, &str)> {
    pipeline
        .stages
        .iter()
        .map(|stage| (&*stage.name, stage.order, stage.probability, &*stage.outcome))
        .collect()
}

fn all(world: &World) -> Vec<Pipeline> {
    let page = world.acme.pipelines().list(&ListQuery::default()).unwrap();
    page.rows.iter().map(|row| row.read().unwrap()).collect()
}

#[test]
fn a_new_tenant_has_one_pipeline_of_six_stages() {
    let world = World::new();
    let page = world.acme.pipelines().list(&ListQuery { count: true, ..ListQuery::default() }).unwrap();
    assert_eq!(page.total, Some(1));
    insta::assert_snapshot!(lines(&page.rows[0]).replace("},{", "},\n{"), @r#"
    "id":"0194c101-aca0-7000-bfaf-808f5475bf14"
    "tenantId":"0194c101-aca0-7000-b5c3-4c96793872d8"
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
    let list = json!([{"name": " A "}, {"name": "B", "outcome": "won"}, {"name": "C", "outcome": "lost"},
        {"name": "D", "probability": 40, "outcome": "won", "order": 1, "id": null}]);
    let written = create(world.acme.pipelines(), &draft(&list)).unwrap();
    assert_eq!(written.outcome, Outcome::Created);
    let pipeline = written.read().unwrap();
    let expected = [("A", 1, 0, "open"), ("B", 2, 100, "won"), ("C", 3, 0, "lost"), ("D", 4, 40, "won")];
    assert_eq!((stages(&pipeline), pipeline.is_default), (expected.to_vec(), false));
    let mut ids: Vec<_> = pipeline.stages.iter().map(|stage| stage.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(text(&written.row), text(&world.acme.pipelines().get(pipeline.id).unwrap()));
}

#[test]
fn a_pipeline_has_1_to_50_stages_of_different_names() {
    let world = World::new();
    let many = |count: usize| {
        Value::from((0..count).map(|number| json!({"name": format!("S{number}")})).collect::<Vec<_>>())
    };
    let refused = |list: Value, expected: &str| {
        let error = world.refused(|| create(world.acme.pipelines(), &draft(&list)));
        assert_eq!(report(&error), format!("validation\n{expected}"), "{list}");
        let id = world.pipeline().id;
        let error = world.refused(|| update(world.acme.pipelines(), id, &json!({"stages": list})));
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
        add(world.acme.pipelines(), &draft(&many(count)));
    }
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let body = json!({"name": "", "isDefault": 1, "stages": [
        {"id": "x", "name": 7, "probability": "1", "outcome": "x"}, 7, {"name": "A", "order": "first"}]});
    let error = world.refused(|| create(world.acme.pipelines(), &body));
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
    let pipeline = read(world.acme.pipelines(), add(world.acme.pipelines(), &body));
    assert_eq!(stages(&pipeline), [("A", 1, 0, "open"), ("B", 2, 0, "open")]);
    let strict = World::strict();
    let error = strict.refused(|| create(strict.acme.pipelines(), &body));
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
    let id = |name: &str| stage(&before, name);
    let list = json!([
        {"id": id("Closed Won")},
        {"id": id("Qualified"), "name": "Lead"},
        {"name": "Pilot", "probability": 60},
        {"id": id("Lead"), "name": "Qualified", "probability": 11, "outcome": "lost"},
    ]);
    let after = update(world.acme.pipelines(), before.id, &json!({"stages": list})).unwrap().read().unwrap();
    let expected = [
        ("Closed Won", 1, 100, "won"),
        ("Lead", 2, 25, "open"),
        ("Pilot", 3, 60, "open"),
        ("Qualified", 4, 11, "lost"),
    ];
    assert_eq!(stages(&after), expected);
    for (now, then) in [("Closed Won", "Closed Won"), ("Lead", "Qualified"), ("Qualified", "Lead")] {
        assert_eq!(stage(&after, now), id(then));
    }
    assert!(before.stages.iter().all(|known| known.id != after.stages[2].id));
    let gone = json!([{"id": id("Proposal"), "name": "Proposal"}]);
    let error = world.refused(|| update(world.acme.pipelines(), before.id, &json!({"stages": gone})));
    assert_eq!(report(&error), "bad_reference\nstages[0].id names no stage of this pipeline");
}

#[test]
fn a_stage_of_another_pipeline_is_none_of_this_one() {
    let world = World::new();
    let own = world.pipeline();
    let other = tenant(&world.engine, "other");
    let theirs: Pipeline = other.pipelines().list(&ListQuery::default()).unwrap().rows[0].read().unwrap();
    let errors = |id: Value| {
        let list = json!([{"id": id, "name": "A"}]);
        let made = world.refused(|| create(world.acme.pipelines(), &draft(&list)));
        assert_eq!(report(&made), "bad_reference\nstages[0].id names no stage of this pipeline");
        let put = world.refused(|| update(world.acme.pipelines(), own.id, &json!({"stages": list})));
        format!("{made:?} {put:?}")
    };
    let random = errors(json!("0191e3a2-9f00-7abc-8def-0123456789ab"));
    assert_eq!(errors(stage(&theirs, "Lead")), random);
    let twice = json!([{"id": stage(&own, "Lead")}, {"id": stage(&own, "Lead"), "name": "B"}]);
    let error = world.refused(|| update(world.acme.pipelines(), own.id, &json!({"stages": twice})));
    assert_eq!(report(&error), "validation\nstages[1].id is given twice");
}

#[test]
fn a_stage_that_holds_deals_stays_and_so_does_its_outcome() {
    let world = World::new();
    let pipelines = world.acme.pipelines();
    let pipeline = world.pipeline();
    let deal = world.deal(json!({"stageId": stage(&pipeline, "Proposal")}));
    let without = json!(pipeline.stages.iter().filter(|stage| stage.name != "Proposal").collect::<Vec<_>>());
    let mut won = json!(pipeline.stages);
    won[2]["outcome"] = "won".into();
    let put = |list: &Value| update(pipelines, pipeline.id, &json!({"stages": list}));
    for (list, told) in [
        (&without, "must not lose the stage \"Proposal\", as there are deals in it"),
        (&won, "must leave the outcome of the stage \"Proposal\" as it is, as there are deals in it"),
    ] {
        assert_eq!(report(&world.refused(|| put(list))), format!("conflict\nstages {told}"));
    }
    let all_wrong = json!({"name": "", "stages": without});
    let error = world.refused(|| update(pipelines, pipeline.id, &all_wrong));
    assert_eq!(report(&error), "validation\nname must not be empty", "what is wrong by itself is told first");
    let mut renamed = json!(pipeline.stages);
    renamed[2]["name"] = "Offer".into();
    renamed[2]["probability"] = 55.into();
    put(&renamed).unwrap();
    let kept = read(world.acme.deals(), deal);
    assert_eq!((kept.stage_name.as_deref(), kept.probability), (Some("Offer"), 50));
    world.acme.deals().delete(deal).unwrap();
    put(&won).unwrap();
    put(&without).unwrap();
}

#[test]
fn a_member_of_a_stage_that_is_null_is_what_it_is_by_itself() {
    let world = World::new();
    let pipeline = world.pipeline();
    let put = |stage: Value| update(world.acme.pipelines(), pipeline.id, &json!({"stages": [stage]}));
    let id = stage(&pipeline, "Closed Won");
    let error = world.refused(|| put(json!({"id": id, "name": null})));
    assert_eq!(report(&error), "validation\nstages[0].name is required");
    let cleared = put(json!({"id": id, "probability": null, "outcome": null})).unwrap().read().unwrap();
    let cleared = &cleared.stages[0];
    assert_eq!(
        (cleared.name.as_str(), cleared.probability, cleared.outcome.as_str()),
        ("Closed Won", 0, "open")
    );
}

#[test]
fn a_stage_that_is_no_object_is_that_and_nothing_else() {
    let world = World::strict();
    let error = world.refused(|| create(world.acme.pipelines(), &draft(&json!([7]))));
    assert_eq!(report(&error), "validation\nstages[0] must be an object");
}

#[test]
fn one_pipeline_is_the_default_and_another_takes_its_place() {
    let world = World::new();
    let pipelines = world.acme.pipelines();
    let first = world.pipeline().id;
    let second = add(pipelines, &draft(&json!([{"name": "A"}])));
    let third = add(pipelines, &with(draft(&json!([{"name": "A"}])), &json!({"isDefault": true})));
    let defaults = || {
        let all = all(&world);
        all.into_iter().filter(|pipeline| pipeline.is_default).map(|pipeline| pipeline.id).collect::<Vec<_>>()
    };
    assert_eq!(defaults(), [third]);
    let before = read(pipelines, third);
    world.clock.advance(1_000_000);
    update(pipelines, second, &json!({"isDefault": true})).unwrap();
    assert_eq!(defaults(), [second]);
    assert!(before.updated_at < read(pipelines, third).updated_at);
    for body in [json!({"isDefault": false}), json!({"isDefault": null})] {
        let error = world.refused(|| update(pipelines, second, &body));
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
    let id = add(pipelines, &draft(&json!([{"name": "A"}])));
    let only = stage(&read(pipelines, id), "A");
    let deal = world.deal(json!({"pipelineId": id, "stageId": only}));
    let error = world.refused(|| pipelines.delete(id));
    assert_eq!(report(&error), "conflict\nid is of a pipeline that has deals");
    let lead = world.lead("Deal");
    update(world.acme.deals(), deal, &lead).unwrap();
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
    let body = with(draft(&json!([{"name": "A"}])), &json!({"isDefault": false}));
    let (first, second) = (add(world.acme.pipelines(), &body), add(world.acme.pipelines(), &body));
    assert!(read(world.acme.pipelines(), first).is_default);
    assert!(!read(world.acme.pipelines(), second).is_default);
}

#[test]
fn a_write_that_changes_nothing_leaves_no_trace() {
    let world = World::new();
    let (id, pipelines) = (world.pipeline().id, world.acme.pipelines());
    let whole = value(&pipelines.get(id).unwrap());
    let ids: Vec<Value> = world.pipeline().stages.iter().map(|stage| json!({"id": stage.id})).collect();
    for body in
        [json!({}), whole, json!({"stages": ids}), json!({"isDefault": true, "name": " Sales pipeline"})]
    {
        let written = world.without_trace(|| update(pipelines, id, &body)).unwrap();
        assert_eq!(written.outcome, Outcome::Unchanged, "{body}");
    }
}

#[test]
fn pipelines_are_read_by_all_and_written_by_admins() {
    let world = World::new();
    let writer = world.acme.clone().limited_to(Scope::Write);
    let (id, pipelines) = (world.pipeline().id, writer.pipelines());
    pipelines.get(id).unwrap();
    for error in [
        create(pipelines, &draft(&json!([{"name": "A"}]))).unwrap_err(),
        update(pipelines, id, &json!({})).unwrap_err(),
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
            update(pipelines, id, &json!({"name": "x"})).unwrap_err(),
            pipelines.delete(id).unwrap_err(),
            pipelines.forecast(id).unwrap_err(),
        ]
        .map(|error| format!("{error:?}"))
    };
    let theirs = errors(world.pipeline().id);
    assert_eq!(theirs, errors("0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap()));
}

#[test]
fn typed_drafts_and_changes_say_what_their_json_says() {
    let world = World::new();
    let pipelines = world.acme.pipelines();
    let named = |name: &str| PipelineStageDraft { name: Some(name.into()), ..PipelineStageDraft::default() };
    let draft = PipelineDraft { name: "Other".into(), stages: vec![named("A")], ..PipelineDraft::default() };
    let pipeline = pipelines.create(&draft).unwrap().read().unwrap();
    let kept = PipelineStageDraft { id: Some(pipeline.stages[0].id), ..PipelineStageDraft::default() };
    let change = PipelineChange { stages: vec![named("B"), kept].into(), ..PipelineChange::default() };
    let after = pipelines.update(pipeline.id, &change).unwrap().read().unwrap();
    assert_eq!(stages(&after), [("B", 1, 0, "open"), ("A", 2, 0, "open")]);
    assert!(pipelines.create(&Json(b"{}")).is_err());
}
