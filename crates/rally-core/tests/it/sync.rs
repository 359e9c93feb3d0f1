use rally_core::{Code, FeedEntry, FeedFields, FeedFrom, FeedQuery, Kind, Profile, Scope, Timestamp};
use serde_json::json;

use crate::support::{World, pairs, tenant, told};

fn feed(world: &World, from: FeedFrom, limit: usize) -> Vec<FeedEntry> {
    world.acme.changes(&FeedQuery { from, kinds: Kind::IN_FEED.to_vec(), limit }).unwrap()
}

fn since(world: &World, since: Timestamp, limit: usize) -> Vec<FeedEntry> {
    feed(world, FeedFrom::Since(since), limit)
}

/// A world with so many changes of a few contacts.
fn world_of(changes: usize) -> World {
    let world = World::new();
    let id = world.add("a@x.example");
    for number in 1..changes {
        world.update(id, json!({"phone": number.to_string()})).unwrap();
    }
    world
}

#[test]
fn every_change_is_told_once_in_order_with_who_and_when() {
    let world = World::new();
    let id = world.add("a@x.example");
    world.update(id, json!({"phone": "1"})).unwrap();
    world.update(id, json!({"phone": "1"})).unwrap();
    world.acme.contacts().delete(id).unwrap();
    let mut json = Vec::new();
    for entry in since(&world, Timestamp::MIN, 1_000) {
        FeedFields::ALL.write_json(&entry, &mut json).unwrap();
        json.push(b'\n');
    }
    insta::assert_snapshot!(String::from_utf8(json).unwrap(), @r#"
    {"id":1,"entityType":"contact","entityId":"0194c101-aca0-7001-9859-d4265eb01788","action":"inserted","changedAt":"2025-02-01T10:15:00.000001Z","changedBy":"host"}
    {"id":2,"entityType":"contact","entityId":"0194c101-aca0-7001-9859-d4265eb01788","action":"updated","changedAt":"2025-02-01T10:15:00.000002Z","changedBy":"host"}
    {"id":3,"entityType":"contact","entityId":"0194c101-aca0-7001-9859-d4265eb01788","action":"deleted","changedAt":"2025-02-01T10:15:00.000003Z","changedBy":"host"}
    "#);
}

#[test]
fn whoever_goes_on_from_the_last_instant_misses_and_repeats_nothing() {
    let world = world_of(200);
    for limit in [1, 7, 64, 1_000] {
        let (mut by_instant, mut from) = (Vec::new(), Timestamp::MIN);
        while let Some(last) = {
            let page = since(&world, from, limit);
            by_instant.extend(page.iter().map(|entry| entry.id));
            page.last().map(|entry| entry.changed_at)
        } {
            from = last;
        }
        assert_eq!(by_instant, (1..=200).collect::<Vec<u64>>(), "{limit}");
    }
}

#[test]
fn a_change_is_found_by_its_number_too() {
    let world = world_of(200);
    for after in [0, 1, 62, 63, 64, 65, 127, 128, 150, 199, 200, 201, 1_000, u64::MAX] {
        let page = feed(&world, FeedFrom::After(after), 3);
        let ids: Vec<u64> = page.iter().map(|entry| entry.id).collect();
        let expected: Vec<u64> = (after.saturating_add(1)..=200).take(3).collect();
        assert_eq!(ids, expected, "{after}");
    }
}

#[test]
fn an_update_is_told_with_the_records_own_instant() {
    let world = world_of(3);
    let last = since(&world, Timestamp::MIN, 10).pop().unwrap();
    let id = rally_core::Id::from_uuid(last.entity_id);
    assert_eq!(world.get(id).updated_at, last.changed_at);
}

#[test]
fn a_trimmed_feed_says_so_instead_of_leaving_changes_out() {
    let world = world_of(100);
    let all = since(&world, Timestamp::MIN, 1_000);
    world.acme.trim_changes(all[49].changed_at).unwrap();
    let ask = |from| world.acme.changes(&FeedQuery { from, kinds: Kind::IN_FEED.to_vec(), limit: 1_000 });
    let error = ask(FeedFrom::Since(all[48].changed_at)).unwrap_err();
    assert_eq!((error.code(), error.oldest_change()), (Code::FeedTrimmed, Some(all[50].changed_at)));
    assert_eq!(ask(FeedFrom::After(49)).unwrap_err().code(), Code::FeedTrimmed);
    assert_eq!(ask(FeedFrom::Since(all[49].changed_at)).unwrap(), all[50..]);
    assert_eq!(ask(FeedFrom::After(50)).unwrap(), all[50..]);
    world.acme.trim_changes(all[10].changed_at).unwrap();
    assert_eq!(ask(FeedFrom::After(50)).unwrap(), all[50..]);
    world.acme.trim_changes(Timestamp::MAX).unwrap();
    assert_eq!(ask(FeedFrom::After(99)).unwrap_err().code(), Code::FeedTrimmed);
    assert!(ask(FeedFrom::After(100)).unwrap().is_empty());
    let reader = world.acme.clone().limited_to(Scope::Write);
    assert_eq!(reader.trim_changes(Timestamp::MAX).unwrap_err().code(), Code::Forbidden);
}

#[test]
fn a_tenants_feed_has_its_own_changes_and_numbers_alone() {
    let world = world_of(3);
    let other = tenant(&world.engine, "other");
    let query = FeedQuery { from: FeedFrom::After(0), kinds: vec![Kind::Contact], limit: 10 };
    assert!(other.changes(&query).unwrap().is_empty());
    assert_eq!(other.last_change().unwrap().0, 0);
}

#[test]
fn parameters_are_read_and_all_that_is_wrong_is_named() {
    let read = |query: &[(&str, &str)]| FeedQuery::parse(&pairs(query), Profile::Strict);
    let (query, fields) = read(&[("since", "2025-02-01"), ("entities", "deals, contacts,deals")]).unwrap();
    assert_eq!((query.kinds, query.limit, fields), (vec![Kind::Deal, Kind::Contact], 1_000, FeedFields::ALL));
    assert_eq!(read(&[("after", "7")]).unwrap().0.from, FeedFrom::After(7));
    let wrong =
        [("since", "soon"), ("entities", "people"), ("limit", "1001"), ("fields", "size"), ("offset", "1")];
    insta::assert_debug_snapshot!(told(&read(&wrong).unwrap_err()), @r#"
    (
        "validation",
        [
            "entities names \"people\"; use contacts, companies, deals, activities",
            "fields names \"size\", which is not a member",
            "limit must be a whole number from 1 to 1000",
            "offset is not a parameter here",
            "since must be a date-time such as 2025-02-01T10:15:00Z, or a date",
        ],
    )
    "#);
    assert_eq!(told(&read(&[]).unwrap_err()).1, ["since is required"]);
    assert_eq!(told(&read(&[("after", "-1")]).unwrap_err()).1, ["after must be the id of a change"]);
    assert!(read(&[("after", "1"), ("since", "2025-02-01")]).is_err());
}

#[test]
fn fields_name_the_members_of_an_entry() {
    let world = world_of(1);
    let (_, fields) =
        FeedQuery::parse(&pairs(&[("after", "0"), ("fields", "action,id")]), Profile::Strict).unwrap();
    let mut json = Vec::new();
    fields.write_json(&since(&world, Timestamp::MIN, 1)[0], &mut json).unwrap();
    assert_eq!(String::from_utf8(json).unwrap(), r#"{"id":1,"action":"inserted"}"#);
}

#[test]
fn a_limit_outside_1_to_1000_is_refused_of_hosts_too() {
    let world = world_of(1);
    for limit in [0, 1_001] {
        let query = FeedQuery { from: FeedFrom::After(0), kinds: vec![Kind::Contact], limit };
        assert!(world.acme.changes(&query).unwrap_err().is_invalid());
    }
}

#[test]
fn a_kind_that_is_named_twice_is_told_once_and_other_rows_do_not_move_the_head() {
    let world = world_of(2);
    let query = FeedQuery { from: FeedFrom::After(0), kinds: vec![Kind::Contact, Kind::Contact], limit: 10 };
    let changes = world.acme.changes(&query).unwrap();
    assert_eq!(changes.iter().map(|change| change.id).collect::<Vec<_>>(), [1, 2]);
    world.clock.advance(5_000_000);
    world.acme.api_keys().mint(&rally_core::ApiKeyDraft { name: "n".into(), ..Default::default() }).unwrap();
    assert_eq!(world.acme.last_change().unwrap(), (2, changes[1].changed_at));
}
