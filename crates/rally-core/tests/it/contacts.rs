use rally_core::{
    Code, Contact, ContactChange, ContactDraft, Id, Json, Outcome, Patch, Resource, Scope, Session,
    WriteOptions,
};
use serde_json::{Value, json};

use crate::support::{World, bytes, tenant, told, value};

fn full() -> Value {
    json!({
        "firstName": " Ada ", "lastName": "Lovelace", "email": "Ada@X.example", "phone": "1", "mobile": "2",
        "title": "Countess", "department": "Analysis", "linkedInUrl": "https://x.example/in/ada",
        "twitterHandle": "@ada", "address": "St James's Square 12", "city": "London", "state": "—", "country": "GB",
        "postalCode": "SW1", "lifecycleStage": "customer", "leadSource": "letter", "leadScore": 100,
        "tags": "math, ,poetry,math", "notes": "line\nbreak \"quoted\"",
    })
}

#[test]
fn a_contact_comes_back_with_every_member_in_the_documented_order() {
    let world = World::new();
    let written = world.create(full()).unwrap();
    assert_eq!(written.outcome, Outcome::Created);
    insta::assert_json_snapshot!(value(&written.row), @r#"
    {
      "address": "St James's Square 12",
      "city": "London",
      "companyId": null,
      "country": "GB",
      "createdAt": "2025-02-01T10:15:00.000001Z",
      "department": "Analysis",
      "email": "Ada@X.example",
      "firstName": "Ada",
      "fullName": "Ada Lovelace",
      "id": "0194c101-aca0-7001-9859-d4265eb01788",
      "lastName": "Lovelace",
      "leadScore": 100,
      "leadSource": "letter",
      "lifecycleStage": "customer",
      "linkedInUrl": "https://x.example/in/ada",
      "mobile": "2",
      "notes": "line\nbreak \"quoted\"",
      "ownerId": null,
      "phone": "1",
      "postalCode": "SW1",
      "state": "—",
      "tags": "math,poetry",
      "tenantId": "0194c101-aca0-7000-b5c3-4c96793872d8",
      "title": "Countess",
      "twitterHandle": "@ada",
      "updatedAt": "2025-02-01T10:15:00.000001Z"
    }
    "#);
    let mut json = Vec::new();
    written.row.write_json(Contact::model().whole(), &mut json).unwrap();
    let text = String::from_utf8(json).unwrap();
    let order = "id tenantId firstName lastName fullName email phone mobile title department companyId lifecycleStage \
                 leadSource leadScore tags linkedInUrl twitterHandle address city state country postalCode notes ownerId \
                 createdAt updatedAt";
    let places: Vec<usize> =
        order.split_whitespace().map(|name| text.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn members_without_a_value_are_null_and_the_stage_is_lead() {
    let world = World::new();
    let contact = world.get(world.add("a@x.example"));
    assert_eq!(contact.lifecycle_stage, "lead");
    assert_eq!(
        (contact.phone, contact.lead_score, contact.tags, contact.company_id),
        (None, None, None, None)
    );
    assert_eq!(contact.full_name, "Ada Lovelace");
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let error = world
        .create(json!({
            "firstName": 5, "lastName": "  ", "email": "no at", "leadScore": 101, "lifecycleStage": "Lead",
            "phone": "a\u{0}b", "notes": "x".repeat(65_537), "linkedInUrl": "x", "companyId": "7", "city": ["a"],
        }))
        .unwrap_err();
    insta::assert_debug_snapshot!(told(&error), @r#"
    (
        "validation",
        [
            "city must be a string",
            "companyId is not an id",
            "email is not an e-mail address",
            "firstName must be a string",
            "lastName must not be empty",
            "leadScore must be 0 to 100",
            "lifecycleStage must be one of lead, qualified, opportunity, customer, evangelist",
            "linkedInUrl is not a URL that begins with https:// or http://",
            "notes must not be longer than 65536 bytes",
            "phone holds a control character other than tab and line breaks",
        ],
    )
    "#);
    assert!(world.acme.contacts().list(&rally_core::ListQuery::default()).unwrap().rows.is_empty());
}

#[test]
fn limits_are_exact() {
    let world = World::new();
    let with = |member: &str, text: String| {
        let mut body = json!({"firstName": "A", "lastName": "B", "email": "a@x.example"});
        body[member] = text.into();
        let created = world.create(body);
        if let Ok(written) = &created {
            world.acme.contacts().delete(written.row.id()).unwrap();
        }
        created.is_ok()
    };
    for (member, limit) in [("firstName", 255), ("phone", 255), ("notes", 65_536)] {
        assert!(with(member, "x".repeat(limit)), "{member}");
        assert!(!with(member, "x".repeat(limit + 1)), "{member}");
    }
    let url = |length: usize| format!("https://x.example/{}", "x".repeat(length - 18));
    let email = |length: usize| format!("{}@{}.example", "a".repeat(60), dotted(length - 69));
    assert!(with("email", email(254)));
    assert!(!with("email", email(255)));
    assert!(with("linkedInUrl", url(2_048)));
    assert!(!with("linkedInUrl", url(2_049)));
}

/// So many characters of a host name, in labels that are short enough.
fn dotted(length: usize) -> String {
    (1..=length).map(|place| if place % 50 == 0 && place < length { '.' } else { 'b' }).collect()
}

#[test]
fn an_email_is_unique_whatever_its_case_and_the_answer_names_the_owner() {
    let world = World::new();
    let first = world.add("A@x.example");
    let error =
        world.create(json!({"firstName": "B", "lastName": "C", "email": "a@X.example "})).unwrap_err();
    assert!(error.is_duplicate());
    assert_eq!(error.existing_id(), Some(first.as_uuid()));
    assert_eq!(told(&error).1, ["email is taken by another contact"]);
    assert_eq!(world.get(first).email, "A@x.example");
}

#[test]
fn emails_are_compared_by_full_case_folding() {
    let world = World::new();
    let taken =
        |email: &str| world.create(json!({"firstName": "B", "lastName": "C", "email": email})).is_err();
    world.add("ΝΙΚΟΣ@x.example");
    assert!(taken("νικος@x.example") && taken("νικοσ@x.example"));
    world.add("straße@x.example");
    assert!(taken("STRASSE@x.example"));
}

#[test]
fn a_great_many_tags_are_refused_without_looking_at_them_all() {
    let tags: Vec<String> = (0..200_000).map(|number| number.to_string()).collect();
    let world = World::new();
    let body = json!({"firstName": "A", "lastName": "B", "email": "a@x.example", "tags": tags.join(",")});
    assert_eq!(told(&world.create(body).unwrap_err()).1, ["tags must not have more than 50 tags"]);
}

#[test]
fn the_largest_contact_fits_the_least_store() {
    let world = World::new();
    let body = json!({
        "firstName": "\"".repeat(255), "lastName": "\"".repeat(255), "email": "a@x.example",
        "notes": "\"".repeat(65_536), "address": "😀".repeat(255),
    });
    let row = world.create(body).unwrap().row;
    let mut json = Vec::new();
    row.write_json(Contact::model().whole(), &mut json).unwrap();
    assert!(json.len() < rally_core::store::Limits::LEAST.value_bytes, "{}", json.len());
}

#[test]
fn the_last_instant_there_is_takes_one_change_and_loses_none() {
    let world = World::new();
    world.clock.set(rally_core::Timestamp::MAX);
    let id = world.add("a@x.example");
    assert_eq!(world.update(id, json!({"phone": "1"})).unwrap_err().code(), Code::Internal);
    assert_eq!(world.get(id).phone, None);
}

#[test]
fn a_taken_email_is_a_duplicate_on_update_too_and_ones_own_is_not() {
    let world = World::new();
    let (first, second) = (world.add("a@x.example"), world.add("b@x.example"));
    assert!(world.update(second, json!({"email": "A@X.example"})).unwrap_err().is_duplicate());
    assert_eq!(world.update(first, json!({"email": "A@X.example"})).unwrap().outcome, Outcome::Updated);
    assert_eq!(world.get(second).email, "b@x.example");
}

#[test]
fn a_freed_email_can_be_taken_again() {
    let world = World::new();
    let first = world.add("a@x.example");
    world.update(first, json!({"email": "b@x.example"})).unwrap();
    let second = world.add("a@x.example");
    world.acme.contacts().delete(second).unwrap();
    world.add("A@x.example");
}

#[test]
fn companies_and_owners_must_exist() {
    let world = World::new();
    let nobody = "0191e3a2-9f00-7abc-8def-0123456789ab";
    let body = json!({"firstName": "A", "lastName": "B", "email": "a@x.example", "companyId": nobody, "ownerId": nobody});
    let error = world.create(body).unwrap_err();
    insta::assert_debug_snapshot!(told(&error), @r#"
    (
        "bad_reference",
        [
            "companyId names no company",
            "ownerId names no user",
        ],
    )
    "#);
    let id = world.add("a@x.example");
    let error = world.update(id, json!({"ownerId": nobody, "leadScore": -1})).unwrap_err();
    assert_eq!(
        told(&error),
        ("validation", vec!["leadScore must be 0 to 100".into(), "ownerId names no user".into()])
    );
    let error = world.create(json!({"firstName": "A", "companyId": nobody})).unwrap_err();
    assert!(told(&error).1.contains(&"companyId names no company".to_owned()));
    assert_eq!(world.update(id, json!({"ownerId": nobody})).unwrap_err().code(), Code::BadReference);
    assert_eq!(world.update(id, json!({"ownerId": null})).unwrap().outcome, Outcome::Unchanged);
}

#[test]
fn an_update_merges_null_clears_and_required_members_stay() {
    let world = World::new();
    let id = world.create(full()).unwrap().row.id();
    world.clock.advance(1_000_000);
    let written = world.update(id, json!({"phone": null, "city": "Paris", "lifecycleStage": null})).unwrap();
    assert_eq!(written.outcome, Outcome::Updated);
    let contact = world.get(id);
    assert_eq!((contact.phone.as_deref(), contact.city.as_deref()), (None, Some("Paris")));
    assert_eq!((contact.mobile.as_deref(), contact.lifecycle_stage.as_str()), (Some("2"), "lead"));
    assert!(contact.created_at < contact.updated_at);
    let error = world.update(id, json!({"email": null, "firstName": ""})).unwrap_err();
    assert_eq!(
        told(&error),
        ("validation", vec!["email is required".into(), "firstName must not be empty".into()])
    );
    assert_eq!(world.get(id), contact);
}

#[test]
fn a_write_that_changes_nothing_leaves_no_trace() {
    let world = World::new();
    let id = world.add("a@x.example");
    let (before, changes) = (world.get(id), world.acme.last_change().unwrap());
    world.clock.advance(1_000_000);
    for body in
        [json!({}), json!({"firstName": " Ada "}), json!({"phone": null}), json!({"email": "a@x.example"})]
    {
        assert_eq!(world.update(id, body.clone()).unwrap().outcome, Outcome::Unchanged, "{body}");
    }
    assert_eq!(world.get(id), before);
    assert_eq!(world.acme.last_change().unwrap(), changes);
}

#[test]
fn read_only_and_unknown_members_are_passed_over_as_documented_and_refused_when_strict() {
    let body = json!({
        "firstName": "A", "lastName": "B", "email": "a@x.example", "id": "x", "tenantId": 7, "fullName": "Z",
        "createdAt": "1999-01-01", "updatedAt": null, "nickname": "C",
    });
    let world = World::new();
    let contact = world.create(body.clone()).unwrap().read().unwrap();
    assert_eq!((contact.full_name.as_str(), contact.tenant_id), ("A B", world.acme.tenant().id));
    let error = World::strict().create(body).unwrap_err();
    insta::assert_debug_snapshot!(told(&error), @r#"
    (
        "validation",
        [
            "createdAt is read-only",
            "fullName is read-only",
            "id is read-only",
            "nickname is not a member",
            "tenantId is read-only",
            "updatedAt is read-only",
        ],
    )
    "#);
}

#[test]
fn bodies_that_are_no_json_object_say_so() {
    let world = World::new();
    let code = |body: &[u8]| world.acme.contacts().create(&Json(body)).unwrap_err();
    for (body, expected) in [
        (&b""[..], Code::MalformedJson),
        (b"{", Code::MalformedJson),
        (b"{\"firstName\":\"A\"} x", Code::MalformedJson),
        (b"\xEF\xBB\xBF{}", Code::MalformedJson),
        (b"{\"a\":\"\xFF\"}", Code::MalformedJson),
        (b"{\"firstName\":\"a\x00b\"}", Code::MalformedJson),
        (b"[]", Code::Validation),
        (b"null", Code::Validation),
        (b"\"x\"", Code::Validation),
        (b"{}", Code::Validation),
        (b"{\"firstName\":\"A\",\"firstName\":\"A\"}", Code::Validation),
    ] {
        let error = code(body);
        assert_eq!(error.code(), expected, "{} {error}", body.escape_ascii());
    }
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_eq!(code(deep.as_bytes()).code(), Code::Validation);
    let deep = format!("{{\"firstName\":{deep}}}");
    assert!(told(&code(deep.as_bytes())).1.contains(&"firstName must be a string".to_owned()));
}

#[test]
fn upsert_creates_then_updates_by_folded_email() {
    let world = World::new();
    let upsert =
        |body: Value| world.acme.contacts().upsert_with(&Json(&bytes(&body)), &WriteOptions::default());
    let created = upsert(json!({"firstName": "A", "lastName": "B", "email": "a@x.example"})).unwrap();
    assert_eq!(created.outcome, Outcome::Created);
    let updated = upsert(json!({"email": " A@X.example", "phone": "1"})).unwrap();
    assert_eq!((updated.outcome, updated.row.id()), (Outcome::Updated, created.row.id()));
    let contact = updated.read().unwrap();
    assert_eq!((contact.first_name.as_str(), contact.phone.as_deref()), ("A", Some("1")));
    assert_eq!(upsert(json!({"email": "A@X.example"})).unwrap().outcome, Outcome::Unchanged);
    assert_eq!(told(&upsert(json!({"phone": "1"})).unwrap_err()).0, "validation");
    assert_eq!(told(&upsert(json!({"email": "new@x.example"})).unwrap_err()).0, "validation");
}

#[test]
fn a_deleted_contact_is_gone_and_cannot_be_deleted_again() {
    let world = World::new();
    let id = world.add("a@x.example");
    assert_eq!(world.acme.contacts().delete(id).unwrap().id, id);
    assert!(world.acme.contacts().get(id).unwrap_err().is_not_found());
    assert!(world.acme.contacts().delete(id).unwrap_err().is_not_found());
    assert!(world.update(id, json!({})).unwrap_err().is_not_found());
}

#[test]
fn a_write_may_name_the_version_it_means() {
    let world = World::new();
    let id = world.add("a@x.example");
    let version = world.get(id).updated_at;
    let options = WriteOptions { if_version: Some(version), ..WriteOptions::default() };
    let write = |body: Value| world.acme.contacts().update_with(id, &Json(&bytes(&body)), &options);
    write(json!({"phone": "1"})).unwrap();
    assert_eq!(write(json!({"phone": "2"})).unwrap_err().code(), Code::PreconditionFailed);
    assert_eq!(world.acme.contacts().delete_with(id, &options).unwrap_err().code(), Code::PreconditionFailed);
    assert_eq!(world.get(id).phone.as_deref(), Some("1"));
}

#[test]
fn each_verb_needs_its_scope() {
    let world = World::new();
    let id = world.add("a@x.example");
    let reader: Session = world.acme.clone().limited_to(Scope::Read);
    let contacts = reader.contacts();
    contacts.get(id).unwrap();
    let body = bytes(&json!({"firstName": "A", "lastName": "B", "email": "b@x.example"}));
    let options = WriteOptions::default();
    for error in [
        contacts.create(&Json(&body)).unwrap_err(),
        contacts.update(id, &Json(b"{}")).unwrap_err(),
        contacts.upsert(&ContactDraft::default()).unwrap_err(),
        contacts.delete(id).unwrap_err(),
        contacts.create_many(&Json(b"[]"), false, &options).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Write)));
    }
}

#[test]
fn another_tenants_contact_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let id = world.add("a@x.example");
    let other = tenant(&world.engine, "other");
    let contacts = other.contacts();
    let random: Id<Contact> = "0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap();
    for id in [id, random] {
        for error in [
            contacts.get(id).unwrap_err(),
            contacts.update(id, &Json(b"{\"phone\":\"1\"}")).unwrap_err(),
            contacts.delete(id).unwrap_err(),
        ] {
            assert_eq!((error.code(), error.detail()), (Code::NotFound, "there is no such contact"));
        }
    }
    other
        .contacts()
        .create(&Json(b"{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@x.example\"}"))
        .unwrap();
}

#[test]
fn typed_drafts_and_changes_say_what_their_json_says() {
    let world = World::new();
    let draft = ContactDraft {
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        email: "ada@x.example".into(),
        lead_score: Some(7),
        ..ContactDraft::default()
    };
    let contacts = world.acme.contacts();
    let ada = contacts.create(&draft).unwrap().read().unwrap();
    let change =
        ContactChange { lead_score: Patch::Clear, city: "London".into(), ..ContactChange::default() };
    let ada = contacts.update(ada.id, &change).unwrap().read().unwrap();
    assert_eq!((ada.lead_score, ada.city.as_deref(), ada.first_name.as_str()), (None, Some("London"), "Ada"));
    assert_eq!(contacts.upsert(&draft).unwrap().read().unwrap().lead_score, Some(7));
    let bare = ContactDraft { lead_score: None, ..draft };
    assert_eq!(contacts.upsert(&bare).unwrap().outcome, Outcome::Unchanged);
}
