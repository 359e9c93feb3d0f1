use rally_core::{
    Activity, ActivityChange, ActivityDraft, Code, Deal, Id, Json, Outcome, Patch, Scope, Timestamp,
    WriteOptions,
};
use serde_json::{Value, json};

use crate::support::{
    World, add, bytes, changes_after, create, lines, read, report, tenant, text, update, with,
};

fn note() -> Value {
    json!({"activityType": "note", "subject": "Hello"})
}

fn of_type(kind: &str, members: Value) -> Value {
    with(json!({"activityType": kind, "subject": "Hello"}), &members)
}

#[test]
fn an_activity_comes_back_with_every_member_in_the_documented_order() {
    let world = World::new();
    let company = add(world.acme.companies(), &json!({"name": "Acme"}));
    let owner = add(world.acme.users(), &json!({"email": "o@x.example", "name": "Olga"}));
    let body = json!({
        "activityType": "call", "subject": " Hello ", "body": "line\nbreak", "contactId": world.add("a@x.example"),
        "companyId": company, "dealId": world.deal(json!({})), "scheduledAt": "2025-03-01T10:00:00+01:00", "priority": "high",
        "status": "completed", "callDirection": "outbound", "callOutcome": "agreed", "callDurationSeconds": 90, "ownerId": owner,
    });
    let written = create(world.acme.activities(), &body).unwrap();
    assert_eq!(written.outcome, Outcome::Created);
    insta::assert_snapshot!(lines(&written.row), @r#"
    "id":"0194c101-aca0-7006-8c19-0068c92643f7"
    "tenantId":"0194c101-aca0-7000-b5c3-4c96793872d8"
    "activityType":"call"
    "subject":"Hello"
    "body":"line\nbreak"
    "contactId":"0194c101-aca0-7004-8b18-f74a2dd3aebd"
    "companyId":"0194c101-aca0-7001-9859-d4265eb01788"
    "dealId":"0194c101-aca0-7005-93ac-d152b7d500fa"
    "scheduledAt":"2025-03-01T09:00:00.000000Z"
    "dueDate":null
    "priority":"high"
    "status":"completed"
    "callDirection":"outbound"
    "callOutcome":"agreed"
    "callDurationSeconds":90
    "durationMinutes":null
    "location":null
    "meetingUrl":null
    "ownerId":"0194c101-aca0-7002-9a54-de621da8b0da"
    "completedAt":"2025-02-01T10:15:00.000006Z"
    "createdAt":"2025-02-01T10:15:00.000006Z"
    "updatedAt":"2025-02-01T10:15:00.000006Z"
    "#);
    assert_eq!(text(&written.row), text(&world.acme.activities().get(written.row.id()).unwrap()));
}

#[test]
fn members_without_a_value_are_null_and_an_activity_is_pending() {
    let world = World::new();
    let row = create(world.acme.activities(), &note()).unwrap().row;
    let nulls = lines(&row).lines().filter(|line| line.ends_with(":null")).count();
    assert_eq!((nulls, row.read().unwrap().status.as_str()), (15, "pending"), "{}", lines(&row));
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let body = json!({
        "activityType": "Note", "body": "x".repeat(65_537), "contactId": "7", "scheduledAt": "soon", "dueDate": 7,
        "priority": "top", "status": "done", "callDirection": "up", "callOutcome": "x".repeat(256),
        "callDurationSeconds": -1, "durationMinutes": 0.5, "location": ["x"], "meetingUrl": "x", "ownerId": "x",
    });
    let error = world.refused(|| create(world.acme.activities(), &body));
    insta::assert_snapshot!(report(&error), @"
    validation
    activityType must be one of note, task, call, meeting
    body must not be longer than 65536 bytes
    callDirection must be one of inbound, outbound
    callDurationSeconds must be 0 to 1000000000000
    callOutcome must not be longer than 255 characters
    contactId is not an id
    dueDate must be a string
    durationMinutes must be a whole number
    location must be a string
    meetingUrl is not a URL that begins with https:// or http://
    ownerId is not an id
    priority must be one of low, normal, high, urgent
    scheduledAt must be a date-time such as 2025-02-01T10:15:00Z, or a date
    status must be one of pending, completed
    subject is required
    ");
}

#[test]
fn a_member_of_another_type_is_refused() {
    let world = World::new();
    let members = [
        ("task", json!({"dueDate": "2025-03-01"})),
        ("call", json!({"callDirection": "inbound"})),
        ("call", json!({"callOutcome": "agreed"})),
        ("call", json!({"callDurationSeconds": 0})),
        ("meeting", json!({"durationMinutes": 30})),
        ("meeting", json!({"location": "here"})),
        ("meeting", json!({"meetingUrl": "https://x.example/"})),
    ];
    for (of, member) in &members {
        let name = member.as_object().unwrap().keys().next().unwrap();
        for kind in ["note", "task", "call", "meeting"] {
            let body = of_type(kind, member.clone());
            if kind == *of {
                add(world.acme.activities(), &body);
                continue;
            }
            let error = world.refused(|| create(world.acme.activities(), &body));
            assert_eq!(report(&error), format!("validation\n{name} is only for a {of}"), "{kind}");
            add(world.acme.activities(), &of_type(kind, json!({name: null})));
        }
    }
}

#[test]
fn a_type_changes_only_without_members_of_the_old_one() {
    let world = World::new();
    let activities = world.acme.activities();
    let id = add(activities, &of_type("call", json!({"callOutcome": "agreed", "callDurationSeconds": 5})));
    let error = world.refused(|| update(activities, id, &json!({"activityType": "task"})));
    assert_eq!(
        report(&error),
        "validation
callDurationSeconds is only for a call
callOutcome is only for a call"
    );
    let cleared = json!({"activityType": "task", "callOutcome": null, "callDurationSeconds": null, "dueDate": "2025-03-01"});
    assert_eq!(update(activities, id, &cleared).unwrap().read().unwrap().activity_type, "task");
    let error = world.refused(|| update(activities, id, &json!({"callOutcome": "agreed"})));
    assert_eq!(report(&error), "validation\ncallOutcome is only for a call");
}

#[test]
fn an_activity_is_completed_when_its_status_becomes_so() {
    let world = World::new();
    let activities = world.acme.activities();
    let completed = |activity: &Activity| activity.completed_at.map(|at| at == activity.updated_at);
    let id = add(activities, &note());
    let put = |body: Value| {
        world.clock.advance(1_000_000);
        update(activities, id, &body).unwrap().read().unwrap()
    };
    assert_eq!(completed(&put(json!({"status": "completed"}))), Some(true));
    assert_eq!(completed(&put(json!({"subject": "Bye"}))), Some(false));
    assert_eq!(completed(&put(json!({"status": "completed", "body": "x"}))), Some(false));
    assert_eq!(completed(&put(json!({"status": "pending"}))), None);
    assert_eq!(completed(&put(json!({"status": "completed"}))), Some(true));
    assert_eq!(completed(&put(json!({"status": null}))), None);
    let born = add(activities, &with(note(), &json!({"status": "completed"})));
    assert_eq!(completed(&read(activities, born)), Some(true));
}

#[test]
fn what_an_activity_names_must_be_the_tenants_own() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let company = add(world.acme.companies(), &json!({"name": "Acme"}));
    let user = add(other.users(), &json!({"email": "o@x.example", "name": "O"}));
    let random = json!("0191e3a2-9f00-7abc-8def-0123456789ab");
    let id = add(world.acme.activities(), &note());
    for (member, kind, another) in [
        ("contactId", "contact", json!(company)),
        ("companyId", "company", json!(id)),
        ("dealId", "deal", json!(company)),
        ("ownerId", "user", json!(user)),
    ] {
        let errors = |value: &Value| {
            let members = json!({member: value});
            let made = world.refused(|| create(world.acme.activities(), &with(note(), &members)));
            let put = world.refused(|| update(world.acme.activities(), id, &members));
            assert_eq!(report(&made), format!("bad_reference\n{member} names no {kind}"));
            format!("{made:?} {put:?}")
        };
        assert_eq!(errors(&another), errors(&random), "{member}");
    }
}

#[test]
fn an_update_merges_null_clears_and_the_same_again_leaves_no_trace() {
    let world = World::new();
    let activities = world.acme.activities();
    let full =
        of_type("meeting", json!({"body": "x", "location": "here", "durationMinutes": 5, "priority": "low"}));
    let id = add(activities, &full);
    let activity =
        update(activities, id, &json!({"body": null, "priority": null, "location": "there"})).unwrap();
    let activity = activity.read().unwrap();
    assert_eq!((activity.body, activity.priority, activity.duration_minutes), (None, None, Some(5)));
    assert_eq!(activity.location.as_deref(), Some("there"));
    let error = world.refused(|| update(activities, id, &json!({"activityType": null, "subject": ""})));
    assert_eq!(report(&error), "validation\nactivityType is required\nsubject must not be empty");
    for body in [json!({}), json!({"body": null}), json!({"location": " there", "status": "pending"})] {
        let written = world.without_trace(|| update(activities, id, &body)).unwrap();
        assert_eq!(written.outcome, Outcome::Unchanged, "{body}");
    }
}

#[test]
fn read_only_and_unknown_members_are_passed_over_as_documented_and_refused_when_strict() {
    let body = with(note(), &json!({"completedAt": "2025-01-01", "id": 1, "mood": "good"}));
    let world = World::new();
    let id = add(world.acme.activities(), &body);
    assert_eq!(read(world.acme.activities(), id).completed_at, None);
    let strict = World::strict();
    let error = strict.refused(|| create(strict.acme.activities(), &body));
    assert_eq!(report(&error), "validation\ncompletedAt is read-only\nid is read-only\nmood is not a member");
}

#[test]
fn a_bulk_creates_the_good_ones() {
    let world = World::new();
    let items = bytes(&json!([note(), of_type("note", json!({"callOutcome": "x"})), note()]));
    let bulk = world.acme.activities().create_many(&Json(&items), false, &WriteOptions::default()).unwrap();
    let codes: Vec<_> = bulk.items.iter().map(|item| item.as_ref().map(|_| ()).map_err(report)).collect();
    assert_eq!(codes, [Ok(()), Err("validation\ncallOutcome is only for a call".to_owned()), Ok(())]);
}

#[test]
fn another_tenants_activity_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let theirs = add(world.acme.activities(), &note());
    let other = tenant(&world.engine, "other");
    let errors = |id| {
        let activities = other.activities();
        [
            activities.get(id).unwrap_err(),
            update(activities, id, &json!({"subject": "x"})).unwrap_err(),
            activities.delete(id).unwrap_err(),
        ]
        .map(|error| format!("{error:?}"))
    };
    let random = "0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap();
    assert_eq!(world.without_trace(|| errors(theirs)), errors(random));
    let reader = world.acme.clone().limited_to(Scope::Read);
    for error in [
        create(reader.activities(), &note()).unwrap_err(),
        update(reader.activities(), theirs, &json!({})).unwrap_err(),
        reader.activities().delete(theirs).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Write)));
    }
}

/// When the newest activity of a deal was, by the deal.
fn last_activity_at(world: &World, deal: Id<Deal>) -> Option<Timestamp> {
    read(world.acme.deals(), deal).last_activity_at
}

#[test]
fn a_deals_last_activity_is_the_newest_that_is_linked_to_it() {
    let world = World::new();
    let activities = world.acme.activities();
    let (deal, other) = (world.deal(json!({})), world.deal(json!({})));
    let ids: Vec<Id<Activity>> = (0..4)
        .map(|_| {
            world.clock.advance(1_000_000);
            add(activities, &note())
        })
        .collect();
    let at: Vec<_> = ids.iter().map(|id| Some(read(activities, *id).created_at)).collect();
    let link = |place: usize, deal: Value| update(activities, ids[place], &json!({"dealId": deal})).unwrap();
    let check = |expected: [Option<Timestamp>; 2]| {
        assert_eq!([last_activity_at(&world, deal), last_activity_at(&world, other)], expected);
    };
    check([None, None]);
    link(1, json!(deal));
    check([at[1], None]);
    link(0, json!(deal));
    check([at[1], None]);
    link(2, json!(deal));
    check([at[2], None]);
    update(activities, ids[0], &json!({"subject": "Touched", "scheduledAt": "2030-01-01"})).unwrap();
    check([at[2], None]);
    link(2, json!(other));
    check([at[1], at[2]]);
    link(1, Value::Null);
    check([at[0], at[2]]);
    link(3, json!(other));
    activities.delete(ids[3]).unwrap();
    check([at[0], at[2]]);
    activities.delete(ids[2]).unwrap();
    activities.delete(ids[0]).unwrap();
    check([None, None]);
}

#[test]
fn an_activity_is_no_update_of_its_deal() {
    let world = World::new();
    let deal = world.deal(json!({}));
    let before = read(world.acme.deals(), deal);
    let (last, _) = world.acme.last_change().unwrap();
    world.clock.advance(1_000_000);
    let body = with(note(), &json!({"dealId": deal}));
    let id = add(world.acme.activities(), &body);
    let items = bytes(&json!([body, body]));
    world.acme.activities().create_many(&Json(&items), true, &WriteOptions::default()).unwrap();
    assert!(last_activity_at(&world, deal) > Some(read(world.acme.activities(), id).created_at));
    update(world.acme.activities(), id, &json!({"dealId": null})).unwrap();
    world.acme.activities().delete(id).unwrap();
    let changes = changes_after(&world.acme, last);
    assert!(changes.iter().all(|(action, _)| action.starts_with("activity ")), "{changes:?}");
    let mut after = read(world.acme.deals(), deal);
    assert!(after.last_activity_at.take().is_some());
    assert_eq!(after, before);
}

#[test]
fn typed_drafts_and_changes_say_what_their_json_says() {
    let world = World::new();
    let activities = world.acme.activities();
    let draft = ActivityDraft {
        activity_type: "task".into(),
        subject: "Hello".into(),
        due_date: Some("2025-03-01".parse().unwrap()),
        ..ActivityDraft::default()
    };
    let activity = activities.create(&draft).unwrap().read().unwrap();
    assert_eq!(activity.due_date, draft.due_date);
    let change =
        ActivityChange { due_date: Patch::Clear, priority: "low".into(), ..ActivityChange::default() };
    let activity = activities.update(activity.id, &change).unwrap().read().unwrap();
    assert_eq!((activity.due_date, activity.priority.as_deref()), (None, Some("low")));
}
