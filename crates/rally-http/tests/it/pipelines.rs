//! `/pipelines` and what is below it.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    resources::PIPELINES,
    support::{NOWHERE, World, with},
};

const PATH: &str = "/api/v1/pipelines";
const DEALS: &str = "/api/v1/deals";

/// A pipeline with this many stages.
fn staged(count: usize) -> String {
    let stages: Vec<Value> = (0..count).map(|number| json!({"name": format!("Stage {number}")})).collect();
    json!({"name": "Long", "stages": stages}).to_string()
}

#[test]
fn a_new_tenant_has_a_pipeline() {
    let world = World::new();
    assert_snapshot!(world.get(&format!("{PATH}/<pipeline>")).send(), @r#"
    200
    {
      "createdAt": "2025-02-01T10:15:00.000000Z",
      "id": "0194c101-aca0-7000-8000-0000003ebe02",
      "isDefault": true,
      "name": "Sales pipeline",
      "stages": [
        {
          "id": "0194c101-aca0-7000-8719-8f3d35cf1301",
          "name": "Lead",
          "order": 1,
          "outcome": "open",
          "probability": 10
        },
        {
          "id": "0194c101-aca0-7000-808a-ac6ea0102639",
          "name": "Qualified",
          "order": 2,
          "outcome": "open",
          "probability": 25
        },
        {
          "id": "0194c101-aca0-7000-b2ca-4f99dc3acea5",
          "name": "Proposal",
          "order": 3,
          "outcome": "open",
          "probability": 50
        },
        {
          "id": "0194c101-aca0-7000-b688-479a998ef4dc",
          "name": "Negotiation",
          "order": 4,
          "outcome": "open",
          "probability": 75
        },
        {
          "id": "0194c101-aca0-7000-846a-afb2e1afb68f",
          "name": "Closed Won",
          "order": 5,
          "outcome": "won",
          "probability": 100
        },
        {
          "id": "0194c101-aca0-7000-bdb4-308ce87132dd",
          "name": "Closed Lost",
          "order": 6,
          "outcome": "lost",
          "probability": 0
        }
      ],
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "updatedAt": "2025-02-01T10:15:00.000000Z"
    }
    "#);
}

#[test]
fn a_pipeline_is_created() {
    let world = World::new();
    assert_snapshot!(world.post(PATH, &PIPELINES.wholes[0].replace('#', "2025")).send(), @r#"
    201
    {
      "createdAt": "2025-02-01T10:15:00.000013Z",
      "id": "0194c101-aca0-700d-8000-00000095e35c",
      "isDefault": false,
      "name": "Renewals 2025",
      "stages": [
        {
          "id": "0194c101-aca0-700d-afe3-be2ec0d42e20",
          "name": "Due",
          "order": 1,
          "outcome": "open",
          "probability": 80
        },
        {
          "id": "0194c101-aca0-700d-9f56-df9987c051c4",
          "name": "Done",
          "order": 2,
          "outcome": "won",
          "probability": 100
        },
        {
          "id": "0194c101-aca0-700d-a1d4-df7de4ae8356",
          "name": "Gone",
          "order": 3,
          "outcome": "lost",
          "probability": 0
        }
      ],
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "updatedAt": "2025-02-01T10:15:00.000013Z"
    }
    "#);
}

#[test]
fn a_stage_is_open_and_without_hope_unless_it_is_said() {
    let world = World::new();
    let stages = json!([{"name": "a"}, {"name": "b", "outcome": "won"}, {"name": "c", "outcome": "lost"}]);
    let created =
        world.post(PATH, &json!({"name": "x", "stages": stages}).to_string()).send().is(201).value();
    let told: Vec<String> = created["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| {
            format!("{} {} {} {}", stage["order"], stage["name"], stage["probability"], stage["outcome"])
        })
        .collect();
    assert_eq!(told, [r#"1 "a" 0 "open""#, r#"2 "b" 100 "won""#, r#"3 "c" 0 "lost""#]);
}

#[test]
fn a_pipeline_has_1_to_50_stages() {
    let world = World::new();
    let count = world.get(PATH).send().items().len();
    for wrong in [0, 51] {
        assert_eq!(
            world.post(PATH, &staged(wrong)).send().told(),
            "400 validation: stages must have 1 to 50 stages"
        );
        assert_eq!(
            world.put(&format!("{PATH}/<partners>"), &staged(wrong)).send().told(),
            "400 validation: stages must have 1 to 50 stages"
        );
    }
    assert_eq!(world.get(PATH).send().items().len(), count);
    for right in [1, 50] {
        let created = world.post(PATH, &staged(right)).send().is(201).value();
        assert_eq!(created["stages"].as_array().unwrap().len(), right);
        assert_eq!(created["stages"][right - 1]["order"], right);
    }
}

#[test]
fn what_is_wrong_with_a_stage_is_told_by_its_place_and_nothing_is_applied() {
    let world = World::new();
    let (before, mut all) = (world.get(PATH).send().body, String::new());
    for stages in [
        json!([{"name": "a"}, {"name": "A"}]),
        json!([{"name": "a", "probability": 101}, {"probability": -1}]),
        json!([{"name": "a", "outcome": "closed"}]),
        json!([{"name": "x".repeat(256)}]),
        json!([{"name": ""}]),
        json!([{"name": "a", "id": NOWHERE}]),
        json!([{"name": "a", "id": "<lead>"}]),
        json!([{"name": "a", "id": "x"}]),
        json!(["a"]),
        json!("a"),
        Value::Null,
    ] {
        let told = world.post(PATH, &with(r#"{"name":"x"}"#, "stages", stages.clone())).send().told();
        assert_eq!(
            world.patch(&format!("{PATH}/<partners>"), &with("{}", "stages", stages)).send().told(),
            told
        );
        all += &format!("{told}\n");
    }
    assert_snapshot!(all, @"
    400 validation: stages[1].name is the name of another stage
    400 validation: stages[0].probability must be 0 to 100; stages[1].probability must be 0 to 100
    400 validation: stages[0].outcome must be one of open, won, lost
    400 validation: stages[0].name must not be longer than 255 characters
    400 validation: stages[0].name is required
    400 bad_reference: stages[0].id names no stage of this pipeline
    400 bad_reference: stages[0].id names no stage of this pipeline
    400 validation: stages[0].id is not an id
    400 validation: stages[0] must be an object
    400 validation: stages must be an array
    400 validation: stages is required
    ");
    assert_eq!(world.get(PATH).send().body, before);
    let most = json!([{"name": "x".repeat(255), "probability": 100}]);
    world.post(PATH, &with(r#"{"name":"x"}"#, "stages", most)).send().is(201);
}

#[test]
fn a_put_takes_the_whole_list_of_stages_in_its_order() {
    let world = World::new();
    let stages = json!([{"id": "<signed>", "name": "Under contract"}, {"name": "Paid", "probability": 100, "outcome": "won"}, {"id": "<met>"}]);
    let body = with("{}", "stages", stages);
    let changed = world.put(&format!("{PATH}/<partners>"), &body).send().is(200);
    assert_snapshot!(changed, @r#"
    200
    {
      "createdAt": "2025-02-01T10:15:00.000010Z",
      "id": "0194c101-aca0-700a-8000-0000004efdb0",
      "isDefault": false,
      "name": "Partners",
      "stages": [
        {
          "id": "0194c101-aca0-700a-87a5-49124bdbcb3a",
          "name": "Under contract",
          "order": 1,
          "outcome": "won",
          "probability": 100
        },
        {
          "id": "0194c101-aca0-700d-afe3-be2ec0d42e20",
          "name": "Paid",
          "order": 2,
          "outcome": "won",
          "probability": 100
        },
        {
          "id": "0194c101-aca0-700a-84d0-321fb13b670a",
          "name": "Met",
          "order": 3,
          "outcome": "open",
          "probability": 0
        }
      ],
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "updatedAt": "2025-02-01T10:15:00.000013Z"
    }
    "#);
    let without =
        world.put(&format!("{PATH}/<partners>"), r#"{"stages":[{"id":"<met>"}]}"#).send().is(200).value();
    assert_eq!(without["stages"].as_array().unwrap().len(), 1);
    assert_eq!(without["stages"][0]["order"], 1);
    let told =
        world.put(&format!("{PATH}/<partners>"), r#"{"stages":[{"id":"<met>"},{"id":"<met>","name":"b"}]}"#);
    assert_snapshot!(told.send().told(), @"400 validation: stages[1].id is given twice");
}

#[test]
fn a_stage_that_holds_deals_is_not_removed() {
    let world = World::new();
    let deal = r#"{"pipelineId":"<partners>","stageId":"<met>","name":"x"}"#;
    let deal = world.post(DEALS, deal).send().is(201);
    let before = world.get(&format!("{PATH}/<partners>")).send().body;
    let put = |body: &str| world.put(&format!("{PATH}/<partners>"), body).send();
    assert_snapshot!(put(r#"{"name":"y","stages":[{"id":"<signed>"}]}"#), @r#"
    400
    {
      "code": "conflict",
      "detail": "there are deals in the stage \"Met\"; move them first",
      "errors": {
        "stages": [
          "must not lose the stage \"Met\", as there are deals in it"
        ]
      },
      "instance": "/api/v1/pipelines/0194c101-aca0-700a-8000-0000004efdb0",
      "status": 400,
      "title": "Conflict",
      "traceId": "t",
      "type": "https://rally.example/problems/conflict"
    }
    "#);
    assert_snapshot!(put(r#"{"stages":[{"id":"<met>","outcome":"lost"},{"id":"<signed>"}]}"#).told(), @r#"400 conflict: stages must leave the outcome of the stage "Met" as it is, as there are deals in it"#);
    assert_eq!(world.get(&format!("{PATH}/<partners>")).send().body, before);
    let renamed = put(r#"{"stages":[{"id":"<met>","name":"Greeted"},{"id":"<signed>"}]}"#).is(200);
    assert_eq!(renamed.value()["stages"][0]["name"], "Greeted");
    assert_eq!(world.get(&format!("{DEALS}/{}", deal.id())).send().value()["stageName"], "Greeted");
    world.patch(&format!("{DEALS}/{}/stage", deal.id()), r#"{"stageId":"<signed>"}"#).send().is(200);
    put(r#"{"stages":[{"id":"<signed>"}]}"#).is(200);
}

#[test]
fn the_default_pipeline_and_one_with_deals_are_not_deleted() {
    let world = World::new();
    assert_snapshot!(world.delete(&format!("{PATH}/<pipeline>")).send(), @r#"
    400
    {
      "code": "validation",
      "detail": "this is the default pipeline; make another one the default before you delete it",
      "errors": {
        "isDefault": [
          "must not be true"
        ]
      },
      "instance": "/api/v1/pipelines/0194c101-aca0-7000-8000-0000003ebe02",
      "status": 400,
      "title": "Invalid input",
      "traceId": "t",
      "type": "https://rally.example/problems/validation"
    }
    "#);
    let deal =
        world.post(DEALS, r#"{"pipelineId":"<partners>","stageId":"<met>","name":"x"}"#).send().is(201);
    assert_snapshot!(world.delete(&format!("{PATH}/<partners>")).send().told(), @"400 conflict: id is of a pipeline that has deals");
    assert_eq!(world.get(PATH).send().items().len(), 2);
    world.delete(&format!("{DEALS}/{}", deal.id())).send().is(200);
    world.delete(&format!("{PATH}/<partners>")).send().is(200);
}

#[test]
fn exactly_one_pipeline_is_the_default() {
    let world = World::new();
    let defaults = || {
        let all = world.get(PATH).send().items();
        let names = all.iter().filter(|pipeline| pipeline["isDefault"] == true);
        names.map(|pipeline| pipeline["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(defaults(), ["Sales pipeline"]);
    for body in [r#"{"isDefault":false}"#, r#"{"isDefault":null}"#] {
        let told = world.patch(&format!("{PATH}/<pipeline>"), body).send().told();
        assert_eq!(
            told,
            "400 validation: isDefault must stay true until another pipeline is made the default"
        );
    }
    world.patch(&format!("{PATH}/<partners>"), r#"{"isDefault":true}"#).send().is(200);
    assert_eq!(defaults(), ["Partners"]);
    world.post(PATH, &with(&staged(1), "isDefault", true)).send().is(201);
    assert_eq!(defaults(), ["Long"]);
    world.delete(&format!("{PATH}/<partners>")).send().is(200);
}

#[test]
fn a_forecast_is_of_all_stages_and_exact() {
    let world = World::new();
    let add = |members: &str| {
        let body = format!(r#"{{"pipelineId":"<partners>","name":"x",{members}}}"#);
        world.post(DEALS, &body).send().is(201);
    };
    add(r#""stageId":"<met>","value":0.1,"probability":10"#);
    add(r#""stageId":"<met>","value":0.20,"probability":50"#);
    add(r#""stageId":"<met>","value":9999999999999999999999999999,"currency":"GBP","probability":33"#);
    add(r#""stageId":"<met>","value":9999999999999999999999999999,"currency":"GBP","probability":33"#);
    add(r#""stageId":"<met>""#);
    let answer = world.get(&format!("{PATH}/<partners>/forecast")).key(&world.api.reader).send();
    assert_snapshot!(format!("{}\n{}", answer.status, answer.body.replace("},{", "},\n{")), @r#"
    200 OK
    {"pipelineId":"0194c101-aca0-700a-8000-0000004efdb0","stages":[{"id":"0194c101-aca0-700a-84d0-321fb13b670a","name":"Met","order":1,"probability":0,"outcome":"open","count":5,"sums":[{"currency":"GBP","value":19999999999999999999999999998,"weighted":6599999999999999999999999999.34},
    {"currency":"USD","value":0.30,"weighted":0.1100}]},
    {"id":"0194c101-aca0-700a-87a5-49124bdbcb3a","name":"Signed","order":2,"probability":100,"outcome":"won","count":0,"sums":[]}]}
    "#);
    assert_eq!(answer.header("Content-Type"), "application/json");
    assert_eq!(world.get("/api/pipelines/<partners>/forecast").send().body, answer.body);
}
