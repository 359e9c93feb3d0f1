//! Names and addresses in other spellings than they were typed in, and names that nobody can see.

use rally_core::{Code, CompanyDraft, ContactDraft, ContactUpdate, Query, WriteOptions, WriteOutcome};

use crate::support::{World, ada, report};

#[test]
fn a_name_is_found_however_it_was_typed() {
    let world = World::new();
    for (number, (name, found, not)) in [
        ("Ångström", &["A\u{30A}ngstro\u{308}m", "ÅNGSTRÖM", "ång", "a\u{30A}"][..], &["angstrom"][..]),
        ("Ju\u{308}rgens", &["Jürgens", "JÜRG", "ju\u{308}rg"], &["jurg"]),
        ("İlker", &["ilk", "ILK", "İLK", "ılk", "i\u{307}lk"], &["lker"]),
        ("Işık", &["ışık", "IŞIK", "işik", "ış", "is\u{327}"], &["isik"]),
        ("Ilse", &["ilse", "İLSE", "ılse"], &[]),
        ("Weiß", &["WEISS", "weiß", "weiss"], &["weis s"]),
        ("ﬁnn", &["Finn", "FI"], &[]),
        ("Ｔｏｋｙｏ", &["tokyo", "ＴＯＫ"], &[]),
        ("한글", &["\u{1112}\u{1161}\u{11AB}"], &[]),
        ("Zoe\u{308}\u{AD}na", &["Zoëna", "ZOËN"], &["zoena"]),
        ("Σίσυφος", &["ΣΊΣΥΦΟΣ", "σίσυφοσ"], &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let draft = ContactDraft::new("Olga", name, format!("{number}@x.example"));
        let id = world.acme.contacts().create(&draft).unwrap().id;
        let search = |text: &str| {
            let found = world.acme.contacts().list(Query::all().search(text)).unwrap().records;
            found.iter().any(|contact| contact.id == id)
        };
        for text in found {
            assert!(search(text), "{text} finds {name}");
        }
        for text in not {
            assert!(!search(text), "{text} does not find {name}");
        }
        let composed = found.first().map(|text| search(&format!("olga {text}")));
        assert_eq!(composed, Some(true), "{name} behind a first name");
    }
}

#[test]
fn a_long_name_is_found_by_more_than_the_index_keeps() {
    let world = World::new();
    let name = "e\u{301}".repeat(60);
    let id = world.acme.companies().create(&CompanyDraft::new(name.clone())).unwrap().id;
    for text in [&name, &"É".repeat(60), &"é".repeat(33), &"é".repeat(32), "é"] {
        let found = world.acme.companies().list(Query::all().search(text)).unwrap().records;
        assert_eq!(found.first().map(|company| company.id), Some(id), "{text}");
    }
    for text in ["é".repeat(61), format!("{}e", "é".repeat(40))] {
        assert!(
            world.acme.companies().list(Query::all().search(&text)).unwrap().records.is_empty(),
            "{text}"
        );
    }
}

#[test]
fn an_email_is_found_by_what_it_was_typed_as_and_by_its_ascii_form() {
    let world = World::new();
    let id = world.add("Info@München.example");
    for text in ["info@mü", "INFO@MU\u{308}NCHEN", "info@xn--mnchen-3ya.ex"] {
        let found = world.acme.contacts().list(Query::all().search(text)).unwrap().records;
        assert_eq!(found.first().map(|contact| contact.id), Some(id), "{text}");
    }
}

#[test]
fn emails_are_one_where_they_lead_to_one_mailbox() {
    let world = World::new();
    let upsert =
        |email: &str| world.acme.contacts().upsert_with(&ada(email), &WriteOptions::default()).unwrap();
    for (known, same, different) in [
        ("ΝΙΚΟΣ@x.example", &["νικος@x.example", "νικοσ@x.example"][..], &[][..]),
        ("straße@x.example", &["STRAẞE@X.example"], &["strasse@x.example"]),
        (
            "info@straße.example",
            &["info@xn--strae-oqa.example", "Info@STRAẞE.example"],
            &["info@strasse.example"],
        ),
        ("jose\u{301}@x.example", &["José@x.example"], &["jose@x.example"]),
        ("\u{212A}@x.example", &[], &["k@x.example"]),
        ("ſ@x.example", &[], &["s@x.example"]),
        ("ﬁ@x.example", &[], &["fi@x.example"]),
        ("ilk@x.example", &["ILK@x.example"], &["İlk@x.example", "ılk@x.example"]),
    ] {
        let first = upsert(known);
        assert_eq!(first.outcome, WriteOutcome::Created, "{known}");
        for spelling in same {
            let error = world.acme.contacts().create(&ada(spelling)).unwrap_err();
            assert_eq!(
                (error.code(), error.existing_id()),
                (Code::Duplicate, Some(first.record.id.as_uuid()))
            );
            assert_eq!(upsert(spelling).record.id, first.record.id, "{spelling}");
        }
        for other in different {
            let written = upsert(other);
            assert_eq!(written.outcome, WriteOutcome::Created, "{other}");
            assert_eq!(world.acme.contacts().find(other).unwrap().unwrap().id, written.record.id);
        }
    }
}

#[test]
fn a_name_has_a_character_that_can_be_seen() {
    let world = World::new();
    for unseen in ["\u{200B}", "\u{3164}", "\u{AD}\u{2060}", "\u{200B}\n\u{200B}", "\u{2800}", "\u{E0041}"] {
        let draft = ContactDraft::new(unseen, "Lovelace", "a@x.example");
        let error = world.refused(|| world.acme.contacts().create(&draft));
        assert_eq!(
            report(&error),
            "validation\nfirstName must have a character that can be seen",
            "{unseen:?}"
        );
    }
    let id = world.add("a@x.example");
    let update = ContactUpdate::new().last_name("\u{200D}");
    let error = world.refused(|| world.acme.contacts().update(id, &update));
    assert_eq!(report(&error), "validation\nlastName must have a character that can be seen");
    let update = ContactUpdate::new().last_name("\u{200D}ක\u{AD}");
    assert_eq!(world.acme.contacts().update(id, &update).unwrap().last_name, "\u{200D}ක\u{AD}");
}
