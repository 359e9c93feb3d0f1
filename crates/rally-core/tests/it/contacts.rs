use rally_core::{
    Atomicity, Code, Company, Contact, ContactDraft, ContactUpdate, Id, LifecycleStage, Patch, Query, Scope,
    Tags, User, WriteOptions, WriteOutcome,
};
use serde_json::{Value, json};

use crate::support::{World, ada, create_json, tenant, text, told, update_json, upsert_json, value};

const RANDOM: &str = "0191e3a2-9f00-7abc-8def-0123456789ab";

/// A contact with all members but those that name others.
pub(crate) fn full() -> ContactDraft {
    ContactDraft::new(" Ada ", "Lovelace", "Ada@X.example")
        .phone("1")
        .mobile("2")
        .title("Countess")
        .department("Analysis")
        .linked_in_url("https://x.example/in/ada")
        .twitter_handle("@ada")
        .address("St James's Square 12")
        .city("London")
        .state("—")
        .country("GB")
        .postal_code("SW1")
        .lifecycle_stage(LifecycleStage::Customer)
        .lead_source("letter")
        .lead_score(100)
        .tags(["math", " ", "poetry", "math"])
        .notes("line\nbreak \"quoted\"")
}

/// The same as JSON.
fn full_json() -> Value {
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
    let written = create_json(world.acme.contacts(), &full_json()).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Created);
    insta::assert_json_snapshot!(value(&written.record), @r#"
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
      "id": "0194c101-aca0-7001-8000-000000216750",
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
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "title": "Countess",
      "twitterHandle": "@ada",
      "updatedAt": "2025-02-01T10:15:00.000001Z"
    }
    "#);
    let text = text(&written.record);
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
    assert_eq!(contact.lifecycle_stage, LifecycleStage::Lead);
    assert_eq!(
        (contact.phone, contact.lead_score, contact.tags, contact.company_id),
        (None, None, Tags::default(), None)
    );
    assert_eq!(contact.full_name, "Ada Lovelace");
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let body = json!({
        "firstName": 5, "lastName": "  ", "email": "no at", "leadScore": 101, "lifecycleStage": "Lead",
        "phone": "a\u{0}b", "notes": "x".repeat(65_537), "linkedInUrl": "x", "companyId": "7", "city": ["a"],
    });
    let error = create_json(world.acme.contacts(), &body).unwrap_err();
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
    assert_eq!(world.acme.contacts().count(Query::all()).unwrap(), 0);
}

/// A draft with a text in one of its members.
type OfText = fn(String) -> ContactDraft;

#[test]
fn limits_are_exact() {
    let world = World::new();
    let fits = |draft: ContactDraft| {
        let created = world.acme.contacts().create(&draft);
        if let Ok(contact) = &created {
            world.acme.contacts().delete(contact.id).unwrap();
        }
        created.is_ok()
    };
    let texts: [(usize, OfText); 3] = [
        (255, |text| ContactDraft::new(text, "B", "a@x.example")),
        (255, |text| ada("a@x.example").phone(text)),
        (65_536, |text| ada("a@x.example").notes(text)),
    ];
    for (place, (limit, draft)) in texts.into_iter().enumerate() {
        assert!(fits(draft("x".repeat(limit))), "{place}");
        assert!(!fits(draft("x".repeat(limit + 1))), "{place}");
    }
    let url = |length: usize| format!("https://x.example/{}", "x".repeat(length - 18));
    let email = |length: usize| format!("{}@{}.example", "a".repeat(60), dotted(length - 69));
    assert!(fits(ada(&email(254))));
    assert!(!fits(ada(&email(255))));
    assert!(fits(ada("a@x.example").linked_in_url(url(2_048))));
    assert!(!fits(ada("a@x.example").linked_in_url(url(2_049))));
}

/// So many characters of a host name, in labels that are short enough.
fn dotted(length: usize) -> String {
    (1..=length).map(|place| if place % 50 == 0 && place < length { '.' } else { 'b' }).collect()
}

#[test]
fn an_email_is_unique_whatever_its_case_and_the_answer_names_the_owner() {
    let world = World::new();
    let first = world.add("A@x.example");
    let error = world.acme.contacts().create(&ContactDraft::new("B", "C", "a@X.example ")).unwrap_err();
    assert!(error.is_duplicate());
    assert_eq!(error.existing_id(), Some(first.as_uuid()));
    assert_eq!(told(&error).1, ["email is taken by another contact"]);
    assert_eq!(world.get(first).email, "A@x.example");
}

#[test]
fn the_largest_contact_fits_the_least_store() {
    let world = World::new();
    let quotes = |count| "\"".repeat(count);
    let draft = ContactDraft::new(quotes(255), quotes(255), "a@x.example")
        .notes(quotes(65_536))
        .address("😀".repeat(255));
    let id = world.acme.contacts().create(&draft).unwrap().id;
    let length = text(&world.acme.contacts().json().get(id).unwrap()).len();
    assert!(length < rally_core::store::Limits::LEAST.value_bytes, "{length}");
}

#[test]
fn the_last_instant_there_is_takes_one_change_and_loses_none() {
    let world = World::new();
    world.clock.set(rally_core::Timestamp::MAX);
    let id = world.add("a@x.example");
    let error = world.acme.contacts().update(id, &ContactUpdate::new().phone("1")).unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert_eq!(world.get(id).phone, None);
}

#[test]
fn a_taken_email_is_a_duplicate_on_update_too_and_ones_own_is_not() {
    let world = World::new();
    let (first, second) = (world.add("a@x.example"), world.add("b@x.example"));
    let update = ContactUpdate::new().email("A@X.example");
    assert!(world.acme.contacts().update(second, &update).unwrap_err().is_duplicate());
    let own = world.acme.contacts().update_with(first, &update, &WriteOptions::default()).unwrap();
    assert_eq!((own.outcome, own.record.email.as_str()), (WriteOutcome::Updated, "A@X.example"));
    assert_eq!(world.get(second).email, "b@x.example");
}

#[test]
fn a_freed_email_can_be_taken_again() {
    let world = World::new();
    let first = world.add("a@x.example");
    world.acme.contacts().update(first, &ContactUpdate::new().email("b@x.example")).unwrap();
    let second = world.add("a@x.example");
    world.acme.contacts().delete(second).unwrap();
    world.add("A@x.example");
}

#[test]
fn companies_and_owners_must_exist() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let company: Id<Company> = RANDOM.parse().unwrap();
    let owner: Id<User> = RANDOM.parse().unwrap();
    let error = contacts.create(&ada("a@x.example").company_id(company).owner_id(owner)).unwrap_err();
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
    let error = contacts.update(id, &ContactUpdate::new().owner_id(owner).lead_score(101)).unwrap_err();
    assert_eq!(
        told(&error),
        ("validation", vec!["leadScore must be 0 to 100".into(), "ownerId names no user".into()])
    );
    let error = create_json(contacts, &json!({"firstName": "A", "companyId": RANDOM})).unwrap_err();
    assert!(told(&error).1.contains(&"companyId names no company".to_owned()));
    let error = contacts.update(id, &ContactUpdate::new().owner_id(owner)).unwrap_err();
    assert_eq!(error.code(), Code::BadReference);
    let nobody = ContactUpdate::new().owner_id(None);
    let written = contacts.update_with(id, &nobody, &WriteOptions::default()).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Unchanged);
}

#[test]
fn an_update_merges_null_clears_and_required_members_stay() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let id = contacts.create(&full()).unwrap().id;
    world.clock.advance(1_000_000);
    let body = json!({"phone": null, "city": "Paris", "lifecycleStage": null});
    assert_eq!(update_json(contacts, id, &body).unwrap().outcome, WriteOutcome::Updated);
    let contact = world.get(id);
    assert_eq!((contact.phone.as_deref(), contact.city.as_deref()), (None, Some("Paris")));
    assert_eq!((contact.mobile.as_deref(), contact.lifecycle_stage), (Some("2"), LifecycleStage::Lead));
    assert!(contact.created_at < contact.updated_at);
    let error = update_json(contacts, id, &json!({"email": null, "firstName": ""})).unwrap_err();
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
    for update in [
        ContactUpdate::new(),
        ContactUpdate::new().first_name(" Ada "),
        ContactUpdate::new().phone(Patch::Clear),
        ContactUpdate::new().email("a@x.example"),
    ] {
        let options = WriteOptions::default();
        let written = world.without_trace(|| world.acme.contacts().update_with(id, &update, &options));
        let written = written.unwrap();
        assert_eq!((written.outcome, &written.record), (WriteOutcome::Unchanged, &before), "{update:?}");
    }
    let nothing = json!({});
    let written = world.without_trace(|| update_json(world.acme.contacts(), id, &nothing)).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Unchanged);
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
    let contact = create_json(world.acme.contacts(), &body).unwrap().record.read().unwrap();
    assert_eq!((contact.full_name.as_str(), contact.tenant_id), ("A B", world.acme.tenant().id));
    let error = create_json(World::strict().acme.contacts(), &body).unwrap_err();
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
    let code = |body: &[u8]| world.acme.contacts().json().create(body, &WriteOptions::default()).unwrap_err();
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
    let contacts = world.acme.contacts();
    let created = contacts.upsert(&ContactDraft::new("A", "B", "a@x.example")).unwrap();
    assert_eq!(created.outcome, WriteOutcome::Created);
    let draft = ContactDraft::new("A", "C", " A@X.example").phone("1");
    let updated = contacts.upsert(&draft).unwrap();
    assert_eq!((updated.outcome, updated.record.id), (WriteOutcome::Updated, created.record.id));
    let contact = updated.record;
    assert_eq!((contact.last_name.as_str(), contact.phone.as_deref()), ("C", Some("1")));
    assert_eq!(contact.email, "A@X.example");
    assert_eq!(contacts.upsert(&draft).unwrap().outcome, WriteOutcome::Unchanged);
}

#[test]
fn an_upsert_by_json_may_leave_out_what_the_record_has() {
    let world = World::new();
    let upsert = |body: Value| upsert_json(world.acme.contacts(), &body);
    let created = upsert(json!({"firstName": "A", "lastName": "B", "email": "a@x.example"})).unwrap();
    assert_eq!(created.outcome, WriteOutcome::Created);
    let updated = upsert(json!({"email": " A@X.example", "phone": "1"})).unwrap();
    assert_eq!((updated.outcome, updated.record.id()), (WriteOutcome::Updated, created.record.id()));
    let contact = updated.record.read().unwrap();
    assert_eq!((contact.first_name.as_str(), contact.phone.as_deref()), ("A", Some("1")));
    assert_eq!(upsert(json!({"email": "A@X.example"})).unwrap().outcome, WriteOutcome::Unchanged);
    assert_eq!(told(&upsert(json!({"phone": "1"})).unwrap_err()).0, "validation");
    assert_eq!(told(&upsert(json!({"email": "new@x.example"})).unwrap_err()).0, "validation");
}

#[test]
fn a_deleted_contact_is_gone_and_cannot_be_deleted_again() {
    let world = World::new();
    let id = world.add("a@x.example");
    let deleted = world.acme.contacts().delete_with(id, &WriteOptions::default()).unwrap();
    assert_eq!((deleted.id, deleted.replayed), (id, false));
    assert!(world.acme.contacts().get(id).unwrap_err().is_not_found());
    assert!(world.acme.contacts().delete(id).unwrap_err().is_not_found());
    assert!(world.acme.contacts().update(id, &ContactUpdate::new()).unwrap_err().is_not_found());
}

#[test]
fn a_write_may_name_the_version_it_means() {
    let world = World::new();
    let id = world.add("a@x.example");
    let options = WriteOptions::default().if_version(world.get(id).updated_at);
    let write =
        |phone: &str| world.acme.contacts().update_with(id, &ContactUpdate::new().phone(phone), &options);
    write("1").unwrap();
    assert_eq!(write("2").unwrap_err().code(), Code::PreconditionFailed);
    assert_eq!(world.acme.contacts().delete_with(id, &options).unwrap_err().code(), Code::PreconditionFailed);
    assert_eq!(world.get(id).phone.as_deref(), Some("1"));
}

#[test]
fn each_verb_needs_its_scope() {
    let world = World::new();
    let id = world.add("a@x.example");
    let reader = world.acme.clone().limited_to(Scope::Read);
    let contacts = reader.contacts();
    contacts.get(id).unwrap();
    let (draft, options) = (ada("b@x.example"), WriteOptions::default());
    let none: [ContactDraft; 0] = [];
    for error in [
        contacts.create(&draft).unwrap_err(),
        contacts.update(id, &ContactUpdate::new()).unwrap_err(),
        contacts.upsert(&draft).unwrap_err(),
        contacts.delete(id).unwrap_err(),
        contacts.create_many(&none, Atomicity::EachByItself).unwrap_err(),
        contacts.upsert_many(&none, Atomicity::AllOrNothing).unwrap_err(),
        contacts.json().create(b"{}", &options).unwrap_err(),
        contacts.json().update(id, b"{}", &options).unwrap_err(),
        contacts.json().upsert(b"{}", &options).unwrap_err(),
        contacts.json().create_many(b"[]", Atomicity::EachByItself, &options).unwrap_err(),
        reader.write(|tx| tx.contacts().create(&draft)).unwrap_err(),
        reader.write(|tx| tx.contacts().delete(id)).unwrap_err(),
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
    let random: Id<Contact> = RANDOM.parse().unwrap();
    for id in [id, random] {
        for error in [
            contacts.get(id).unwrap_err(),
            contacts.update(id, &ContactUpdate::new().phone("1")).unwrap_err(),
            contacts.delete(id).unwrap_err(),
        ] {
            assert_eq!((error.code(), error.detail()), (Code::NotFound, "there is no such contact"));
        }
    }
    contacts.create(&ada("a@x.example")).unwrap();
}

#[test]
fn typed_drafts_and_updates_say_what_their_json_says() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let of_json = create_json(contacts, &full_json()).unwrap().record.read().unwrap();
    contacts.delete(of_json.id).unwrap();
    let mut ada = contacts.create(&full()).unwrap();
    assert_eq!(ada.tags, Tags::from(["math", "poetry"]));
    (ada.id, ada.created_at, ada.updated_at) = (of_json.id, of_json.created_at, of_json.updated_at);
    assert_eq!(ada, of_json);
}
