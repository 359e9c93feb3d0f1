//! Values of members as callers write them, asked of every member that has such values.

use rally_core::{
    Activity, Company, Contact, Deal, Pipeline, Profile, User, Webhook,
    schema::{Access, Member, Model, Resource as _, Rule},
};
use serde_json::{Value, json};

use super::{RESOURCES, Resource};
use crate::support::{Answer, Api, Setting, World, with};

fn model(resource: &Resource) -> &'static Model {
    match resource.noun {
        "contacts" => Contact::model(),
        "companies" => Company::model(),
        "deals" => Deal::model(),
        "activities" => Activity::model(),
        "pipelines" => Pipeline::model(),
        "users" => User::model(),
        "webhooks" => Webhook::model(),
        other => panic!("{other} has a model"),
    }
}

/// A member of a record that has a value, and the path of the record.
struct Case {
    path: String,
    member: &'static Member,
    value: Value,
}

impl Case {
    /// Gives the member a value, as JSON text.
    fn put(&self, world: &World, json: &str) -> Answer {
        world.api.put(&self.path, format!("{{\"{}\":{json}}}", self.member.name)).send()
    }

    /// The answer to a value: its status, and the member or what is said of it.
    fn told(&self, world: &World, json: &str) -> (u16, Value) {
        let answer = self.put(world, json);
        let place = if answer.status.is_success() {
            &answer.value()[self.member.name]
        } else {
            &answer.value()["errors"]
        };
        (answer.status.as_u16(), place.clone())
    }

    #[track_caller]
    fn refused(&self, world: &World, json: &str, phrase: &str) {
        let expected = format!("400 validation: {} {phrase}", self.member.name);
        assert_eq!(self.put(world, json).told(), expected, "{json}");
    }
}

/// Every member that callers write, of a record that has a value for it.
fn cases(world: &World, is_asked: fn(&Member) -> bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for resource in RESOURCES {
        for whole in resource.wholes {
            let body = world.fill(whole).replace('#', &world.next());
            let id = world.api.post(&resource.path(), body.clone()).send().is(201).id();
            let body: Value = serde_json::from_str(&body).unwrap();
            let written = |member: &&Member| matches!(member.access, Access::Open | Access::WriteOnly);
            let asked = model(resource).members().iter().filter(written).filter(|member| is_asked(member));
            cases.extend(asked.filter_map(|member| {
                let value = body.get(member.name)?.clone();
                Some(Case { path: resource.at(&id), member, value })
            }));
        }
    }
    cases
}

/// A tenant without a limit of requests.
fn world(profile: Profile) -> World {
    let engine = rally_core::Config { profile, requests_per_minute: 0, ..rally_core::Config::default() };
    World::of(Api::with(Setting { engine, ..Setting::default() }))
}

/// An optional member that is no free text and no part of a credential.
fn is_left_open(member: &Member) -> bool {
    let is_text = matches!(
        member.rule,
        Rule::Text { .. } | Rule::LongText | Rule::TagLine | Rule::Password | Rule::Scopes
    );
    !member.required && !is_text
}

#[test]
fn an_empty_string_is_no_value_of_what_is_no_free_text() {
    let (documented, strict) = (world(Profile::Documented), world(Profile::Strict));
    let cases = cases(&documented, is_left_open);
    assert!(cases.len() >= 25, "{}", cases.len());
    for case in cases {
        let null = case.told(&documented, "null");
        for empty in [r#""""#, r#""  ""#, r#""\n""#] {
            case.put(&documented, &case.value.to_string()).is(200);
            assert_eq!(case.told(&documented, empty), null, "{} {empty}", case.member.name);
        }
    }
    for case in self::cases(&strict, is_left_open) {
        let (status, errors) = case.told(&strict, r#""""#);
        assert!(status == 400 && errors[case.member.name].is_array(), "{} {errors}", case.member.name);
    }
}

#[test]
fn an_empty_string_stays_one_of_free_text_and_is_refused_of_what_is_required() {
    for world in [world(Profile::Documented), world(Profile::Strict)] {
        let is_text =
            |member: &Member| !member.required && matches!(member.rule, Rule::Text { .. } | Rule::LongText);
        for case in cases(&world, is_text) {
            assert_eq!(case.told(&world, r#""""#), (200, json!("")), "{}", case.member.name);
        }
        for case in cases(&world, |member| member.required) {
            assert_eq!(case.told(&world, r#""""#).0, 400, "{}", case.member.name);
        }
    }
}

#[test]
fn an_empty_string_is_no_value_in_a_draft_and_within_a_value_as_well() {
    let (documented, strict) = (world(Profile::Documented), world(Profile::Strict));
    for resource in RESOURCES {
        let members = model(resource).members().iter().filter(|member| is_left_open(member));
        let members: Vec<&Member> = members.filter(|member| member.access == Access::Open).collect();
        let draft = |world: &World| {
            let body = resource.body(world, &world.next());
            members.iter().fold(body, |body, member| with(&body, member.name, ""))
        };
        documented.api.post(&resource.path(), draft(&documented)).send().is(201);
        let errors =
            strict.api.post(&resource.path(), draft(&strict)).send().is(400).value()["errors"].clone();
        assert!(members.iter().all(|member| errors[member.name].is_array()), "{errors}");
    }
    for (path, body) in [
        ("/api/v1/deals/<deal>/bant", r#"{"need":{"rating":""}}"#),
        ("/api/v1/deals/<deal>/bant", r#"{"need":""}"#),
        (
            "/api/v1/pipelines/<pipeline>",
            r#"{"stages":[{"id":"<lead>","probability":"","outcome":""},{"id":"","name":"New"}]}"#,
        ),
        ("/api/v1/settings", r#"{"timezone":"","defaultCurrency":"","rateLimitPerMinute":"","profile":""}"#),
    ] {
        documented.put(path, body).send().is(200);
        strict.put(path, body).send().is(400);
    }
}

/// Dates that are none: years have four digits, all other parts two, and nothing is between them.
const NO_DATES: [&str; 14] = [
    "26-12-31",
    "01-02-26",
    "1-02-03",
    "126-12-31",
    "02026-12-31",
    "+2026-12-31",
    "2026-1-31",
    "2026-12-1",
    "2026- 12-31",
    "2026 -12-31",
    "2026-02-30",
    "26-12-31T10:15:00Z",
    "2026-12-31T10:15:60Z",
    "2026-12-31T10:15:00+2",
];

const PHRASE: &str = "must be a date-time such as 2025-02-01T10:15:00Z, or a date";

#[test]
fn dates_have_years_of_four_digits_wherever_there_are_dates() {
    let world = world(Profile::Documented);
    let cases = cases(&world, |member| matches!(member.rule, Rule::Instant));
    assert!(cases.len() >= 3, "{}", cases.len());
    for case in cases {
        for text in NO_DATES {
            case.refused(&world, &json!(text).to_string(), PHRASE);
        }
        for (text, kept) in [
            ("2025-01-01", "2025-01-01T00:00:00.000000Z"),
            ("2025-01-01T00:00:00+0000", "2025-01-01T00:00:00.000000Z"),
            ("2025-01-01T00:00:00 +00:00", "2025-01-01T00:00:00.000000Z"),
            ("2025-01-01 02:00:00 +0200", "2025-01-01T00:00:00.000000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(case.told(&world, &json!(text).to_string()), (200, json!(kept)), "{text}");
        }
    }
    let key = world.post("/api/v1/api-keys", r#"{"name":"k","expiresAt":"26-12-31"}"#).send();
    assert_eq!(key.told(), format!("400 validation: expiresAt {PHRASE}"));
}

#[test]
fn dates_in_queries_are_read_as_in_bodies_with_plus_signs_as_they_are() {
    let world = world(Profile::Documented);
    let lists = RESOURCES.iter().map(|resource| format!("{}?updatedSince=", resource.path()));
    let queries: Vec<String> = lists.chain(["/api/v1/sync/changes?since=".to_owned()]).collect();
    for query in queries {
        let name = if query.contains("sync") { "since" } else { "updatedSince" };
        for text in NO_DATES {
            let asked = format!("{query}{}", text.replace(' ', "%20").replace('+', "%2B"));
            assert_eq!(
                world.get(&asked).send().told(),
                format!("400 validation: {name} {PHRASE}"),
                "{asked}"
            );
        }
        for text in [
            "2025-01-01",
            "2025-01-01T00:00:00+00:00",
            "2025-01-01T00:00:00%2B00:00",
            "2025-01-01T00:00:00+0000",
            "2025-01-01T00:00:00%20%2B00:00",
            "2025-01-01T00:00:00%20+00:00",
            "2025-01-01+00:00:00+0000",
            "2025-01-01%2000:00:00-05:00",
        ] {
            world.get(&format!("{query}{text}")).send().is(200);
        }
    }
}

#[test]
fn integers_are_read_however_they_are_written() {
    let world = world(Profile::Documented);
    let cases = cases(&world, |member| matches!(member.rule, Rule::Integer { .. }));
    assert!(cases.len() >= 5, "{}", cases.len());
    for case in cases {
        for (json, kept) in
            [("40.0", 40), ("4e1", 40), ("4E+1", 40), ("400e-1", 40), ("0e9", 0), ("7.000", 7)]
        {
            assert_eq!(case.told(&world, json), (200, json!(kept)), "{} {json}", case.member.name);
        }
        for json in ["40.5", "4e-1", "405e-1", "1e-999999999999"] {
            case.refused(&world, json, "must be a whole number");
        }
        assert_eq!(case.told(&world, "1e999999999999").0, 400);
    }
    for (path, body) in [
        ("/api/v1/deals/<deal>/bant", r#"{"need":{"rating":#}}"#),
        ("/api/v1/pipelines/<partners>", r#"{"stages":[{"id":"<met>","probability":#},{"id":"<signed>"}]}"#),
    ] {
        for (number, status) in [("3.0", 200), ("0.3e1", 200), ("3.5", 400)] {
            world.put(path, &body.replace('#', number)).send().is(status);
        }
    }
    world.put("/api/v1/settings", r#"{"rateLimitPerMinute":2.5}"#).send().is(400);
    world.put("/api/v1/settings", r#"{"rateLimitPerMinute":1e6}"#).send().is(200);
}

#[test]
fn a_name_has_a_character_that_can_be_seen() {
    let world = world(Profile::Documented);
    let cases = cases(&world, |member| member.required && matches!(member.rule, Rule::Text { .. }));
    assert!(cases.len() >= 7, "{}", cases.len());
    for case in cases {
        for unseen in ["\u{200B}", "\u{3164}", "\u{AD}\u{200D}", "\u{2800}", "\u{FEFF}"] {
            case.refused(&world, &json!(unseen).to_string(), "must have a character that can be seen");
        }
        for empty in ["", " ", "\u{A0}", "\u{3000}"] {
            case.refused(&world, &json!(empty).to_string(), "must not be empty");
        }
        assert_eq!(case.told(&world, "\"\u{200B}ไ\"").0, 200);
    }
    let stages = |name: &str| {
        world.put("/api/v1/pipelines/<partners>", &json!({"stages": [{"name": name}]}).to_string()).send()
    };
    assert_eq!(
        stages("\u{3164}").told(),
        "400 validation: stages[0].name must have a character that can be seen"
    );
    let settings = world.put("/api/v1/settings", "{\"name\":\"\u{200B}\"}").send();
    assert_eq!(settings.told(), "400 validation: name must have a character that can be seen");
}

#[test]
fn addresses_are_of_any_script_and_their_domains_are_domains() {
    let world = world(Profile::Documented);
    let cases = cases(&world, |member| matches!(member.rule, Rule::Email));
    assert_eq!(cases.len(), 2);
    for case in cases {
        for address in ["संपर्क@डाटामेल.भारत", "สมชาย@ไทย.example", "தமிழ்@x.example", "jose\u{301}@x.example"]
        {
            assert_eq!(case.told(&world, &json!(address).to_string()), (200, json!(address)));
        }
        for address in
            ["a@x?.example", "a@x/y.example", "a@x!.example", "a@x_y.example", "a@-x.example", "a@x..example"]
        {
            case.refused(&world, &json!(address).to_string(), "is not an e-mail address");
        }
    }
}
