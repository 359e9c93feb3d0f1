use rally_core::{
    Code, Scope, limits,
    schema::{Access, Member, Model, Rule},
};
use serde_json::{Map, Value, json};

use crate::{problem::Failure, route::Verb};

/// The use of a schema, which says which members it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The body that creates a record.
    Draft,
    /// The body that updates one.
    Change,
    /// A response with every member.
    Whole,
    /// A response with the members that `fields` names.
    Fields,
}

/// The name of a schema: `Contact` for a contact.
pub(super) fn name(noun: &str) -> String {
    noun.split(' ').map(capitalized).collect()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters.as_str().to_lowercase().chars()).collect()
}

/// A reference to a schema of the document.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Adds the schemas that a verb names.
pub(super) fn add(schemas: &mut Map<String, Value>, noun: &str, verb: Verb, model: &Model) {
    let name = name(noun);
    match verb {
        Verb::List | Verb::Get | Verb::GetPart => {
            let fields = format!("The members of the {noun} that `fields` names; without it, all of them");
            let whole = object(model, Form::Whole, &format!("The {noun}"));
            schemas.insert(format!("{name}Fields"), object(model, Form::Fields, &fields));
            schemas.insert(name, whole);
        }
        Verb::Create => {
            schemas.insert(format!("{name}Draft"), draft(model, noun));
        }
        Verb::Put | Verb::Patch | Verb::PutPart => {
            let change =
                format!("An update of the {noun}: a member that is left out stays, `null` clears one");
            schemas.insert(format!("{name}Change"), object(model, Form::Change, &change));
        }
        Verb::Delete | Verb::Upsert | Verb::Bulk => {}
    }
}

/// The plural of a noun.
pub(super) fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

/// The schema of the body that creates a record.
pub(crate) fn draft(model: &Model, noun: &str) -> Value {
    object(model, Form::Draft, &format!("The members of {} to create", with_article(noun)))
}

/// A noun with its indefinite article: `an API key`.
pub(super) fn with_article(noun: &str) -> String {
    let is_vowel = |letter: char| matches!(letter.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o');
    let article = if noun.starts_with(is_vowel) { "an" } else { "a" };
    format!("{article} {noun}")
}

fn object(model: &Model, form: Form, description: &str) -> Value {
    let is_answer = matches!(form, Form::Whole | Form::Fields);
    let is_part = |member: &&Member| match member.access {
        Access::Open => true,
        Access::ReadOnly => is_answer,
        Access::WriteOnly => !is_answer,
        Access::Hidden => false,
    };
    let members: Vec<&Member> = model.members().iter().filter(is_part).collect();
    let properties: Map<String, Value> =
        members.iter().map(|member| (member.name.to_owned(), property(member, form))).collect();
    let required: Vec<&str> = members
        .iter()
        .filter(|member| match form {
            Form::Whole => true,
            Form::Draft => member.required,
            Form::Change | Form::Fields => false,
        })
        .map(|member| member.name)
        .collect();
    let mut schema = json!({ "type": "object", "description": description, "properties": properties });
    if !required.is_empty() {
        set(&mut schema, "required", json!(required));
    }
    schema
}

fn property(member: &Member, form: Form) -> Value {
    let is_answer = matches!(form, Form::Whole | Form::Fields);
    let mut schema = rule(&member.rule);
    if member.access == Access::ReadOnly {
        set(&mut schema, "readOnly", json!(true));
    }
    if member.required && member.access == Access::Open && matches!(member.rule, Rule::Text { .. }) {
        set(&mut schema, "minLength", json!(1));
    }
    let default = member.default.map(parse);
    // A record without a value has the default, so it is never answered as null.
    let always_has_value = member.required || (is_answer && member.always);
    if !always_has_value {
        allow_null(&mut schema);
    }
    if let Some(default) = default.filter(|_| form == Form::Draft) {
        set(&mut schema, "default", default);
    }
    schema
}

/// The schema of a filter's value: for tags, of one tag.
pub(super) fn filter(of: &Rule) -> Value {
    match of {
        Rule::TagLine | Rule::Tags => rule(&Rule::Tag),
        other => rule(other),
    }
}

fn rule(rule: &Rule) -> Value {
    match rule {
        Rule::Text { characters } => json!({ "type": "string", "maxLength": characters }),
        Rule::LongText => json!({
            "type": "string",
            "maxLength": limits::LONG_TEXT_BYTES,
            "description": format!("At most {} bytes of UTF-8", limits::LONG_TEXT_BYTES),
        }),
        Rule::Email => json!({ "type": "string", "format": "email", "maxLength": limits::EMAIL }),
        Rule::Url => json!({ "type": "string", "format": "uri", "maxLength": limits::URL }),
        Rule::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Rule::Decimal => json!({
            "type": "number",
            "description": format!("Exact, of at most {} digits", limits::DECIMAL_DIGITS),
        }),
        Rule::Boolean => json!({ "type": "boolean" }),
        Rule::Choice(words) => json!({ "type": "string", "enum": words }),
        Rule::Id => json!({ "type": "string", "format": "uuid" }),
        Rule::Reference(kind) => json!({
            "type": "string",
            "format": "uuid",
            "description": format!("The id of a {}", kind.noun()),
        }),
        Rule::TagLine => json!({
            "type": "string",
            "description": format!(
                "Tags separated by commas, at most {} of at most {} characters",
                limits::TAGS,
                limits::TAG
            ),
        }),
        Rule::Tags => json!({ "type": "array", "items": tag(), "maxItems": limits::TAGS }),
        Rule::Tag => tag(),
        Rule::Instant => instant(),
        Rule::Scopes => json!({ "type": "string", "description": "Scopes separated by commas" }),
        Rule::Slug => json!({
            "type": "string",
            "maxLength": limits::SLUG,
            "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        }),
        Rule::Domain => json!({
            "type": "string",
            "maxLength": limits::DOMAIN,
            "description": "A domain in lower case; a URL becomes its domain",
        }),
        Rule::Currency => json!({
            "type": "string",
            "pattern": "^[A-Z]{3}$",
            "description": "A currency code of ISO 4217",
        }),
        Rule::TimeZone => json!({
            "type": "string",
            "description": "A time zone of the IANA database, such as Europe/Berlin",
        }),
        Rule::Password => json!({
            "type": "string",
            "format": "password",
            "minLength": limits::PASSWORD_MIN,
            "maxLength": limits::PASSWORD_MAX,
            "writeOnly": true,
        }),
        Rule::Shape(shape) => parse(&(shape.schema)()),
    }
}

/// The value of JSON text in the sources of a resource.
#[expect(clippy::expect_used, reason = "the document's test parses every such text")]
fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("a default or a schema in a model is JSON")
}

fn tag() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": limits::TAG })
}

/// The schema of an instant.
pub(crate) fn instant() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn allow_null(schema: &mut Value) {
    if let Some(kind) = schema.get("type").cloned() {
        set(schema, "type", json!([kind, "null"]));
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
}

fn set(schema: &mut Value, key: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value);
    }
}

/// The schemas that operations of several resources have.
pub(super) fn shared() -> Map<String, Value> {
    [("Problem", problem()), ("Deleted", deleted()), ("BulkResult", bulk_result())]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

fn problem() -> Value {
    let mut codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    for code in Failure::ALL.map(Failure::name) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    json!({
        "type": "object",
        "description": "A failure (RFC 9457)",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string", "format": "uri" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "enum": codes },
            "detail": { "type": "string" },
            "instance": { "type": "string", "description": "The path; left out of the items of a bulk" },
            "traceId": { "type": "string", "description": "`X-Request-Id`; left out of the items of a bulk" },
            "errors": {
                "type": "object",
                "description": "The faults of each member or parameter",
                "additionalProperties": { "type": "array", "items": { "type": "string" } },
            },
            "matchingIds": {
                "type": "array",
                "description": "The records that match, of which there must be one",
                "items": { "type": "string", "format": "uuid" },
            },
            "existingId": { "type": "string", "format": "uuid", "description": "The record that has the natural key" },
            "requiredScope": { "type": "string", "enum": Scope::WORDS },
            "oldestChangedAt": instant(),
        },
    })
}

fn deleted() -> Value {
    json!({
        "type": "object",
        "required": ["id", "deleted"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "deleted": { "type": "boolean", "const": true },
        },
    })
}

fn bulk_result() -> Value {
    json!({
        "type": "object",
        "required": ["created", "failed", "results"],
        "properties": {
            "created": { "type": "integer", "minimum": 0 },
            "failed": { "type": "integer", "minimum": 0 },
            "results": {
                "type": "array",
                "description": "A result for each item, in the order of the items",
                "items": {
                    "type": "object",
                    "required": ["index", "status"],
                    "properties": {
                        "index": { "type": "integer", "minimum": 0 },
                        "status": { "type": "integer" },
                        "id": { "type": "string", "format": "uuid" },
                        "error": reference("Problem"),
                    },
                },
            },
        },
    })
}
