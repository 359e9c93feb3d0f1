use rally_core::{Contact, Fields, ListQuery, Page, Profile, Resource};
use serde_json::json;

use crate::support::{World, instant, pairs, told};

fn emails(page: &Page<Contact>) -> Vec<String> {
    page.rows.iter().map(|row| row.read().unwrap().email).collect()
}

fn list(world: &World, query: ListQuery) -> Page<Contact> {
    world.acme.contacts().list(&query).unwrap()
}

/// A world with contacts `c0` to `c<n - 1>`.
fn world_of(count: usize) -> World {
    let world = World::new();
    for number in 0..count {
        world.add(&format!("c{number}@x.example"));
    }
    world
}

#[test]
fn pages_follow_creation_and_say_whether_the_list_goes_on() {
    let world = world_of(7);
    let page = |offset, limit| list(&world, ListQuery { offset, limit, count: true, ..ListQuery::default() });
    let first = page(0, 3);
    assert_eq!(emails(&first), ["c0@x.example", "c1@x.example", "c2@x.example"]);
    assert_eq!((first.has_more, first.total), (true, Some(7)));
    assert_eq!(emails(&page(5, 3)), ["c5@x.example", "c6@x.example"]);
    assert!(!page(4, 3).has_more);
    let behind = page(7, 3);
    assert_eq!((behind.rows.len(), behind.has_more, behind.total), (0, false, Some(7)));
    assert!(page(u64::MAX, 100).rows.is_empty());
}

#[test]
fn every_offset_of_a_list_with_holes_is_right() {
    let world = world_of(400);
    let all = emails_of_everyone(&world);
    for (index, row) in rows_of_everyone(&world).into_iter().enumerate() {
        if index % 3 == 0 || (100..300).contains(&index) {
            world.acme.contacts().delete(row).unwrap();
        }
    }
    let left: Vec<&String> = all
        .iter()
        .enumerate()
        .filter(|(index, _)| index % 3 != 0 && !(100..300).contains(index))
        .map(|(_, e)| e)
        .collect();
    for offset in 0..=left.len() {
        let query = ListQuery {
            offset: u64::try_from(offset).unwrap(),
            limit: 2,
            count: true,
            ..ListQuery::default()
        };
        let page = list(&world, query);
        let expected: Vec<String> = left.iter().skip(offset).take(2).map(|email| (*email).clone()).collect();
        assert_eq!(emails(&page), expected, "{offset}");
        assert_eq!(page.total, Some(u64::try_from(left.len()).unwrap()));
    }
}

fn rows_of_everyone(world: &World) -> Vec<rally_core::Id<Contact>> {
    let mut ids = Vec::new();
    loop {
        let page =
            list(world, ListQuery { offset: u64::try_from(ids.len()).unwrap(), ..ListQuery::default() });
        ids.extend(page.rows.iter().map(rally_core::Row::id));
        if !page.has_more {
            return ids;
        }
    }
}

fn emails_of_everyone(world: &World) -> Vec<String> {
    rows_of_everyone(world).into_iter().map(|id| world.get(id).email).collect()
}

#[test]
fn updated_since_is_strictly_after_in_the_order_of_change() {
    let world = World::new();
    let ids: Vec<_> = ["a", "b", "c"]
        .map(|name| {
            world.clock.advance(1_000_000);
            world.add(&format!("{name}@x.example"))
        })
        .into();
    let since = |since, offset| {
        let query = ListQuery { updated_since: Some(since), offset, count: true, ..ListQuery::default() };
        let page = list(&world, query);
        (emails(&page), page.total)
    };
    let second = world.get(ids[1]).updated_at;
    assert_eq!(since(second, 0), (vec!["c@x.example".to_owned()], Some(1)));
    assert_eq!(since(second.plus_micros(-1), 0).0, ["b@x.example", "c@x.example"]);
    world.update(ids[0], json!({"phone": "1"})).unwrap();
    assert_eq!(since(second, 0), (vec!["c@x.example".to_owned(), "a@x.example".to_owned()], Some(2)));
    assert_eq!(since(second, 1), (vec!["a@x.example".to_owned()], Some(2)));
    assert_eq!(since(world.get(ids[0]).updated_at, 0), (vec![], Some(0)));
    world.acme.contacts().delete(ids[0]).unwrap();
    assert_eq!(since(second, 0).1, Some(1));
}

#[test]
fn every_offset_behind_an_instant_is_right() {
    let world = world_of(300);
    let ids = rows_of_everyone(&world);
    for id in ids.iter().step_by(2) {
        world.clock.advance(10);
        world.update(*id, json!({"phone": "1"})).unwrap();
    }
    let start = world.get(ids[99]).updated_at;
    let expected: Vec<String> =
        ids.iter().skip(101).step_by(2).chain(ids.iter().step_by(2)).map(|id| world.get(*id).email).collect();
    for offset in [0, 1, 62, 63, 64, 65, 99, 100, 101, 200, 249, 250] {
        let at = u64::try_from(offset).unwrap();
        let page = list(
            &world,
            ListQuery {
                updated_since: Some(start),
                offset: at,
                limit: 3,
                count: true,
                ..ListQuery::default()
            },
        );
        assert_eq!(
            emails(&page),
            expected.iter().skip(offset).take(3).cloned().collect::<Vec<_>>(),
            "{offset}"
        );
        assert_eq!(page.total, Some(u64::try_from(expected.len()).unwrap()));
    }
}

#[test]
fn a_frozen_clock_still_orders_every_change() {
    let world = world_of(5);
    let contacts: Vec<Contact> = rows_of_everyone(&world).into_iter().map(|id| world.get(id)).collect();
    assert!(contacts.is_sorted_by(|a, b| a.created_at < b.created_at && a.id < b.id));
    world.clock.advance(-60_000_000);
    let late = world.get(world.add("late@x.example"));
    assert!(late.created_at > contacts[4].created_at);
}

#[test]
fn parameters_are_read_and_all_that_is_wrong_is_named() {
    let read = |query: &[(&str, &str)]| ListQuery::parse::<Contact>(&pairs(query), Profile::Documented);
    let (query, _) = read(&[("limit", "1"), ("offset", "18446744073709551615"), ("count", "true")]).unwrap();
    assert_eq!((query.limit, query.offset, query.count, query.updated_since), (1, u64::MAX, true, None));
    let (query, _) = read(&[("updatedSince", "2025-02-01"), ("nonsense", "1")]).unwrap();
    assert_eq!((query.limit, query.updated_since), (100, Some(instant("2025-02-01T00:00:00Z"))));
    let wrong = [("limit", "0"), ("offset", "-1"), ("updatedSince", "yesterday"), ("count", "yes")];
    insta::assert_debug_snapshot!(told(&read(&wrong).unwrap_err()), @r#"
    (
        "validation",
        [
            "count must be true or false",
            "limit must be a whole number from 1 to 100",
            "offset must be a whole number from 0 up",
            "updatedSince must be a date-time such as 2025-02-01T10:15:00Z, or a date",
        ],
    )
    "#);
    for (name, value) in
        [("limit", "101"), ("limit", "ten"), ("limit", ""), ("offset", "18446744073709551616")]
    {
        assert!(read(&[(name, value)]).is_err(), "{name}={value}");
    }
    assert_eq!(told(&read(&[("limit", "1"), ("limit", "2")]).unwrap_err()).1, ["limit is given twice"]);
    let strict = ListQuery::parse::<Contact>(&pairs(&[("page", "1")]), Profile::Strict);
    assert_eq!(told(&strict.unwrap_err()).1, ["page is not a parameter here"]);
}

#[test]
fn fields_are_written_in_the_models_order_and_unknown_ones_are_the_profiles_matter() {
    let world = World::new();
    let row = world.acme.contacts().get(world.add("a@x.example")).unwrap();
    let write = |list: &str| {
        let fields = Fields::parse(Contact::model(), list, Profile::Documented).unwrap();
        let mut json = Vec::new();
        row.write_json(&fields, &mut json).unwrap();
        String::from_utf8(json).unwrap()
    };
    assert_eq!(write("email, fullName,nonsense"), r#"{"fullName":"Ada Lovelace","email":"a@x.example"}"#);
    assert_eq!(write("phone"), r#"{"phone":null}"#);
    assert_eq!(write("nonsense"), "{}");
    assert_eq!(write(""), write(" , "));
    assert!(write("").contains("\"updatedAt\""));
    let faults = Fields::parse(Contact::model(), "email,nonsense", Profile::Strict).unwrap_err();
    assert_eq!(told(&faults.into()).1, ["fields names \"nonsense\", which is not a member"]);
}

#[test]
fn a_limit_outside_1_to_100_is_refused_of_hosts_too() {
    let world = world_of(1);
    for limit in [0, 101] {
        let query = ListQuery { limit, ..ListQuery::default() };
        assert!(world.acme.contacts().list(&query).unwrap_err().is_invalid());
    }
}
