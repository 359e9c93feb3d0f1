//! The OpenAPI document and the server agree: what a schema allows is taken, and what it does not is refused.

use std::cell::Cell;

use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rally_core::Profile;
use serde_json::{Map, Value, json};

use crate::support::{Api, NOWHERE, Setting};

/// Resources whose records can be created, each with a schema of the body and what `POST` or `PUT` is sent to.
const CREATED: [(&str, &str); 8] = [
    ("contacts", "ContactDraft"),
    ("companies", "CompanyDraft"),
    ("deals", "DealDraft"),
    ("activities", "ActivityDraft"),
    ("pipelines", "PipelineDraft"),
    ("users", "UserDraft"),
    ("api-keys", "ApiKeyDraft"),
    ("webhooks", "WebhookDraft"),
];

/// Those that `PUT` updates with any member that the schema has.
const UPDATED: [(&str, &str); 5] = [
    ("contacts", "ContactChange"),
    ("companies", "CompanyChange"),
    ("deals", "DealChange"),
    ("users", "UserChange"),
    ("webhooks", "WebhookChange"),
];

/// Members that only an activity of one type has.
const OF_TYPES: [(&str, &str); 7] = [
    ("dueDate", "task"),
    ("callDirection", "call"),
    ("callOutcome", "call"),
    ("callDurationSeconds", "call"),
    ("durationMinutes", "meeting"),
    ("location", "meeting"),
    ("meetingUrl", "meeting"),
];

/// Random numbers, one after the other.
struct Tape<'t>(&'t [u32], Cell<usize>);

impl Tape<'_> {
    fn below(&self, bound: usize) -> usize {
        let at = self.1.replace(self.1.get() + 1);
        usize::try_from(self.0[at % self.0.len()]).unwrap() % bound
    }

    fn one<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

struct Agreement {
    api: Api,
    document: Value,
    pipeline: Value,
    last: Cell<usize>,
}

impl Agreement {
    fn of(profile: Profile) -> Self {
        let engine = rally_core::Config { profile, requests_per_minute: 0, ..rally_core::Config::default() };
        let api = Api::with(Setting { engine, ..Setting::default() });
        // So that no request waits for a first change.
        api.add("first@x.example");
        let document = api.get("/openapi.json").send().value();
        let pipeline = api.get("/api/pipelines").send().value()[0].clone();
        Self { api, document, pipeline, last: Cell::new(0) }
    }

    fn schema(&self, name: &str) -> &Value {
        &self.document["components"]["schemas"][name]
    }

    fn next(&self) -> usize {
        self.last.replace(self.last.get() + 1)
    }

    /// The schema of values that are not null, and true if null is one, too.
    fn resolved<'a>(&'a self, schema: &'a Value) -> (&'a Value, bool) {
        if let Some(either) = schema["oneOf"].as_array() {
            return (self.resolved(&either[0]).0, true);
        }
        match schema["$ref"].as_str() {
            Some(reference) => (self.schema(reference.rsplit('/').next().unwrap()), false),
            None => (schema, schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!("null")))),
        }
    }

    /// A value that a schema allows; `None` for one that must be the id of some record.
    fn value(&self, name: &str, schema: &Value, tape: &Tape<'_>) -> Option<Value> {
        let (of, may_be_null) = self.resolved(schema);
        if may_be_null && (tape.below(4) == 0 || of["format"] == "uuid") {
            return Some(Value::Null);
        }
        if let Some(words) = of["enum"].as_array() {
            return Some(tape.one(words).clone());
        }
        let kind = of["type"].as_array().map_or(&of["type"], |kinds| &kinds[0]).as_str().unwrap();
        Some(match kind {
            "string" => return self.text(name, of, schema, tape).map(Value::from),
            "integer" => {
                let (min, max) = (of["minimum"].as_i64().unwrap(), of["maximum"].as_i64().unwrap());
                let number = *tape.one(&[min, max, min + 1]);
                let decimal: f64 = number.to_string().parse().unwrap();
                if tape.below(3) == 0 { json!(decimal) } else { json!(number) }
            }
            "number" => tape.one(&[json!(0), json!(48_000.5), json!(-1)]).clone(),
            "boolean" => json!(tape.below(2) == 0),
            "array" if name == "changedFields" => json!(["stageId", "email"]),
            "array" if of["items"]["type"] == "string" => json!(["one", "two"]),
            "array" => json!([self.value(name, &of["items"], tape).unwrap()]),
            _ => self.object(of, tape).into(),
        })
    }

    fn text(&self, name: &str, of: &Value, schema: &Value, tape: &Tape<'_>) -> Option<String> {
        let example = || schema["examples"][0].as_str().unwrap_or("one").to_owned();
        let longest = usize::try_from(of["maxLength"].as_u64().unwrap_or(0)).unwrap();
        let least = usize::try_from(of["minLength"].as_u64().unwrap_or(0)).unwrap();
        Some(match (name, of["format"].as_str()) {
            ("pipelineId", _) => self.pipeline["id"].as_str().unwrap().to_owned(),
            ("stageId", _) => self.pipeline["stages"][tape.below(6)]["id"].as_str().unwrap().to_owned(),
            ("domain", _) => format!("company{}.example", self.next()),
            (_, Some("uuid")) => return None,
            (_, Some("email")) => format!("p{}@agreed.example", self.next()),
            (_, Some("uri")) => format!("https://x.example/{}", "a".repeat(*tape.one(&[0, 1, longest - 18]))),
            (_, Some("date-time")) => {
                (*tape.one(&["2030-01-01T00:00:00Z", "2031-12-31T23:59:59.999999+14:00"])).to_owned()
            }
            _ if longest == 0 || of["pattern"].as_str().is_some_and(|pattern| pattern != "\\S") => example(),
            _ => "a".repeat(*tape.one(&[least, least + 1, longest])),
        })
    }

    /// The paths that answer lists, but for those of one record.
    fn lists(&self) -> Vec<&str> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        let is_list = |item: &Value| item["get"]["parameters"].to_string().contains("Limit\"");
        let lists = paths.filter(|(path, item)| !path.contains('{') && is_list(item));
        lists.map(|(path, _)| path.as_str()).collect()
    }

    /// A parameter of a list, by its name and its schema.
    fn parameter(&self, path: &str, tape: &Tape<'_>) -> (&str, &Value) {
        let all = self.document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let resolved = all.iter().map(|parameter| match parameter["$ref"].as_str() {
            Some(place) => self.document.pointer(place.trim_start_matches('#')).unwrap(),
            None => parameter,
        });
        let of_query: Vec<&Value> = resolved.filter(|parameter| parameter["in"] == "query").collect();
        let parameter = *tape.one(&of_query);
        (parameter["name"].as_str().unwrap(), &parameter["schema"])
    }

    /// A text that the schema of a parameter allows, and one that it does not.
    fn texts(&self, name: &str, schema: &Value, tape: &Tape<'_>) -> (String, Option<String>) {
        let (of, _) = self.resolved(schema);
        let words = of["enum"].as_array();
        let allowed = match (of["type"].as_str().unwrap(), words, of["format"].as_str()) {
            (_, Some(words), _) => tape.one(words).as_str().unwrap().to_owned(),
            ("integer", ..) => {
                let max = of["maximum"].as_i64().unwrap_or(i64::MAX);
                tape.one(&[of["minimum"].as_i64().unwrap(), max]).to_string()
            }
            ("boolean", ..) => (tape.below(2) == 0).to_string(),
            (_, _, Some("uuid")) => NOWHERE.to_owned(),
            _ => self.text(name, of, schema, tape).unwrap(),
        };
        let mut refused = Vec::new();
        if words.is_some() || of["type"] != "string" || of["format"].is_string() {
            refused.extend(["neither".to_owned(), String::new()]);
        }
        if of["type"] == "integer" {
            let beyond = of["maximum"].as_i64().unwrap_or(i64::MAX).unsigned_abs() + 1;
            refused.extend([(of["minimum"].as_i64().unwrap() - 1).to_string(), beyond.to_string()]);
        }
        if let Some(longest) = of["maxLength"].as_u64() {
            refused.push("a".repeat(usize::try_from(longest).unwrap() + 1));
        }
        if of["minLength"].is_u64() {
            refused.extend([String::new(), "%20".to_owned()]);
        }
        (allowed, if refused.is_empty() { None } else { Some(tape.one(&refused).clone()) })
    }

    fn object(&self, schema: &Value, tape: &Tape<'_>) -> Map<String, Value> {
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        let mut members = Map::new();
        for (name, property) in schema["properties"].as_object().unwrap() {
            if (required.contains(&json!(name)) || tape.below(3) == 0)
                && let Some(value) = self.value(name, property, tape)
            {
                members.insert(name.clone(), value);
            }
        }
        if let Some(kind) = members.get("activityType").cloned() {
            members.retain(|name, _| OF_TYPES.iter().all(|(own, of)| name != own || kind == *of));
        }
        members
    }

    /// A body with one fault, with the name of the member that has it.
    fn faulty(&self, schema: &Value, tape: &Tape<'_>) -> (String, Value) {
        let mut members = self.object(schema, tape);
        let properties: Vec<_> = schema["properties"].as_object().unwrap().iter().collect();
        let (name, property) = tape.one(&properties);
        let (of, may_be_null) = self.resolved(property);
        let kind = of["type"].as_array().map_or(&of["type"], |kinds| &kinds[0]).as_str().unwrap();
        let mut faults =
            vec![if matches!(kind, "string" | "array" | "object") { json!(7) } else { json!("x") }];
        if kind != "object" {
            faults.push(json!({}));
        }
        if !may_be_null {
            faults.push(Value::Null);
        }
        if of["enum"].is_array() {
            faults.push(json!("no such word"));
        }
        if let (Some(min), Some(max)) = (of["minimum"].as_i64(), of["maximum"].as_i64()) {
            faults.extend([json!(min - 1), json!(max + 1), json!(0.5)]);
        }
        if let Some(longest) = of["maxLength"].as_u64() {
            faults.push(json!("a".repeat(usize::try_from(longest).unwrap() + 1)));
        }
        if let Some(least) = of["minLength"].as_u64() {
            faults.push(json!("a".repeat(usize::try_from(least).unwrap() - 1)));
        }
        if of["format"].is_string() && of["format"] != "password" && kind == "string" {
            faults.push(json!("neither"));
        }
        let required = schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
        members.remove(*name);
        if !required || tape.below(4) > 0 {
            members.insert((*name).clone(), tape.one(&faults).clone());
        }
        ((*name).clone(), members.into())
    }
}

fn check(cases: u32, test: impl Fn(&Tape<'_>)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let run = runner.run(&vec(any::<u32>(), 64), |numbers| {
        test(&Tape(&numbers, Cell::new(0)));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn what_a_schema_allows_is_taken_in_each_profile() {
    for profile in [Profile::Documented, Profile::Strict] {
        let agreement = Agreement::of(profile);
        check(300, |tape| {
            let (resource, name) = *tape.one(&CREATED);
            let body = Value::from(agreement.object(agreement.schema(name), tape));
            let answer = agreement.api.post(&format!("/api/{resource}"), body.to_string()).send();
            assert_eq!(answer.status, 201, "{resource} {body:#} {answer}");
            let Some((_, change)) = UPDATED.iter().find(|(known, _)| *known == resource) else { return };
            let id = answer.value()["id"].as_str().unwrap().to_owned();
            let body = Value::from(agreement.object(agreement.schema(change), tape));
            let answer = agreement.api.put(&format!("/api/{resource}/{id}"), body.to_string()).send();
            assert_eq!(answer.status, 200, "{resource} {body:#} {answer}");
            if resource == "webhooks" {
                // A tenant has no room for as many as are tried.
                agreement.api.delete(&format!("/api/webhooks/{id}")).send().is(200);
            }
        });
    }
}

#[test]
fn what_no_schema_allows_is_refused_in_each_profile() {
    for profile in [Profile::Documented, Profile::Strict] {
        let agreement = Agreement::of(profile);
        check(500, |tape| {
            let (resource, name) = *tape.one(&CREATED);
            let (member, body) = agreement.faulty(agreement.schema(name), tape);
            let answer = agreement.api.post(&format!("/api/{resource}"), body.to_string()).send();
            assert_eq!(answer.status, 400, "{resource}.{member} {body:#} {answer}");
            let named = answer.value()["errors"].to_string();
            assert!(named.contains(&member), "{resource}.{member} {body:#} {answer}");
        });
    }
}

#[test]
fn parameters_of_lists_are_taken_and_refused_as_their_schemas_say() {
    for profile in [Profile::Documented, Profile::Strict] {
        let agreement = Agreement::of(profile);
        let lists = agreement.lists();
        assert!(lists.len() > 8, "{lists:?}");
        check(800, |tape| {
            let path = *tape.one(&lists);
            let (name, schema) = agreement.parameter(path, tape);
            let (allowed, refused) = agreement.texts(name, schema, tape);
            // The feed has to begin somewhere.
            let begin = if path.ends_with("changes") && !["since", "after"].contains(&name) {
                "since=2025-02-01&"
            } else {
                ""
            };
            let ask = |text: &str| agreement.api.get(&format!("{path}?{begin}{name}={text}")).send();
            let answer = ask(&allowed);
            assert_eq!(answer.status, 200, "{path} {name}={allowed} {answer}");
            if let Some(text) = refused {
                let answer = ask(&text);
                assert_eq!(answer.status, 400, "{path} {name}={text} {answer}");
                assert!(!answer.value()["errors"][name].is_null(), "{path} {name}={text} {answer}");
            }
        });
    }
}
