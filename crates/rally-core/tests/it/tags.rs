//! Tags: of a contact one string with commas, of a company an array, and a list for hosts in any case.

use rally_core::{
    Company, CompanyDraft, CompanyUpdate, ContactUpdate, Error, Tags, WriteOptions, WriteOutcome, limits,
};
use serde_json::json;

use crate::support::{World, ada, create_json, told, value};

#[test]
fn a_great_many_tags_are_refused_without_looking_at_them_all() {
    let tags: Vec<String> = (0..200_000).map(|number| number.to_string()).collect();
    let world = World::new();
    let body = json!({"firstName": "A", "lastName": "B", "email": "a@x.example", "tags": tags.join(",")});
    for error in [
        create_json(world.acme.contacts(), &body).unwrap_err(),
        world.acme.contacts().create(&ada("a@x.example").tags(tags)).unwrap_err(),
    ] {
        assert_eq!(told(&error).1, ["tags must not have more than 50 tags"]);
    }
}

#[test]
fn a_tag_with_a_comma_is_refused() {
    let world = World::new();
    let id = world.add("a@x.example");
    let refused = |tags: &[&str], fault: &str| {
        let tags: Tags = tags.iter().copied().collect();
        let errors: [Error; 3] = [
            world.refused(|| world.acme.contacts().create(&ada("b@x.example").tags(tags.clone()))),
            world.refused(|| world.acme.contacts().upsert(&ada("a@x.example").tags(tags.clone()))),
            world.refused(|| world.acme.contacts().update(id, &ContactUpdate::new().tags(tags.clone()))),
        ];
        for error in errors {
            assert_eq!(told(&error), ("validation", vec![fault.to_owned()]));
        }
    };
    refused(&["math,poetry"], "tags[0] must not hold a comma");
    refused(&["math", ","], "tags[1] must not hold a comma");
    refused(&[&"x".repeat(limits::TAG + 1)], "tags has a tag longer than 64 characters");
}

#[test]
fn a_companys_tag_may_hold_a_comma() {
    let world = World::new();
    let companies = world.acme.companies();
    let id = companies.create(&CompanyDraft::new("Acme").tags(["a,b", "c"])).unwrap().id;
    assert_eq!(companies.get(id).unwrap().tags, Tags::from(["a,b", "c"]));
    assert_eq!(companies.count(Company::TAG.is("a,b")).unwrap(), 1);
    assert_eq!(companies.count(Company::TAG.is("a")).unwrap(), 0);
}

#[test]
fn a_list_without_tags_is_no_value() {
    let world = World::new();
    let (contacts, companies) = (world.acme.contacts(), world.acme.companies());
    let (none, blank): ([&str; 0], _) = ([], [" ", ""]);
    let ada = contacts.create(&ada("a@x.example").tags(none)).unwrap();
    let acme = companies.create(&CompanyDraft::new("Acme").tags(none)).unwrap();
    assert_eq!((&ada.tags, &acme.tags), (&Tags::default(), &Tags::default()));
    assert!(value(&contacts.json().get(ada.id).unwrap())["tags"].is_null());
    assert!(value(&companies.json().get(acme.id).unwrap())["tags"].is_null());
    let options = WriteOptions::default();
    for tags in [ada.tags, none.into(), blank.into()] {
        let update = ContactUpdate::new().tags(tags.clone());
        let written = world.without_trace(|| contacts.update_with(ada.id, &update, &options)).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Unchanged, "{update:?}");
        let update = CompanyUpdate::new().tags(tags);
        let written = world.without_trace(|| companies.update_with(acme.id, &update, &options)).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Unchanged, "{update:?}");
    }
    contacts.update(ada.id, &ContactUpdate::new().tags(["math"])).unwrap();
    assert_eq!(contacts.update(ada.id, &ContactUpdate::new().tags(none)).unwrap().tags, Tags::default());
}
