//! Lists of every room: which records, which members, which page.

use serde_json::Value;

use super::{Act, DEALS, ROOMS, Room, operations};
use crate::support::World;

/// The ids on a page.
fn ids(world: &World, room: &Room, query: &str) -> Vec<String> {
    let page = world.get(&format!("{}?{query}", room.path())).send().is(200);
    page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Adds the first whole and a least.
fn add_two(world: &World, room: &Room) -> [String; 2] {
    let whole = world.fill(room.wholes[0]).replace('#', "1");
    let whole = world.api.post(&room.path(), whole).send().is(201).id();
    [whole, room.create(world, "2").id()]
}

#[test]
fn each_filter_leaves_what_has_its_value() {
    for room in &ROOMS {
        let world = World::new();
        let [whole, _] = add_two(&world, room);
        let mut all = String::new();
        for (parameter, value, _) in room.filters {
            let filter = format!("{parameter}={}", value.replace('#', "1"));
            assert_eq!(ids(&world, room, &filter), [whole.as_str()], "{}?{filter}", room.noun);
            let counted = world.get(&format!("{}?{filter}&count=true&fields=id", room.path())).send();
            assert_eq!(counted.header("X-Total-Count"), "1", "{counted}");
            all += &format!("{filter}&");
        }
        let all = format!("{all}q={}", room.searched[0]);
        assert_eq!(ids(&world, room, &all), [whole.as_str()], "{}?{all}", room.noun);
        assert!(ids(&world, room, &all.replace("q=", "q=x")).is_empty());
        let none_since = format!("{all}&updatedSince=2100-01-01");
        assert!(ids(&world, room, &none_since).is_empty());
    }
}

#[test]
fn a_value_that_no_record_can_have_is_named() {
    let world = World::new();
    for room in &ROOMS {
        for (parameter, _, impossible) in room.filters {
            let answer = world.get(&format!("{}?{parameter}={impossible}", room.path())).send();
            let told = answer.told();
            assert!(told.starts_with(&format!("400 validation: {parameter} ")), "{}: {told}", room.noun);
        }
        let long = world.get(&format!("{}?q={}", room.path(), "x".repeat(256))).send();
        assert_eq!(long.told(), "400 validation: q must not be longer than 255 characters");
        world.get(&format!("{}?q={}", room.path(), "x".repeat(255))).send().is(200);
    }
}

#[test]
fn a_search_finds_what_a_name_begins_with_in_any_case_of_letters() {
    for room in &ROOMS {
        let world = World::new();
        let [whole, _] = add_two(&world, room);
        for beginning in room.searched {
            assert_eq!(ids(&world, room, &format!("q={beginning}")), [whole.as_str()], "{beginning}");
        }
        assert!(ids(&world, room, "q=ovelac").is_empty(), "the middle of a name is not its beginning");
        assert_eq!(ids(&world, room, "q=").len(), room.count(&world));
    }
}

#[test]
fn links_lead_through_all_pages_of_a_narrowed_list() {
    for room in &ROOMS {
        let world = World::new();
        let made: Vec<String> = (1..=5).map(|number| room.create(&world, &number.to_string()).id()).collect();
        let created: Value = room.create(&world, "6").value();
        let since = world.get(&room.at(&made[0])).send().value()["createdAt"].as_str().unwrap().to_owned();
        let narrowed = format!("updatedSince={since}&count=true");
        let (mut path, mut seen) = (format!("{}?{narrowed}&limit=2&fields=id", room.path()), Vec::new());
        loop {
            let page = world.get(&path).send().is(200);
            assert_eq!(page.header("X-Total-Count"), "5");
            seen.extend(page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            let links: Vec<&str> = page.header("Link").split(", ").collect();
            assert!(links.iter().all(|link| link.contains(&narrowed)), "{links:?}");
            let next = links.iter().find(|link| link.ends_with("rel=\"next\""));
            let Some(next) = next else { break };
            path = next.split(['<', '>']).nth(1).unwrap().to_owned();
        }
        assert_eq!(seen[..4], made[1..]);
        assert_eq!(seen[4..], [created["id"].as_str().unwrap()]);
    }
}

#[test]
fn links_keep_filters_as_they_were_sent() {
    for room in &ROOMS {
        let world = World::new();
        add_two(&world, room);
        for (parameter, value, _) in room.filters {
            let filter = world.fill(&format!("{parameter}={}", value.replace('#', "1")));
            let page = world.get(&format!("/api/{}?{filter}&limit=1&offset=1&count=true", room.noun)).send();
            assert_eq!((page.body.as_str(), page.header("X-Total-Count")), ("[]", "1"));
            let link = |relation| {
                format!("</api/{}?{filter}&limit=1&count=true&offset=0>; rel=\"{relation}\"", room.noun)
            };
            assert_eq!(page.header("Link"), format!("{}, {}", link("first"), link("prev")));
        }
    }
}

#[test]
fn a_page_has_1_to_100_records() {
    let world = World::new();
    for room in &ROOMS {
        let told = |query: &str| world.get(&format!("{}?{query}", room.path())).send().told();
        let limit = "400 validation: limit must be a whole number from 1 to 100";
        assert_eq!(
            (told("limit=0"), told("limit=101"), told("limit=x")),
            (limit.into(), limit.into(), limit.into())
        );
        assert_eq!(told("offset=-1"), "400 validation: offset must be a whole number from 0 up");
        assert_eq!(
            told("updatedSince=yesterday&count=maybe"),
            "400 validation: count must be true or false; \
             updatedSince must be a date-time such as 2025-02-01T10:15:00Z, or a date"
        );
        assert_eq!(ids(&world, room, "limit=100").len(), room.count(&world));
    }
    for _ in 0..100 {
        DEALS.create(&world, &world.next());
    }
    let page = |query| ids(&world, &DEALS, query).len();
    assert_eq!((page(""), page("limit=100"), page("offset=100"), page("limit=1")), (100, 100, 1, 1));
}

#[test]
fn what_changed_since_is_told_in_the_order_of_the_changes() {
    for room in &ROOMS {
        let world = World::new();
        let [first, second] = ["1", "2"].map(|number| room.create(&world, number));
        let since = format!("updatedSince={}", first.value()["updatedAt"].as_str().unwrap());
        assert_eq!(ids(&world, room, &since), [second.id()]);
        world.patch(&room.at(&first.id()), &format!(r#"{{"{}":"Changed"}}"#, room.text)).send().is(200);
        assert_eq!(ids(&world, room, &since), [second.id(), first.id()]);
        let by_creation = ids(&world, room, "");
        assert_eq!(by_creation[by_creation.len() - 2..], [first.id(), second.id()]);
    }
}

#[test]
fn a_list_is_of_its_tenant_alone() {
    let world = World::new();
    for room in &ROOMS {
        let created = room.create(&world, "1").id();
        let others = world.get(&room.path()).key(&world.api.other).send().is(200);
        assert!(!others.body.contains(&created), "{others}");
    }
}

#[test]
fn fields_are_exactly_those_named_in_the_order_of_the_model() {
    for operation in operations().iter().filter(|operation| operation.act == Act::Get) {
        let world = World::new();
        let case = operation.case(&world);
        let whole = world.get(&case.path).send().is(200);
        let members = whole.value().as_object().unwrap().clone();
        for (name, value) in &members {
            let one = world.get(&format!("{}?fields={name}", case.path)).send().is(200);
            assert_eq!(one.value(), serde_json::json!({ name: value }));
        }
        let names = members.keys().map(String::as_str).rev().collect::<Vec<_>>().join(",");
        assert_eq!(world.get(&format!("{}?fields={names}", case.path)).send().body, whole.body);
        assert_eq!(world.get(&format!("{}?fields=nonsense", case.path)).send().is(200).body, "{}");
    }
}

#[test]
fn fields_of_a_list_are_those_of_its_records() {
    for room in &ROOMS {
        let world = World::new();
        let [whole, _] = add_two(&world, room);
        let query = format!("q={}", room.searched[0]);
        let record = world.get(&room.at(&whole)).send().is(200);
        for (name, value) in record.value().as_object().unwrap() {
            let page = world.get(&format!("{}?{query}&fields={name}", room.path())).send().is(200);
            assert_eq!(page.value(), serde_json::json!([{ name: value }]));
        }
        let page = world.get(&format!("{}?{query}", room.path())).send().is(200);
        assert_eq!(page.body, format!("[{}]", record.body));
    }
}
