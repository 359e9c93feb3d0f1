//! `/activities` and what is below it.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    resources::ACTIVITIES,
    support::{World, with},
};

const PATH: &str = "/api/v1/activities";
const NOTE: &str = r#"{"activityType":"note","subject":"Said hello"}"#;

#[test]
fn a_call_is_created() {
    let world = World::new();
    assert_snapshot!(world.post(PATH, &ACTIVITIES.wholes[0].replace('#', "back")).send(), @r#"
    201
    {
      "activityType": "call",
      "body": "About the engine",
      "callDirection": "outbound",
      "callDurationSeconds": 300,
      "callOutcome": "Agreed",
      "companyId": "0194c101-aca0-7005-8000-0000001c9543",
      "completedAt": "2025-02-01T10:15:00.000013Z",
      "contactId": "0194c101-aca0-7006-8000-00000023615c",
      "createdAt": "2025-02-01T10:15:00.000013Z",
      "dealId": "0194c101-aca0-7009-8000-0000001ca834",
      "dueDate": null,
      "durationMinutes": null,
      "id": "0194c101-aca0-700d-8000-0000003f8ef8",
      "location": null,
      "meetingUrl": null,
      "ownerId": "0194c101-aca0-7007-8000-00000032dc86",
      "priority": "urgent",
      "scheduledAt": "2025-02-03T09:00:00.000000Z",
      "status": "completed",
      "subject": "Ring back",
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "updatedAt": "2025-02-01T10:15:00.000013Z"
    }
    "#);
}

#[test]
fn a_note_has_nulls_where_other_types_have_members() {
    let world = World::new();
    assert_snapshot!(world.post(PATH, NOTE).send().is(201).body, @r#"{"id":"0194c101-aca0-700d-8000-0000003f8ef8","tenantId":"0194c101-aca0-7000-8000-000000170d32","activityType":"note","subject":"Said hello","body":null,"contactId":null,"companyId":null,"dealId":null,"scheduledAt":null,"dueDate":null,"priority":null,"status":"pending","callDirection":null,"callOutcome":null,"callDurationSeconds":null,"durationMinutes":null,"location":null,"meetingUrl":null,"ownerId":null,"completedAt":null,"createdAt":"2025-02-01T10:15:00.000013Z","updatedAt":"2025-02-01T10:15:00.000013Z"}"#);
}

#[test]
fn a_member_of_another_type_is_refused() {
    let world = World::new();
    let of_types = [
        ("task", "dueDate", json!("2025-02-04T00:00:00.000000Z")),
        ("call", "callDirection", json!("inbound")),
        ("call", "callOutcome", json!("Agreed")),
        ("call", "callDurationSeconds", json!(0)),
        ("meeting", "durationMinutes", json!(30)),
        ("meeting", "location", json!("Room 1")),
        ("meeting", "meetingUrl", json!("https://x.example/m")),
    ];
    for (of_type, member, value) in of_types {
        for activity_type in ["note", "task", "call", "meeting"] {
            let body = with(NOTE, "activityType", activity_type);
            let plain = world.post(PATH, &body).send().is(201);
            let created = world.post(PATH, &with(&body, member, value.clone())).send();
            let path = format!("{PATH}/{}", plain.id());
            let changed = world.patch(&path, &with("{}", member, value.clone())).send();
            if activity_type == of_type {
                assert_eq!(created.is(201).value()[member], value);
                assert_eq!(changed.is(200).value()[member], value);
            } else {
                assert_eq!(created.told(), format!("400 validation: {member} is only for a {of_type}"));
                assert_eq!(changed.told(), created.told());
                assert_eq!(world.get(&path).send().body, plain.body);
            }
        }
    }
}

#[test]
fn another_type_may_come_only_without_the_members_of_the_old_one() {
    let world = World::new();
    let call =
        world.post(PATH, r#"{"activityType":"call","subject":"x","callOutcome":"Agreed"}"#).send().is(201);
    let change = |body: &str| world.patch(&format!("{PATH}/{}", call.id()), body).send();
    assert_snapshot!(change(r#"{"activityType":"note"}"#).told(), @"400 validation: callOutcome is only for a call");
    let note = change(r#"{"activityType":"note","callOutcome":null}"#).is(200).value();
    assert_eq!((&note["activityType"], &note["callOutcome"]), (&json!("note"), &json!(null)));
}

#[test]
fn what_is_wrong_with_a_member_is_told_and_nothing_is_applied() {
    let world = World::new();
    let (note, mut all) = (world.post(PATH, NOTE).send().is(201), String::new());
    for (member, value) in [
        ("activityType", json!("letter")),
        ("activityType", Value::Null),
        ("subject", json!("")),
        ("body", json!("x".repeat(65_537))),
        ("scheduledAt", json!("tomorrow")),
        ("priority", json!("highest")),
        ("status", json!("open")),
        ("contactId", json!("<company>")),
        ("dealId", json!(7)),
    ] {
        let body = with("{}", member, value);
        let told = world.patch(&format!("{PATH}/{}", note.id()), &body).send().told();
        assert_eq!(
            world
                .post(
                    PATH,
                    &with(NOTE, member, serde_json::from_str::<Value>(&body).unwrap()[member].clone())
                )
                .send()
                .told(),
            told
        );
        all += &format!("{told}\n");
    }
    for (activity_type, member, value) in [
        ("call", "callDirection", json!("up")),
        ("call", "callDurationSeconds", json!(-1)),
        ("meeting", "durationMinutes", json!(1.5)),
        ("meeting", "meetingUrl", json!("Room 1")),
        ("task", "dueDate", json!("2025-02-30")),
    ] {
        let body = with(&with(NOTE, "activityType", activity_type), member, value);
        all += &format!("{}\n", world.post(PATH, &body).send().told());
    }
    assert_snapshot!(all, @"
    400 validation: activityType must be one of note, task, call, meeting
    400 validation: activityType is required
    400 validation: subject must not be empty
    400 validation: body must not be longer than 65536 bytes
    400 validation: scheduledAt must be a date-time such as 2025-02-01T10:15:00Z, or a date
    400 validation: priority must be one of low, normal, high, urgent
    400 validation: status must be one of pending, completed
    400 bad_reference: contactId names no contact
    400 validation: dealId must be a string
    400 validation: callDirection must be one of inbound, outbound
    400 validation: callDurationSeconds must be 0 to 1000000000000
    400 validation: durationMinutes must be a whole number
    400 validation: meetingUrl is not a URL that begins with https:// or http://
    400 validation: dueDate must be a date-time such as 2025-02-01T10:15:00Z, or a date
    ");
    assert_eq!(world.get(PATH).send().body, format!("[{}]", note.body));
    world.post(PATH, &with(NOTE, "body", "x".repeat(65_536))).send().is(201);
}

#[test]
fn an_instant_may_come_in_any_zone_and_is_told_in_utc() {
    let world = World::new();
    for (sent, told) in [
        ("2025-02-04", "2025-02-04T00:00:00.000000Z"),
        ("2025-02-04T09:30:00", "2025-02-04T09:30:00.000000Z"),
        ("2025-02-04T09:30:00.5+02:00", "2025-02-04T07:30:00.500000Z"),
    ] {
        let task = with(&with(NOTE, "activityType", "task"), "dueDate", sent);
        assert_eq!(world.post(PATH, &task).send().is(201).value()["dueDate"], told);
    }
}

#[test]
fn an_activity_is_completed_when_its_status_becomes_that() {
    let world = World::new();
    let note = world.post(PATH, NOTE).send().is(201);
    assert_eq!((&note.value()["status"], &note.value()["completedAt"]), (&json!("pending"), &json!(null)));
    let change = |body: &str| {
        world.api.clock.advance(1_000_000);
        world.patch(&format!("{PATH}/{}", note.id()), body).send().is(200).value()
    };
    let completed = change(r#"{"status":"completed"}"#);
    assert_eq!(completed["completedAt"], completed["updatedAt"]);
    let later = change(r#"{"status":"completed","subject":"Said goodbye"}"#);
    assert_eq!(later["completedAt"], completed["completedAt"]);
    assert_eq!(change(r#"{"status":"pending"}"#)["completedAt"], json!(null));
    let again = change(r#"{"status":"completed"}"#);
    assert_eq!(again["completedAt"], again["updatedAt"]);
    assert_eq!(change(r#"{"status":null}"#)["status"], "pending");
    let born = world.post(PATH, &with(NOTE, "status", "completed")).send().is(201).value();
    assert_eq!(born["completedAt"], born["createdAt"]);
}

#[test]
fn an_activity_is_the_last_of_its_deal_without_changing_it() {
    let world = World::new();
    let deal = || world.get("/api/v1/deals/<deal>").send().is(200);
    let (before, since) = (deal(), world.get("/api/v1/sync/changes?since=2000-01-01").send().items().len());
    assert_eq!(before.value()["lastActivityAt"], json!(null));
    let add = || {
        world.api.clock.advance(1_000_000);
        world.post(PATH, &with(NOTE, "dealId", "<deal>")).send().is(201)
    };
    let (first, second) = (add(), add());
    let last = || deal().value()["lastActivityAt"].clone();
    assert_eq!(last(), second.value()["createdAt"]);
    world.delete(&format!("{PATH}/{}", second.id())).send().is(200);
    assert_eq!(last(), first.value()["createdAt"]);
    world.patch(&format!("{PATH}/{}", first.id()), r#"{"dealId":null}"#).send().is(200);
    assert_eq!((deal().body.as_str(), deal().header("ETag")), (before.body.as_str(), before.header("ETag")));
    let changes = world.get("/api/v1/sync/changes?since=2000-01-01&entities=deals").send().items();
    assert!(changes.iter().all(|change| change["action"] == "inserted"), "{changes:?}");
    assert_eq!(world.get("/api/v1/sync/changes?since=2000-01-01").send().items().len(), since + 4);
}

#[test]
fn the_activities_of_a_deleted_deal_stay() {
    let world = World::new();
    let note = world.post(PATH, &with(NOTE, "dealId", "<deal>")).send().is(201);
    world.delete("/api/v1/deals/<deal>").send().is(200);
    assert_eq!(world.get(&format!("{PATH}/{}", note.id())).send().is(200).value()["dealId"], json!(null));
}

#[test]
fn there_is_no_upsert_of_activities() {
    let world = World::new();
    assert_snapshot!(world.put(&format!("{PATH}/upsert"), NOTE).send().told(), @"404 not_found: there is no such activity");
}
