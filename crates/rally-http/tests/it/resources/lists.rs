//! Lists of every resource: which records, which members, which page.

use serde_json::Value;

use super::{Act, DEALS, RESOURCES, Resource, operations};
use crate::support::World;

/// The ids on a page.
fn ids(world: &World, resource: &Resource, query: &str) -> Vec<String> {
    let page = world.get(&format!("{}?{query}", resource.path())).send().is(200);
    page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Adds the first whole and a least.
fn add_two(world: &World, resource: &Resource) -> [String; 2] {
    let whole = world.fill(resource.wholes[0]).replace('#', "1");
    let whole = world.api.post(&resource.path(), whole).send().is(201).id();
    [whole, resource.create(world, "2").id()]
}

#[test]
fn each_filter_leaves_what_has_its_value() {
    for resource in RESOURCES.iter().filter(|resource| resource.is_searched()) {
        let world = World::new();
        let [whole, _] = add_two(&world, resource);
        let mut all = String::new();
        for (parameter, value, _) in resource.filters {
            let filter = format!("{parameter}={}", value.replace('#', "1"));
            assert_eq!(ids(&world, resource, &filter), [whole.as_str()], "{}?{filter}", resource.noun);
            let counted = world.get(&format!("{}?{filter}&count=true&fields=id", resource.path())).send();
            assert_eq!(counted.header("X-Total-Count"), "1", "{counted}");
            all += &format!("{filter}&");
        }
        let all = format!("{all}q={}", resource.searched[0]);
        assert_eq!(ids(&world, resource, &all), [whole.as_str()], "{}?{all}", resource.noun);
        assert!(ids(&world, resource, &all.replace("q=", "q=x")).is_empty());
        let none_since = format!("{all}&updatedSince=2100-01-01");
        assert!(ids(&world, resource, &none_since).is_empty());
    }
}

#[test]
fn a_value_that_no_record_can_have_is_named() {
    let world = World::new();
    for resource in RESOURCES {
        for (parameter, _, impossible) in resource.filters {
            let answer = world.get(&format!("{}?{parameter}={impossible}", resource.path())).send();
            let told = answer.told();
            assert!(told.starts_with(&format!("400 validation: {parameter} ")), "{}: {told}", resource.noun);
        }
        if !resource.is_searched() {
            continue;
        }
        let long = world.get(&format!("{}?q={}", resource.path(), "x".repeat(256))).send();
        assert_eq!(long.told(), "400 validation: q must not be longer than 255 characters");
        world.get(&format!("{}?q={}", resource.path(), "x".repeat(255))).send().is(200);
    }
}

#[test]
fn a_search_finds_what_a_name_begins_with_in_any_case_of_letters() {
    for resource in RESOURCES.iter().filter(|resource| resource.is_searched()) {
        let world = World::new();
        let [whole, _] = add_two(&world, resource);
        for beginning in resource.searched {
            assert_eq!(ids(&world, resource, &format!("q={beginning}")), [whole.as_str()], "{beginning}");
        }
        assert!(ids(&world, resource, "q=ovelac").is_empty(), "the middle of a name is not its beginning");
        assert_eq!(ids(&world, resource, "q=").len(), resource.count(&world));
    }
}

#[test]
fn links_lead_through_all_pages_of_a_filtered_list() {
    for resource in RESOURCES {
        let world = World::new();
        let made: Vec<String> =
            (1..=5).map(|number| resource.create(&world, &number.to_string()).id()).collect();
        let created: Value = resource.create(&world, "6").value();
        let since =
            world.get(&resource.at(&made[0])).send().value()["createdAt"].as_str().unwrap().to_owned();
        let filtered = "count=true&limit=2&fields=id";
        let (mut path, mut seen) =
            (format!("{}?{filtered}&updatedSince={since}", resource.path()), Vec::new());
        loop {
            let page = world.get(&path).send().is(200);
            assert_eq!(page.header("X-Total-Count"), (5 - seen.len()).to_string(), "as many are left");
            seen.extend(page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            let links: Vec<&str> = page.header("Link").split(", ").collect();
            assert!(links.iter().all(|link| link.contains(filtered)), "{links:?}");
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
    for resource in RESOURCES {
        let world = World::new();
        add_two(&world, resource);
        for (parameter, value, _) in resource.filters {
            let filter = world.fill(&format!("{parameter}={}", value.replace('#', "1")));
            let page =
                world.get(&format!("/api/{}?{filter}&limit=1&offset=1&count=true", resource.noun)).send();
            assert_eq!((page.body.as_str(), page.header("X-Total-Count")), ("[]", "1"));
            let link = |relation| {
                format!("</api/{}?{filter}&limit=1&count=true&offset=0>; rel=\"{relation}\"", resource.noun)
            };
            assert_eq!(page.header("Link"), format!("{}, {}", link("first"), link("prev")));
        }
    }
}

#[test]
fn a_page_has_1_to_100_records() {
    let world = World::new();
    for resource in RESOURCES {
        let told = |query: &str| world.get(&format!("{}?{query}", resource.path())).send().told();
        let limit = "400 validation: limit must be a whole number from 1 to 100";
        assert_eq!(
            (told("limit=0"), told("limit=101"), told("limit=x")),
            (limit.into(), limit.into(), limit.into())
        );
        assert_eq!(
            told("offset=-1"),
            "400 validation: offset must be a whole number from 0 to 9223372036854775807"
        );
        assert_eq!(
            told("updatedSince=yesterday&count=maybe"),
            "400 validation: count must be true or false; \
             updatedSince must be a date-time such as 2025-02-01T10:15:00Z, or a date"
        );
        assert_eq!(ids(&world, resource, "limit=100").len(), resource.count(&world));
    }
    for _ in 0..100 {
        DEALS.create(&world, &world.next());
    }
    let page = |query| ids(&world, &DEALS, query).len();
    assert_eq!((page(""), page("limit=100"), page("offset=100"), page("limit=1")), (100, 100, 1, 1));
}

#[test]
fn what_changed_since_is_told_in_the_order_of_the_changes() {
    for resource in RESOURCES {
        let world = World::new();
        let [first, second] = ["1", "2"].map(|number| resource.create(&world, number));
        let created = first.value();
        let changed_at = created.get("updatedAt").unwrap_or(&created["createdAt"]);
        let since = format!("updatedSince={}", changed_at.as_str().unwrap());
        assert_eq!(ids(&world, resource, &since), [second.id()]);
        world
            .patch(&resource.at(&first.id()), &format!(r#"{{"{}":"Changed"}}"#, resource.text.0))
            .send()
            .is(200);
        assert_eq!(ids(&world, resource, &since), [second.id(), first.id()]);
        let by_creation = ids(&world, resource, "");
        assert_eq!(by_creation[by_creation.len() - 2..], [first.id(), second.id()]);
    }
}

#[test]
fn a_list_is_of_its_tenant_alone() {
    let world = World::new();
    for resource in RESOURCES {
        let created = resource.create(&world, "1").id();
        let others = world.get(&resource.path()).key(&world.api.other).send().is(200);
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
    for resource in RESOURCES {
        let world = World::new();
        let [whole, _] = add_two(&world, resource);
        let query = match resource.searched {
            [beginning, ..] => format!("q={beginning}"),
            [] => "limit=1".to_owned(),
        };
        let record = world.get(&resource.at(&whole)).send().is(200);
        for (name, value) in record.value().as_object().unwrap() {
            let page = world.get(&format!("{}?{query}&fields={name}", resource.path())).send().is(200);
            assert_eq!(page.value(), serde_json::json!([{ name: value }]));
        }
        let page = world.get(&format!("{}?{query}", resource.path())).send().is(200);
        assert_eq!(page.body, format!("[{}]", record.body));
    }
}
