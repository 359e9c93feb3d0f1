//! The two profiles: what is not known is told of, or passed over.

use super::{Act, Operation, RESOURCES, Resource, operations};
use crate::support::{Answer, Api, World, with};

/// The operation with another member in its body.
fn with_member(world: &World, operation: &Operation, member: &str) -> Answer {
    let mut case = operation.case(world);
    case.body = match operation.act {
        Act::Bulk => format!("[{}]", with(case.body.trim_matches(['[', ']']), member, 1)),
        _ => with(&case.body, member, 1),
    };
    if operation.act == Act::Bulk {
        case.path += "?atomic=true";
    }
    case.ask(world).send()
}

fn with_query(world: &World, operation: &Operation, query: &str) -> Answer {
    let mut case = operation.case(world);
    case.path += query;
    case.ask(world).send()
}

#[test]
fn a_member_that_is_not_known_is_refused_or_passed_over() {
    let (strict, documented) = (World::of(Api::strict()), World::new());
    for operation in operations().iter().filter(|operation| !operation.body.is_empty()) {
        let place = if operation.act == Act::Bulk { "items[0]." } else { "" };
        let told = with_member(&strict, operation, "nonsense").told();
        assert_eq!(told, format!("400 validation: {place}nonsense is not a member"), "{}", operation.path);
        with_member(&documented, operation, "nonsense").is(operation.status);
    }
}

/// Sends a member in every kind of write that a resource has: the answers, each with what stands before the member's name in
/// a fault.
fn sent(world: &World, resource: &Resource, member: &str) -> Vec<(Answer, &'static str)> {
    let body = || with(&resource.body(world, &world.next()), member, 1);
    let record = resource.create(world, &world.next()).id();
    let mut answers = vec![
        (world.post(&resource.path(), &body()).send(), ""),
        (world.put(&resource.at(&record), &with("{}", member, 1)).send(), ""),
        (world.patch(&resource.at(&record), &with("{}", member, 1)).send(), ""),
    ];
    if resource.upsert {
        answers.push((world.put(&resource.at("upsert"), &body()).send(), ""));
    }
    if resource.bulk {
        let items = format!("[{}]", body());
        answers.push((world.post(&resource.at("bulk?atomic=true"), &items).send(), "items[0]."));
    }
    answers
}

#[test]
fn a_member_that_is_read_only_is_refused_or_passed_over() {
    for resource in RESOURCES {
        let (strict, documented) = (World::of(Api::strict()), World::new());
        for member in resource.read_only {
            for (answer, place) in sent(&strict, resource, member) {
                assert_eq!(answer.told(), format!("400 validation: {place}{member} is read-only"));
            }
            for (answer, place) in sent(&documented, resource, member) {
                assert!(answer.status.is_success(), "{answer}");
                let record = match place {
                    "" => answer.value(),
                    _ => {
                        let id = answer.value()["results"][0]["id"].as_str().unwrap().to_owned();
                        documented.get(&resource.at(&id)).send().is(200).value()
                    }
                };
                assert_ne!(record[member], 1, "{member}");
            }
            let record = resource.create(&documented, &documented.next());
            let change = documented.patch(&resource.at(&record.id()), &with("{}", member, 1)).send();
            assert_eq!(change.is(200).body, record.body);
        }
    }
}

#[test]
fn a_member_within_a_member_is_held_to_the_same() {
    let (strict, documented) = (World::of(Api::strict()), World::new());
    for (path, body, told) in [
        ("deals/<deal>/bant", r#"{"budget":{"nonsense":1}}"#, "budget.nonsense is not a member"),
        ("deals/<deal>/bant", r#"{"score":50}"#, "score is read-only"),
        ("deals/<deal>/bant", r#"{"dealId":"x"}"#, "dealId is read-only"),
        ("pipelines/<partners>", r#"{"stages":[{"name":"a","x":1}]}"#, "stages[0].x is not a member"),
        ("pipelines/<partners>", r#"{"stages":[{"name":"a","order":9}]}"#, "stages[0].order is read-only"),
        ("settings", r#"{"slug":"x"}"#, "slug is not a member"),
    ] {
        let put = |world: &World| world.put(&format!("/api/v1/{path}"), body).send();
        assert_eq!(put(&strict).told(), format!("400 validation: {told}"));
        put(&documented).is(200);
    }
}

#[test]
fn a_parameter_that_is_not_known_is_refused_or_passed_over() {
    let (strict, documented) = (World::of(Api::strict()), World::new());
    for operation in &operations() {
        let told = with_query(&strict, operation, "?nonsense=1").told();
        assert_eq!(told, "400 validation: nonsense is not a parameter here", "{}", operation.path);
        with_query(&documented, operation, "?nonsense=1").is(operation.status);
    }
}

#[test]
fn a_field_that_is_not_known_is_refused_or_passed_over() {
    let (strict, documented) = (World::of(Api::strict()), World::new());
    let has_fields = |operation: &&Operation| matches!(operation.act, Act::List | Act::Get | Act::History);
    for operation in operations().iter().filter(has_fields) {
        let told = with_query(&strict, operation, "?fields=nonsense").told();
        assert_eq!(told, r#"400 validation: fields names "nonsense", which is not a member"#);
        let answer = with_query(&documented, operation, "?fields=nonsense").is(200);
        assert!(!answer.body.contains(':'), "{answer}");
    }
}
