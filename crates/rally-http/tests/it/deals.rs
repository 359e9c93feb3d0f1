//! `/deals` and what is below it.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    resources::DEALS,
    support::{Answer, NOWHERE, World, with},
};

const PATH: &str = "/api/v1/deals";
const DEAL: &str = r#"{"pipelineId":"<pipeline>","stageId":"<qualified>","name":"Engine No. 2"}"#;

fn feed(world: &World) -> usize {
    world.get("/api/v1/sync/changes?since=2000-01-01&entities=deals").send().is(200).items().len()
}

#[test]
fn a_deal_is_created() {
    let world = World::new();
    assert_snapshot!(world.post(PATH, &DEALS.wholes[0].replace('#', "of logarithms")).send(), @r#"
    201
    {
      "actualCloseDate": "2025-02-01T10:15:00.000013Z",
      "companyId": "0194c101-aca0-7005-8000-0000001c9543",
      "companyName": "Analytical Engines",
      "contactId": "0194c101-aca0-7006-8000-00000023615c",
      "contactName": "Charles Babbage",
      "createdAt": "2025-02-01T10:15:00.000013Z",
      "currency": "GBP",
      "expectedCloseDate": "2025-06-30T00:00:00.000000Z",
      "id": "0194c101-aca0-700d-8000-0000007f8ef8",
      "lastActivityAt": null,
      "name": "Tables of logarithms",
      "notes": "By post",
      "ownerId": "0194c101-aca0-7007-8000-00000032dc86",
      "ownerName": "Mary Somerville",
      "pipelineId": "0194c101-aca0-700a-8000-0000004efdb0",
      "probability": 99,
      "stageId": "0194c101-aca0-700a-87a5-49124bdbcb3a",
      "stageName": "Signed",
      "status": "won",
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "updatedAt": "2025-02-01T10:15:00.000013Z",
      "value": 1500.25
    }
    "#);
}

#[test]
fn a_deal_without_a_probability_has_that_of_its_stage() {
    let world = World::new();
    assert_snapshot!(world.post(PATH, DEAL).send().is(201).body, @r#"{"id":"0194c101-aca0-700d-8000-0000007f8ef8","tenantId":"0194c101-aca0-7000-8000-000000170d32","pipelineId":"0194c101-aca0-7000-8000-0000003ebe02","stageId":"0194c101-aca0-7000-808a-ac6ea0102639","stageName":"Qualified","contactId":null,"contactName":null,"companyId":null,"companyName":null,"name":"Engine No. 2","value":null,"currency":"USD","probability":25,"expectedCloseDate":null,"actualCloseDate":null,"status":"open","notes":null,"ownerId":null,"ownerName":null,"lastActivityAt":null,"createdAt":"2025-02-01T10:15:00.000013Z","updatedAt":"2025-02-01T10:15:00.000013Z"}"#);
    for (stage, probability) in
        [("<lead>", 10), ("<proposal>", 50), ("<negotiation>", 75), ("<won>", 100), ("<lost>", 0)]
    {
        let body = with(DEAL, "stageId", stage);
        assert_eq!(world.post(PATH, &body).send().is(201).value()["probability"], probability);
        let own = world.post(PATH, &with(&body, "probability", 33)).send().is(201).value();
        assert_eq!(own["probability"], 33);
    }
}

#[test]
fn decimals_come_back_with_exactly_the_digits_that_were_sent() {
    let world = World::new();
    for (sent, told) in [
        ("10.00", "10.00"),
        ("0.1", "0.1"),
        ("-5", "-5"),
        ("9999999999999999999999999999", "9999999999999999999999999999"),
        ("0.1234567890123456789012345678", "0.1234567890123456789012345678"),
        ("1.50e3", "1500"),
    ] {
        let body = world.fill(DEAL).replacen('{', &format!(r#"{{"value":{sent},"#), 1);
        let created = world.api.post(PATH, body).send().is(201);
        let one = world.get(&format!("{PATH}/{}?fields=value", created.id())).send();
        assert_eq!(one.body, format!(r#"{{"value":{told}}}"#));
        assert!(created.body.contains(&format!(r#""value":{told},"#)), "{}", created.body);
    }
}

#[test]
fn what_is_wrong_with_a_member_is_told_and_nothing_is_applied() {
    let world = World::new();
    let deal = world.post(PATH, DEAL).send().is(201);
    let (count, mut all) = (feed(&world), String::new());
    for (member, value) in [
        ("stageId", r#""<met>""#),
        ("stageId", "null"),
        ("pipelineId", r#""x""#),
        ("value", "12345678901234567890123456789"),
        ("value", "0.12345678901234567890123456789"),
        ("value", r#""10""#),
        ("currency", r#""usd""#),
        ("currency", r#""XXY""#),
        ("currency", "840"),
        ("probability", "101"),
        ("probability", "-1"),
        ("probability", "1.5"),
        ("expectedCloseDate", r#""soon""#),
        ("contactId", r#""<company>""#),
        ("ownerId", r#""<contact>""#),
        ("name", r#""""#),
    ] {
        let told = world
            .patch(&format!("{PATH}/{}", deal.id()), &format!(r#"{{"{member}":{value}}}"#))
            .send()
            .told();
        let mut body: serde_json::Map<String, Value> = serde_json::from_str(DEAL).unwrap();
        body.remove(member);
        let body = Value::from(body).to_string().replacen('{', &format!(r#"{{"{member}":{value},"#), 1);
        assert_eq!(world.post(PATH, &body).send().told(), told);
        all += &format!("{}: {told}\n", value.replace('"', ""));
    }
    assert_snapshot!(all, @"
    <met>: 400 bad_reference: stageId names no stage of this pipeline
    null: 400 validation: stageId is required
    x: 400 validation: pipelineId is not an id
    12345678901234567890123456789: 400 validation: value must not have more than 28 digits
    0.12345678901234567890123456789: 400 validation: value must not have more than 28 digits
    10: 400 validation: value must be a number
    usd: 400 validation: currency must be a currency code of ISO 4217, such as USD
    XXY: 400 validation: currency must be a currency code of ISO 4217, such as USD
    840: 400 validation: currency must be a string
    101: 400 validation: probability must be 0 to 100
    -1: 400 validation: probability must be 0 to 100
    1.5: 400 validation: probability must be a whole number
    soon: 400 validation: expectedCloseDate must be a date-time such as 2025-02-01T10:15:00Z, or a date
    <company>: 400 bad_reference: contactId names no contact
    <contact>: 400 bad_reference: ownerId names no user
    : 400 validation: name must not be empty
    ");
    assert_eq!(feed(&world), count);
    assert_eq!(world.get(&format!("{PATH}/{}", deal.id())).send().body, deal.body);
    for probability in [0, 100] {
        world.post(PATH, &with(DEAL, "probability", probability)).send().is(201);
    }
}

#[test]
fn a_move_brings_probability_status_and_close_with_it() {
    let world = World::new();
    let deal = world.post(PATH, &with(DEAL, "probability", 33)).send().is(201);
    let (path, mut all) = (format!("{PATH}/{}/stage", deal.id()), String::new());
    for body in [
        json!({"stageId": "<proposal>"}),
        json!({"stageId": "<negotiation>", "probability": 80}),
        json!({"stageId": "<won>"}),
        json!({"stageId": "<lost>", "probability": 1}),
        json!({"stageId": "<lead>", "probability": null}),
    ] {
        world.api.clock.advance(1_000_000);
        let moved = world.patch(&path, &body.to_string()).send().is(200).value();
        let closed = if moved["actualCloseDate"] == moved["updatedAt"] {
            json!("now")
        } else {
            moved["actualCloseDate"].clone()
        };
        all +=
            &format!("{} {} {} closed {closed}\n", moved["stageName"], moved["probability"], moved["status"]);
    }
    assert_snapshot!(all, @r#"
    "Proposal" 50 "open" closed null
    "Negotiation" 80 "open" closed null
    "Closed Won" 100 "won" closed "now"
    "Closed Lost" 1 "lost" closed "now"
    "Lead" 10 "open" closed null
    "#);
    assert_snapshot!(world.patch(&path, r#"{"stageId":"<won>"}"#).send(), @r#"
    200
    {
      "actualCloseDate": "2025-02-01T10:15:05.000001Z",
      "companyId": null,
      "companyName": null,
      "contactId": null,
      "contactName": null,
      "createdAt": "2025-02-01T10:15:00.000013Z",
      "currency": "USD",
      "expectedCloseDate": null,
      "id": "0194c101-aca0-700d-8000-0000007f8ef8",
      "lastActivityAt": null,
      "name": "Engine No. 2",
      "notes": null,
      "ownerId": null,
      "ownerName": null,
      "pipelineId": "0194c101-aca0-7000-8000-0000003ebe02",
      "probability": 100,
      "stageId": "0194c101-aca0-7000-846a-afb2e1afb68f",
      "stageName": "Closed Won",
      "status": "won",
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "updatedAt": "2025-02-01T10:15:05.000001Z",
      "value": null
    }
    "#);
}

#[test]
fn a_close_stays_as_long_as_the_status_does() {
    let world = World::new();
    let won = world.post(PATH, &with(DEAL, "stageId", "<won>")).send().is(201);
    assert_eq!(won.value()["actualCloseDate"], won.value()["createdAt"]);
    world.api.clock.advance(1_000_000);
    let renamed = world.patch(&format!("{PATH}/{}", won.id()), r#"{"name":"Engine No. 3"}"#).send().is(200);
    assert_eq!(renamed.value()["actualCloseDate"], won.value()["actualCloseDate"]);
    let elsewhere =
        world.patch(&format!("{PATH}/{}", won.id()), r#"{"pipelineId":"<partners>","stageId":"<signed>"}"#);
    let elsewhere = elsewhere.send().is(200).value();
    assert_eq!((&elsewhere["status"], &elsewhere["stageName"]), (&json!("won"), &json!("Signed")));
    assert_eq!(elsewhere["actualCloseDate"], won.value()["actualCloseDate"]);
}

#[test]
fn a_put_to_another_stage_does_what_a_move_does() {
    let world = World::new();
    let [moved, put] = [0, 1].map(|_| world.post(PATH, DEAL).send().is(201).id());
    let moved =
        world.patch(&format!("{PATH}/{moved}/stage"), r#"{"stageId":"<won>"}"#).send().is(200).value();
    let put = world.put(&format!("{PATH}/{put}"), r#"{"stageId":"<won>"}"#).send().is(200).value();
    for member in ["stageId", "stageName", "probability", "status"] {
        assert_eq!(moved[member], put[member], "{member}");
    }
    assert_eq!(put["actualCloseDate"], put["updatedAt"]);
}

#[test]
fn a_move_to_the_same_stage_changes_the_probability_that_it_gives_and_nothing_else() {
    let world = World::new();
    let deal = world.post(PATH, &with(DEAL, "probability", 33)).send().is(201);
    let count = feed(&world);
    world.api.clock.advance(1_000_000);
    let moved = |body: &str| world.patch(&format!("{PATH}/{}/stage", deal.id()), body).send().is(200);
    for body in [
        r#"{"stageId":"<qualified>"}"#,
        r#"{"stageId":"<qualified>","probability":33}"#,
        r#"{"stageId":"<qualified>","probability":null}"#,
        r#"{"stageId":"<qualified>","probability":""}"#,
    ] {
        let same = moved(body);
        assert_eq!((&same.body, same.header("ETag")), (&deal.body, deal.header("ETag")), "{body}");
    }
    assert_eq!(feed(&world), count);
    let (before, changed) = (deal.value(), moved(r#"{"stageId":"<qualified>","probability":90}"#).value());
    for (member, value) in before.as_object().unwrap() {
        let is_changed = matches!(member.as_str(), "probability" | "updatedAt");
        assert_eq!(changed[member] != *value, is_changed, "{member}");
    }
    assert_eq!((&changed["probability"], feed(&world)), (&90.into(), count + 1));
}

#[test]
fn a_move_to_nowhere_is_told_and_changes_nothing() {
    let world = World::new();
    let deal = world.post(PATH, DEAL).send().is(201);
    let (count, mut all) = (feed(&world), String::new());
    for body in [
        "{}",
        r#"{"stageId":null}"#,
        r#"{"stageId":7}"#,
        r#"{"stageId":"x"}"#,
        r#"{"stageId":"<met>"}"#,
        r#"{"stageId":"<won>","probability":101}"#,
        r#"{"probability":50}"#,
        "[]",
    ] {
        let told = world.patch(&format!("{PATH}/{}/stage", deal.id()), body).send().told();
        all += &format!("{body}: {told}\n");
    }
    assert_snapshot!(all, @r#"
    {}: 400 validation: stageId is required
    {"stageId":null}: 400 validation: stageId is required
    {"stageId":7}: 400 validation: stageId must be a string
    {"stageId":"x"}: 400 validation: stageId is not an id
    {"stageId":"<met>"}: 400 bad_reference: stageId names no stage of this pipeline
    {"stageId":"<won>","probability":101}: 400 validation: probability must be 0 to 100
    {"probability":50}: 400 validation: stageId is required
    []: 400 validation: the body must be a JSON object
    "#);
    let refused = ["<met>", NOWHERE].map(|stage| {
        let body = with("{}", "stageId", stage);
        world.patch(&format!("{PATH}/{}/stage", deal.id()), &body).send().is(400).body
    });
    assert_eq!(refused[0], refused[1]);
    assert_eq!(feed(&world), count);
    assert_eq!(world.get(&format!("{PATH}/{}", deal.id())).send().body, deal.body);
}

#[test]
fn names_are_those_of_now_and_no_change_of_the_deal() {
    let world = World::new();
    let body =
        with(&with(&with(DEAL, "companyId", "<company>"), "contactId", "<contact>"), "ownerId", "<user>");
    let before = world.post(PATH, &body).send().is(201);
    world.patch("/api/v1/companies/<company>", r#"{"name":"Engines & Sons"}"#).send().is(200);
    world.patch("/api/v1/contacts/<contact>", r#"{"firstName":"Benjamin"}"#).send().is(200);
    world.patch("/api/v1/users/<user>", r#"{"name":"Mary F. Somerville"}"#).send().is(200);
    let names = "companyName,contactName,ownerName,stageName";
    let after = world.get(&format!("{PATH}/{}?fields={names}", before.id())).send();
    assert_snapshot!(after.body, @r#"{"stageName":"Qualified","contactName":"Benjamin Babbage","companyName":"Engines & Sons","ownerName":"Mary F. Somerville"}"#);
    assert_eq!(version(&after), version(&before));
    let path = format!("{PATH}/{}", before.id());
    let (old, new) = (before.header("ETag"), after.header("ETag"));
    assert_ne!(old, new, "the names are others, so the answer is not the one that the caller has");
    world.get(&path).header("If-None-Match", old).send().is(200);
    world.get(&path).header("If-None-Match", new).send().is(304);
    world.put(&path, r#"{"notes":"x"}"#).header("If-Match", old).send().is(200);
    let listed = world.get(&format!("{PATH}?q=engine%20no&fields={names}")).send();
    assert_eq!(listed.body, format!("[{}]", after.body));
}

#[test]
fn names_need_not_be_unique_and_an_upsert_does_not_guess() {
    let world = World::new();
    let upsert = |body: &str| world.put(&format!("{PATH}/upsert"), body).send();
    let created = upsert(DEAL).is(201);
    let updated = upsert(&with(DEAL, "name", "  Engine No. 2 ")).is(200);
    assert_eq!((updated.id(), &updated.body), (created.id(), &created.body));
    let other_case = upsert(&with(DEAL, "name", "engine no. 2")).is(201);
    assert_ne!(other_case.id(), created.id());
    let elsewhere =
        json!({"pipelineId": "<partners>", "stageId": "<met>", "name": "Engine No. 2"}).to_string();
    assert_ne!(upsert(&elsewhere).is(201).id(), created.id());
    let second = world.post(PATH, DEAL).send().is(201);
    let count = feed(&world);
    let refused = upsert(&with(DEAL, "value", 1));
    assert_eq!(refused.told(), "400 ambiguous: several deals match; change one of them by its id");
    assert_eq!(refused.value()["matchingIds"], json!([created.id(), second.id()]));
    assert_eq!(feed(&world), count);
}

#[test]
fn an_upsert_needs_a_name_and_a_pipeline() {
    let world = World::new();
    let mut all = String::new();
    for body in [
        "{}",
        r#"{"name":"x"}"#,
        r#"{"pipelineId":"<pipeline>","stageId":"<lead>"}"#,
        r#"{"pipelineId":"<pipeline>","name":"x"}"#,
    ] {
        all += &format!("{body}: {}\n", world.put(&format!("{PATH}/upsert"), body).send().told());
    }
    assert_snapshot!(all, @r#"
    {}: 400 validation: name is required; pipelineId is required; stageId is required
    {"name":"x"}: 400 validation: pipelineId is required; stageId is required
    {"pipelineId":"<pipeline>","stageId":"<lead>"}: 400 validation: name is required
    {"pipelineId":"<pipeline>","name":"x"}: 400 validation: stageId is required
    "#);
    let deal = world.post(PATH, DEAL).send().is(201);
    let body = r#"{"pipelineId":"<pipeline>","name":"Engine No. 2","notes":"x"}"#;
    assert_eq!(world.put(&format!("{PATH}/upsert"), body).send().is(200).id(), deal.id());
}

#[test]
fn a_deal_is_not_qualified_before_it_is() {
    let world = World::new();
    let answer = world.get(&format!("{PATH}/<deal>/bant")).send();
    assert_snapshot!(answer.body, @r#"{"dealId":"0194c101-aca0-7009-8000-0000001ca834","budget":{"rating":null,"notes":null},"authority":{"rating":null,"notes":null},"need":{"rating":null,"notes":null},"timeline":{"rating":null,"notes":null},"score":null,"notes":null,"updatedAt":null}"#);
    assert_eq!(version(&answer), version(&world.get(&format!("{PATH}/<deal>")).send()));
}

/// The version that a tag names, whatever it tells of others.
fn version(answer: &Answer) -> &str {
    let tag = answer.header("ETag").trim_matches('"');
    tag.split_once('-').map_or(tag, |(version, _)| version)
}

fn qualify(world: &World, body: &str) -> Answer {
    world.api.clock.advance(1_000_000);
    world.put(&format!("{PATH}/<deal>/bant"), body).send()
}

#[test]
fn a_qualification_is_laid_over_what_there_was() {
    let world = World::new();
    let whole = json!({"budget": {"rating": 3, "notes": "approved"}, "authority": {"rating": 2, "notes": null},
        "need": {"rating": 1}, "timeline": {"notes": "spring"}, "notes": "after the fair"});
    assert_snapshot!(qualify(&world, &whole.to_string()), @r#"
    200
    {
      "authority": {
        "notes": null,
        "rating": 2
      },
      "budget": {
        "notes": "approved",
        "rating": 3
      },
      "dealId": "0194c101-aca0-7009-8000-0000001ca834",
      "need": {
        "notes": null,
        "rating": 1
      },
      "notes": "after the fair",
      "score": 50,
      "timeline": {
        "notes": "spring",
        "rating": null
      },
      "updatedAt": "2025-02-01T10:15:01.000000Z"
    }
    "#);
    let changed =
        qualify(&world, r#"{"budget":{"rating":0},"timeline":{"rating":3,"notes":null},"notes":null}"#);
    assert_snapshot!(changed.is(200).body, @r#"{"dealId":"0194c101-aca0-7009-8000-0000001ca834","budget":{"rating":0,"notes":"approved"},"authority":{"rating":2,"notes":null},"need":{"rating":1,"notes":null},"timeline":{"rating":3,"notes":null},"score":50,"notes":null,"updatedAt":"2025-02-01T10:15:02.000000Z"}"#);
    let same = qualify(&world, r#"{"budget":{"rating":0}}"#).is(200);
    assert_eq!(same.body, world.get(&format!("{PATH}/<deal>/bant")).send().body);
    let score = |body: &str| qualify(&world, body).is(200).value()["score"].clone();
    let all = |rating: u8| {
        ["budget", "authority", "need", "timeline"]
            .iter()
            .fold("{}".to_owned(), |body, name| with(&body, name, json!({"rating": rating})))
    };
    assert_eq!([0, 1, 2, 3].map(|rating| score(&all(rating))), [0, 33, 67, 100].map(Value::from));
}

#[test]
fn a_qualification_is_a_change_of_the_deal() {
    let world = World::new();
    let (before, count) = (world.get(&format!("{PATH}/<deal>")).send(), feed(&world));
    let qualified = qualify(&world, r#"{"need":{"rating":2}}"#).is(200);
    let after = world.get(&format!("{PATH}/<deal>")).send();
    assert_ne!(version(&after), version(&before));
    assert_eq!(version(&after), version(&qualified));
    assert_eq!(after.value()["updatedAt"], qualified.value()["updatedAt"]);
    assert_eq!(feed(&world), count + 1);
    qualify(&world, r#"{"need":{"rating":2}}"#).is(200);
    assert_eq!(feed(&world), count + 1);
    let renamed = world.patch(&format!("{PATH}/<deal>"), r#"{"notes":"of the deal"}"#).send().is(200);
    let kept = world.get(&format!("{PATH}/<deal>/bant")).send();
    assert_eq!((kept.body, &renamed.value()["notes"]), (qualified.body, &json!("of the deal")));
}

#[test]
fn what_is_wrong_with_a_qualification_is_told_by_its_place() {
    let world = World::new();
    let (before, mut all) = (world.get(&format!("{PATH}/<deal>/bant")).send().body, String::new());
    for body in [
        r#"{"budget":{"rating":4}}"#,
        r#"{"authority":{"rating":-1,"notes":7}}"#,
        r#"{"need":{"rating":"high"},"timeline":{"rating":1.5}}"#,
        r#"{"need":3}"#,
        r#"{"notes":[]}"#,
    ] {
        all += &format!("{}\n", qualify(&world, body).told());
    }
    assert_snapshot!(all, @"
    400 validation: budget.rating must be 0 to 3
    400 validation: authority.notes must be a string; authority.rating must be 0 to 3
    400 validation: need.rating must be a number; timeline.rating must be a whole number
    400 validation: need must be an object
    400 validation: notes must be a string
    ");
    assert_eq!(world.get(&format!("{PATH}/<deal>/bant")).send().body, before);
}
