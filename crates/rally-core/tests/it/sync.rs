use rally_core::{
    ApiKeyDraft, Code, ContactUpdate, FeedEntry, FeedPosition, FeedQuery, Id, Kind, Scope, Timestamp,
};

use crate::support::{World, tenant};

fn feed(world: &World, from: FeedPosition, limit: usize) -> Vec<FeedEntry> {
    world.acme.changes(&FeedQuery { from, kinds: Kind::IN_FEED.to_vec(), limit, epoch: None }).unwrap()
}

fn since(world: &World, since: Timestamp, limit: usize) -> Vec<FeedEntry> {
    feed(world, FeedPosition::Since(since), limit)
}

/// A world with so many changes of a few contacts.
fn world_of(changes: usize) -> World {
    let world = World::new();
    let id = world.add("a@x.example");
    for number in 1..changes {
        world.acme.contacts().update(id, &ContactUpdate::new().phone(number.to_string())).unwrap();
    }
    world
}

#[test]
fn every_change_is_told_once_in_order_with_who_and_when() {
    let world = World::new();
    let id = world.add("a@x.example");
    for _ in 0..2 {
        world.acme.contacts().update(id, &ContactUpdate::new().phone("1")).unwrap();
    }
    world.acme.contacts().delete(id).unwrap();
    let changes = since(&world, Timestamp::MIN, 1_000);
    let lines: Vec<String> = changes.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"id":1,"entityType":"contact","entityId":"0194c101-aca0-7001-8000-000000216750","action":"inserted","changedAt":"2025-02-01T10:15:00.000001Z","changedBy":"host"}
    {"id":2,"entityType":"contact","entityId":"0194c101-aca0-7001-8000-000000216750","action":"updated","changedAt":"2025-02-01T10:15:00.000002Z","changedBy":"host"}
    {"id":3,"entityType":"contact","entityId":"0194c101-aca0-7001-8000-000000216750","action":"deleted","changedAt":"2025-02-01T10:15:00.000003Z","changedBy":"host"}
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
        let page = feed(&world, FeedPosition::After(after), 3);
        let ids: Vec<u64> = page.iter().map(|entry| entry.id).collect();
        let expected: Vec<u64> = (after.saturating_add(1)..=200).take(3).collect();
        assert_eq!(ids, expected, "{after}");
    }
}

#[test]
fn an_update_is_told_with_the_records_own_instant() {
    let world = world_of(3);
    let last = since(&world, Timestamp::MIN, 10).pop().unwrap();
    let id = Id::from_uuid(last.entity_id);
    assert_eq!(world.get(id).updated_at, last.changed_at);
}

#[test]
fn a_trimmed_feed_says_so_instead_of_leaving_changes_out() {
    let world = world_of(100);
    let all = since(&world, Timestamp::MIN, 1_000);
    world.acme.trim_changes(all[49].changed_at).unwrap();
    let ask = |from| {
        world.acme.changes(&FeedQuery { from, kinds: Kind::IN_FEED.to_vec(), limit: 1_000, epoch: None })
    };
    let error = ask(FeedPosition::Since(all[48].changed_at)).unwrap_err();
    assert_eq!((error.code(), error.oldest_change()), (Code::FeedTrimmed, Some(all[50].changed_at)));
    assert_eq!(ask(FeedPosition::After(49)).unwrap_err().code(), Code::FeedTrimmed);
    assert_eq!(ask(FeedPosition::Since(all[49].changed_at)).unwrap(), all[50..]);
    assert_eq!(ask(FeedPosition::After(50)).unwrap(), all[50..]);
    world.acme.trim_changes(all[10].changed_at).unwrap();
    assert_eq!(ask(FeedPosition::After(50)).unwrap(), all[50..]);
    world.acme.trim_changes(Timestamp::MAX).unwrap();
    assert_eq!(ask(FeedPosition::After(99)).unwrap_err().code(), Code::FeedTrimmed);
    assert!(ask(FeedPosition::After(100)).unwrap().is_empty());
    let reader = world.acme.clone().limited_to(Scope::Write);
    assert_eq!(reader.trim_changes(Timestamp::MAX).unwrap_err().code(), Code::Forbidden);
}

#[test]
fn a_tenants_feed_has_its_own_changes_and_numbers_alone() {
    let world = world_of(3);
    let other = tenant(&world.engine, "other");
    let query = FeedQuery { from: FeedPosition::START, kinds: vec![Kind::Contact], limit: 10, epoch: None };
    assert!(other.changes(&query).unwrap().is_empty());
    assert_eq!(other.last_change().unwrap().0, 0);
}

#[test]
fn a_limit_outside_1_to_1000_is_refused_of_hosts_too() {
    let world = world_of(1);
    for limit in [0, 1_001] {
        let query = FeedQuery { from: FeedPosition::START, kinds: vec![Kind::Contact], limit, epoch: None };
        assert!(world.acme.changes(&query).unwrap_err().is_invalid());
    }
}

#[test]
fn a_kind_that_is_named_twice_is_told_once_and_other_rows_do_not_move_the_head() {
    let world = world_of(2);
    let query = FeedQuery {
        from: FeedPosition::START,
        kinds: vec![Kind::Contact, Kind::Contact],
        limit: 10,
        epoch: None,
    };
    let changes = world.acme.changes(&query).unwrap();
    assert_eq!(changes.iter().map(|change| change.id).collect::<Vec<_>>(), [1, 2]);
    world.clock.advance(5_000_000);
    world.acme.api_keys().mint(&ApiKeyDraft::new("n")).unwrap();
    assert_eq!(world.acme.last_change().unwrap(), (2, changes[1].changed_at));
}
