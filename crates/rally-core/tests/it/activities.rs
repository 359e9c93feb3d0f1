use rally_core::{
    Activity, ActivityDraft, ActivityStatus,
    ActivityType::{self, Call, Meeting, Note, Task},
    ActivityUpdate, Atomicity, CallDirection, Code, CompanyDraft, Deal, Id, Patch, Priority, Scope,
    Timestamp, UserDraft, WriteOptions, WriteOutcome,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    World, changes_after, create_json, instant, lines, report, tenant, text, update_json, with,
};

fn note() -> ActivityDraft {
    of_type(Note)
}

fn of_type(activity_type: ActivityType) -> ActivityDraft {
    ActivityDraft::new(activity_type, "Hello")
}

fn json_note() -> Value {
    json!({"activityType": "note", "subject": "Hello"})
}

/// Adds an activity.
#[track_caller]
fn add(world: &World, draft: &ActivityDraft) -> Id<Activity> {
    world.acme.activities().create(draft).unwrap().id
}

#[test]
fn an_activity_comes_back_with_every_member_in_the_documented_order() {
    let world = World::new();
    let company = world.acme.companies().create(&CompanyDraft::new("Acme")).unwrap().id;
    let owner = world.acme.users().create(&UserDraft::new("o@x.example", "Olga")).unwrap().id;
    let body = json!({
        "activityType": "call", "subject": " Hello ", "body": "line\nbreak", "contactId": world.add("a@x.example"),
        "companyId": company, "dealId": world.deal("Deal"), "scheduledAt": "2025-03-01T10:00:00+01:00", "priority": "high",
        "status": "completed", "callDirection": "outbound", "callOutcome": "agreed", "callDurationSeconds": 90, "ownerId": owner,
    });
    let written = create_json(world.acme.activities(), &body).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Created);
    insta::assert_snapshot!(lines(&written.record), @r#"
    "id":"0194c101-aca0-7006-8000-000000306401"
    "tenantId":"0194c101-aca0-7000-8000-000000170d32"
    "activityType":"call"
    "subject":"Hello"
    "body":"line\nbreak"
    "contactId":"0194c101-aca0-7004-8000-0000002c63dd"
    "companyId":"0194c101-aca0-7001-8000-000000216750"
    "dealId":"0194c101-aca0-7005-8000-0000000eb345"
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
    "ownerId":"0194c101-aca0-7002-8000-000000295379"
    "completedAt":"2025-02-01T10:15:00.000006Z"
    "createdAt":"2025-02-01T10:15:00.000006Z"
    "updatedAt":"2025-02-01T10:15:00.000006Z"
    "#);
    let read = world.acme.activities().json().get(written.record.id()).unwrap();
    assert_eq!(text(&written.record), text(&read));
}

#[test]
fn members_without_a_value_are_null_and_an_activity_is_pending() {
    let world = World::new();
    let row = world.acme.activities().json().get(add(&world, &note())).unwrap();
    let nulls = lines(&row).lines().filter(|line| line.ends_with(":null")).count();
    assert_eq!((nulls, row.read().unwrap().status), (15, ActivityStatus::Pending), "{}", lines(&row));
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let body = json!({
        "activityType": "Note", "body": "x".repeat(65_537), "contactId": "7", "scheduledAt": "soon", "dueDate": 7,
        "priority": "top", "status": "done", "callDirection": "up", "callOutcome": "x".repeat(256),
        "callDurationSeconds": -1, "durationMinutes": 0.5, "location": ["x"], "meetingUrl": "x", "ownerId": "x",
    });
    let error = world.refused(|| create_json(world.acme.activities(), &body));
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
    type With = fn(ActivityDraft) -> ActivityDraft;
    let members: [(ActivityType, &str, With, With); 7] = [
        (Task, "dueDate", |of| of.due_date(instant("2025-03-01")), |of| of.due_date(None)),
        (Call, "callDirection", |of| of.call_direction(CallDirection::Inbound), |of| of.call_direction(None)),
        (Call, "callOutcome", |of| of.call_outcome("agreed"), |of| of.call_outcome(None)),
        (Call, "callDurationSeconds", |of| of.call_duration_seconds(0), |of| of.call_duration_seconds(None)),
        (Meeting, "durationMinutes", |of| of.duration_minutes(30), |of| of.duration_minutes(None)),
        (Meeting, "location", |of| of.location("here"), |of| of.location(None)),
        (Meeting, "meetingUrl", |of| of.meeting_url("https://x.example/"), |of| of.meeting_url(None)),
    ];
    for (of, name, given, cleared) in members {
        for kind in [Note, Task, Call, Meeting] {
            let draft = given(of_type(kind));
            if kind == of {
                add(&world, &draft);
                continue;
            }
            let error = world.refused(|| world.acme.activities().create(&draft));
            assert_eq!(report(&error), format!("validation\n{name} is only for a {of}"), "{kind}");
            add(&world, &cleared(of_type(kind)));
            let body = with(json_note(), &json!({"activityType": kind, name: null}));
            create_json(world.acme.activities(), &body).unwrap();
        }
    }
}

#[test]
fn a_type_changes_only_without_members_of_the_old_one() {
    let world = World::new();
    let activities = world.acme.activities();
    let id = add(&world, &of_type(Call).call_outcome("agreed").call_duration_seconds(5));
    let error = world.refused(|| activities.update(id, &ActivityUpdate::new().activity_type(Task)));
    assert_eq!(
        report(&error),
        "validation
callDurationSeconds is only for a call
callOutcome is only for a call"
    );
    let cleared = ActivityUpdate::new()
        .activity_type(Task)
        .call_outcome(Patch::Clear)
        .call_duration_seconds(None)
        .due_date(instant("2025-03-01"));
    assert_eq!(activities.update(id, &cleared).unwrap().activity_type, Task);
    let error = world.refused(|| activities.update(id, &ActivityUpdate::new().call_outcome("agreed")));
    assert_eq!(report(&error), "validation\ncallOutcome is only for a call");
}

#[test]
fn an_activity_is_completed_when_its_status_becomes_so() {
    let world = World::new();
    let activities = world.acme.activities();
    let completed = |activity: &Activity| activity.completed_at.map(|at| at == activity.updated_at);
    let id = add(&world, &note());
    let put = |update: ActivityUpdate| {
        world.clock.advance(1_000_000);
        activities.update(id, &update).unwrap()
    };
    let update = ActivityUpdate::new;
    let done = || update().status(ActivityStatus::Completed);
    assert_eq!(completed(&put(done())), Some(true));
    assert_eq!(completed(&put(update().subject("Bye"))), Some(false));
    assert_eq!(completed(&put(done().body("x"))), Some(false));
    assert_eq!(completed(&put(update().status(ActivityStatus::Pending))), None);
    assert_eq!(completed(&put(done())), Some(true));
    assert_eq!(completed(&put(update().status(None))), None);
    let born = activities.create(&note().status(ActivityStatus::Completed)).unwrap();
    assert_eq!(completed(&born), Some(true));
}

#[test]
fn what_an_activity_names_must_be_the_tenants_own() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let activities = world.acme.activities();
    let company = world.acme.companies().create(&CompanyDraft::new("Acme")).unwrap().id.as_uuid();
    let user = other.users().create(&UserDraft::new("o@x.example", "O")).unwrap().id.as_uuid();
    let random: Uuid = "0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap();
    let id = add(&world, &note());
    type Naming = fn(Uuid) -> (ActivityDraft, ActivityUpdate);
    let members: [(&str, &str, Uuid, Naming); 4] = [
        ("contactId", "contact", company, |id| {
            let id = Id::from_uuid(id);
            (note().contact_id(id), ActivityUpdate::new().contact_id(id))
        }),
        ("companyId", "company", id.as_uuid(), |id| {
            let id = Id::from_uuid(id);
            (note().company_id(id), ActivityUpdate::new().company_id(id))
        }),
        ("dealId", "deal", company, |id| {
            let id = Id::from_uuid(id);
            (note().deal_id(id), ActivityUpdate::new().deal_id(id))
        }),
        ("ownerId", "user", user, |id| {
            let id = Id::from_uuid(id);
            (note().owner_id(id), ActivityUpdate::new().owner_id(id))
        }),
    ];
    for (member, kind, another, naming) in members {
        let errors = |value: Uuid| {
            let (draft, update) = naming(value);
            let made = world.refused(|| activities.create(&draft));
            let put = world.refused(|| activities.update(id, &update));
            assert_eq!(report(&made), format!("bad_reference\n{member} names no {kind}"));
            format!("{made:?} {put:?}")
        };
        assert_eq!(errors(another), errors(random), "{member}");
    }
}

#[test]
fn an_update_merges_null_clears_and_the_same_again_leaves_no_trace() {
    let world = World::new();
    let activities = world.acme.activities();
    let full = of_type(Meeting).body("x").location("here").duration_minutes(5).priority(Priority::Low);
    let id = add(&world, &full);
    let body = json!({"body": null, "priority": null, "location": "there"});
    let activity = update_json(activities, id, &body).unwrap().record.read().unwrap();
    assert_eq!((activity.body, activity.priority, activity.duration_minutes), (None, None, Some(5)));
    assert_eq!(activity.location.as_deref(), Some("there"));
    let error = world.refused(|| update_json(activities, id, &json!({"activityType": null, "subject": ""})));
    assert_eq!(report(&error), "validation\nactivityType is required\nsubject must not be empty");
    for body in [json!({}), json!({"body": null}), json!({"location": " there", "status": "pending"})] {
        let written = world.without_trace(|| update_json(activities, id, &body)).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Unchanged, "{body}");
    }
    for update in [
        ActivityUpdate::new(),
        ActivityUpdate::new().body(None),
        ActivityUpdate::new().location(" there").status(ActivityStatus::Pending),
    ] {
        let written = world.without_trace(|| activities.update_with(id, &update, &WriteOptions::default()));
        assert_eq!(written.unwrap().outcome, WriteOutcome::Unchanged, "{update:?}");
    }
}

#[test]
fn read_only_and_unknown_members_are_passed_over_as_documented_and_refused_when_strict() {
    let body = with(json_note(), &json!({"completedAt": "2025-01-01", "id": 1, "mood": "good"}));
    let world = World::new();
    let written = create_json(world.acme.activities(), &body).unwrap();
    assert_eq!(written.record.read().unwrap().completed_at, None);
    let strict = World::strict();
    let error = strict.refused(|| create_json(strict.acme.activities(), &body));
    assert_eq!(report(&error), "validation\ncompletedAt is read-only\nid is read-only\nmood is not a member");
}

#[test]
fn a_bulk_creates_the_good_ones() {
    let world = World::new();
    let drafts = [note(), note().call_outcome("x"), note()];
    let bulk = world.acme.activities().create_many(&drafts, Atomicity::EachByItself).unwrap();
    let codes: Vec<_> = bulk.items.iter().map(|item| item.as_ref().map(|_| ()).map_err(report)).collect();
    assert_eq!(codes, [Ok(()), Err("validation\ncallOutcome is only for a call".to_owned()), Ok(())]);
}

#[test]
fn another_tenants_activity_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let theirs = add(&world, &note());
    let other = tenant(&world.engine, "other");
    let errors = |id| {
        let activities = other.activities();
        [
            activities.get(id).unwrap_err(),
            activities.update(id, &ActivityUpdate::new().subject("x")).unwrap_err(),
            activities.delete(id).unwrap_err(),
        ]
        .map(|error| format!("{error:?}"))
    };
    let random = "0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap();
    assert_eq!(world.without_trace(|| errors(theirs)), errors(random));
    let reader = world.acme.clone().limited_to(Scope::Read);
    for error in [
        reader.activities().create(&note()).unwrap_err(),
        reader.activities().update(theirs, &ActivityUpdate::new()).unwrap_err(),
        reader.activities().create_many(&[note()], Atomicity::EachByItself).unwrap_err(),
        reader.activities().delete(theirs).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Write)));
    }
}

/// The instant of a deal's newest activity, as the deal tells it.
fn last_activity_at(world: &World, deal: Id<Deal>) -> Option<Timestamp> {
    world.acme.deals().get(deal).unwrap().last_activity_at
}

#[test]
fn a_deals_last_activity_is_the_newest_that_is_linked_to_it() {
    let world = World::new();
    let activities = world.acme.activities();
    let (deal, other) = (world.deal("Deal"), world.deal("Other"));
    let ids: Vec<Id<Activity>> = (0..4)
        .map(|_| {
            world.clock.advance(1_000_000);
            add(&world, &note())
        })
        .collect();
    let at: Vec<_> = ids.iter().map(|id| Some(activities.get(*id).unwrap().created_at)).collect();
    let link = |place: usize, deal: Option<Id<Deal>>| {
        activities.update(ids[place], &ActivityUpdate::new().deal_id(deal)).unwrap()
    };
    let check = |expected: [Option<Timestamp>; 2]| {
        assert_eq!([last_activity_at(&world, deal), last_activity_at(&world, other)], expected);
    };
    check([None, None]);
    link(1, Some(deal));
    check([at[1], None]);
    link(0, Some(deal));
    check([at[1], None]);
    link(2, Some(deal));
    check([at[2], None]);
    let touched = ActivityUpdate::new().subject("Touched").scheduled_at(instant("2030-01-01"));
    activities.update(ids[0], &touched).unwrap();
    check([at[2], None]);
    link(2, Some(other));
    check([at[1], at[2]]);
    link(1, None);
    check([at[0], at[2]]);
    link(3, Some(other));
    activities.delete(ids[3]).unwrap();
    check([at[0], at[2]]);
    activities.delete(ids[2]).unwrap();
    activities.delete(ids[0]).unwrap();
    check([None, None]);
}

#[test]
fn an_activity_is_no_update_of_its_deal() {
    let world = World::new();
    let deal = world.deal("Deal");
    let (activities, deals) = (world.acme.activities(), world.acme.deals());
    let before = deals.get(deal).unwrap();
    let (last, _) = world.acme.last_change().unwrap();
    world.clock.advance(1_000_000);
    let draft = note().deal_id(deal);
    let first = activities.create(&draft).unwrap();
    activities.create_many(&[draft.clone(), draft], Atomicity::AllOrNothing).unwrap();
    assert!(last_activity_at(&world, deal) > Some(first.created_at));
    activities.update(first.id, &ActivityUpdate::new().deal_id(None)).unwrap();
    activities.delete(first.id).unwrap();
    let changes = changes_after(&world.acme, last);
    assert!(changes.iter().all(|(action, _)| action.starts_with("activity ")), "{changes:?}");
    let mut after = deals.get(deal).unwrap();
    assert!(after.last_activity_at.take().is_some());
    assert_eq!(after, before);
}

#[test]
fn typed_drafts_and_updates_say_what_their_json_says() {
    let world = World::new();
    let activities = world.acme.activities();
    let due = instant("2025-03-01");
    let activity = activities.create(&of_type(Task).due_date(due)).unwrap();
    assert_eq!(activity.due_date, Some(due));
    let update = ActivityUpdate::new().due_date(Patch::Clear).priority(Priority::Low);
    let activity = activities.update(activity.id, &update).unwrap();
    assert_eq!((activity.due_date, activity.priority), (None, Some(Priority::Low)));
    let call = of_type(Call).call_direction(CallDirection::Outbound).scheduled_at(due).body("x");
    let typed = activities.create(&call).unwrap();
    let body = json!({
        "activityType": "call", "subject": "Hello", "callDirection": "outbound", "scheduledAt": "2025-03-01",
        "body": "x",
    });
    let mut of_json = create_json(activities, &body).unwrap().record.read().unwrap();
    (of_json.id, of_json.created_at, of_json.updated_at) = (typed.id, typed.created_at, typed.updated_at);
    assert_eq!(of_json, typed);
}

#[test]
fn lists_are_filtered_by_type_status_and_priority() {
    let world = World::new();
    let urgent = add(&world, &of_type(Task).priority(Priority::Urgent));
    let done = add(&world, &note().status(ActivityStatus::Completed));
    let found = |filter| {
        let page = world.acme.activities().list(filter).unwrap();
        page.records.into_iter().map(|activity| activity.id).collect::<Vec<_>>()
    };
    assert_eq!(found(Activity::ACTIVITY_TYPE.is(Task)), [urgent]);
    assert_eq!(found(Activity::PRIORITY.is(Priority::Urgent)), [urgent]);
    assert_eq!(found(Activity::STATUS.is(ActivityStatus::Completed)), [done]);
    assert!(
        found(Activity::STATUS.is(ActivityStatus::Completed).and(Activity::ACTIVITY_TYPE.is(Task)))
            .is_empty()
    );
}
