//! Records found by their natural keys, in whatever spelling.

use rally_core::{CompanyDraft, CompanyUpdate, ContactUpdate, UserDraft};

use crate::support::{World, tenant};

#[test]
fn a_contact_is_found_by_its_email_in_any_spelling() {
    let world = World::new();
    let id = world.add("Straße@x.example");
    let contacts = world.acme.contacts();
    let view = world.acme.view().unwrap();
    for spelling in ["Straße@x.example", "STRAẞE@X.EXAMPLE", " straße@x.example\n"] {
        let found = contacts.find(spelling).unwrap().unwrap();
        assert_eq!(found, world.get(id), "{spelling}");
        assert_eq!(view.contacts().find(spelling).unwrap().unwrap(), found);
        let within = world.acme.write(|tx| tx.contacts().find(spelling)).unwrap();
        assert_eq!(within.unwrap(), found);
    }
    for spelling in ["", " ", "nobody@x.example", "strasse@x.example", "straße", &"x".repeat(100_000)] {
        assert_eq!(contacts.find(spelling).unwrap(), None, "{spelling}");
    }
    let other = tenant(&world.engine, "other");
    assert_eq!(other.contacts().find("Straße@x.example").unwrap(), None);
    contacts.update(id, &ContactUpdate::new().email("b@x.example")).unwrap();
    assert_eq!(contacts.find("Straße@x.example").unwrap(), None);
    contacts.delete(id).unwrap();
    assert_eq!(contacts.find("b@x.example").unwrap(), None);
}

#[test]
fn a_company_is_found_by_its_domain_in_any_spelling() {
    let world = World::new();
    let companies = world.acme.companies();
    let id = companies.create(&CompanyDraft::new("Acme").domain("bücher.example")).unwrap().id;
    let found = |spelling: &str| companies.find(spelling).unwrap().map(|company| company.id);
    for spelling in [
        "bücher.example",
        " BÜCHER.example. ",
        "xn--bcher-kva.example",
        "https://www.bücher.example/path?x",
        "http://bücher.example:80",
    ] {
        assert_eq!(found(spelling), Some(id), "{spelling}");
    }
    for spelling in ["", " ", "no domain", "sub.bücher.example", "other.example"] {
        assert_eq!(found(spelling), None, "{spelling}");
    }
    let other = tenant(&world.engine, "other");
    assert_eq!(other.companies().find("bücher.example").unwrap(), None);
    companies.update(id, &CompanyUpdate::new().domain(None)).unwrap();
    assert_eq!(found("bücher.example"), None);
}

#[test]
fn a_user_is_found_by_its_email_in_any_spelling() {
    let world = World::new();
    let users = world.acme.users();
    let id = users.create(&UserDraft::new("Straße@x.example", "Olga").password("correct horse")).unwrap().id;
    for spelling in ["Straße@x.example", " STRAẞE@X.example "] {
        let found = users.find(spelling).unwrap().unwrap();
        assert_eq!((found.id, found.email.as_str()), (id, "Straße@x.example"));
        assert!(!format!("{found:?}").contains("argon2"));
    }
    for spelling in ["", "nobody@x.example"] {
        assert_eq!(users.find(spelling).unwrap(), None);
    }
    assert_eq!(tenant(&world.engine, "other").users().find("straße@x.example").unwrap(), None);
    users.delete(id).unwrap();
    assert_eq!(users.find("straße@x.example").unwrap(), None);
}
