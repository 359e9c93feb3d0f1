//! Schemas of the values that members can have.

use rally_core::{
    limits,
    schema::{Rule, Shape, ShapeMember},
};
use serde_json::{Map, Value, json};

use super::{
    examples,
    names::with_article,
    values::{closed_set, instant, integer, or_null, reference, told, uuid},
};
use crate::object::object_of;

/// The schema of a value and the sentence that belongs into the description of a member with it.
pub(super) struct Ruled {
    pub(super) schema: Value,
    pub(super) note: String,
}

/// The use of a schema: a body or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Body,
    Answer,
}

impl Ruled {
    fn plain(schema: Value) -> Self {
        Self { schema, note: String::new() }
    }

    fn noted(schema: Value, note: impl Into<String>) -> Self {
        Self { schema, note: note.into() }
    }
}

/// The schema of the values of a rule.
pub(super) fn ruled(rule: &Rule, used: Use) -> Ruled {
    match rule {
        Rule::Text { characters } => Ruled::plain(json!({ "type": "string", "maxLength": characters })),
        Rule::LongText => Ruled::noted(
            json!({ "type": "string", "maxLength": limits::LONG_TEXT_BYTES }),
            format!("At most {} bytes of UTF-8.", limits::LONG_TEXT_BYTES),
        ),
        Rule::Email => {
            Ruled::plain(json!({ "type": "string", "format": "email", "maxLength": limits::EMAIL }))
        }
        Rule::Url => Ruled::noted(
            json!({ "type": "string", "format": "uri", "maxLength": limits::URL }),
            "An absolute `http` or `https` URL.",
        ),
        Rule::Integer { min, max } => Ruled::plain(integer(*min, *max)),
        Rule::Decimal => Ruled::noted(
            json!({ "type": "number" }),
            format!("A decimal number, exact to its at most {} digits.", limits::DECIMAL_DIGITS),
        ),
        Rule::Boolean => Ruled::plain(json!({ "type": "boolean" })),
        Rule::Choice(set) => Ruled::plain(reference(set.name)),
        Rule::Choices(set) => Ruled::plain(json!({
            "type": "array",
            "items": reference(set.name),
            "minItems": 1,
            "uniqueItems": true,
        })),
        Rule::Id => Ruled::plain(uuid()),
        Rule::Reference(kind) => Ruled::noted(uuid(), format!("The id of {}.", with_article(kind.noun()))),
        Rule::Instant => Ruled::plain(instant()),
        Rule::Shape(shape) => Ruled::plain(shaped(shape, used)),
        Rule::TagLine | Rule::Tags | Rule::Tag => tags(rule),
        Rule::Scopes | Rule::Slug | Rule::Domain | Rule::Currency | Rule::TimeZone | Rule::Password => {
            special(rule)
        }
    }
}

fn tags(rule: &Rule) -> Ruled {
    match rule {
        Rule::Tags => Ruled::plain(json!({ "type": "array", "items": tag(), "maxItems": limits::TAGS })),
        Rule::TagLine => Ruled::noted(
            json!({ "type": "string" }),
            format!("Separated by commas, each of at most {} characters.", limits::TAG),
        ),
        _ => Ruled::plain(tag()),
    }
}

/// Texts that a pattern describes better than a length.
fn special(rule: &Rule) -> Ruled {
    match rule {
        Rule::Scopes => Ruled::noted(
            json!({ "type": "string", "pattern": "^(read|write|admin)(, *(read|write|admin))*$" }),
            "Separated by commas.",
        ),
        Rule::Slug => Ruled::plain(json!({
            "type": "string",
            "maxLength": limits::SLUG,
            "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        })),
        Rule::Domain => Ruled::plain(json!({ "type": "string", "maxLength": limits::DOMAIN })),
        Rule::Currency => {
            Ruled::noted(json!({ "type": "string", "pattern": "^[A-Z]{3}$" }), "A code of ISO 4217.")
        }
        Rule::TimeZone => Ruled::noted(json!({ "type": "string" }), "A name of the IANA database."),
        _ => Ruled::plain(json!({
            "type": "string",
            "format": "password",
            "minLength": limits::PASSWORD_MIN,
            "maxLength": limits::PASSWORD_MAX,
            "writeOnly": true,
        })),
    }
}

fn shaped(shape: &Shape, used: Use) -> Value {
    let object = reference(&object_name(shape, used));
    match shape.list {
        Some((min, max)) => json!({ "type": "array", "minItems": min, "maxItems": max, "items": object }),
        None => object,
    }
}

/// The schema of a filter's value: for tags, of one tag.
pub(super) fn filter(of: &Rule) -> Value {
    match of {
        Rule::TagLine => one_tag("^[^,]*[^,\\s][^,]*$"),
        Rule::Tags => one_tag("\\S"),
        other => ruled(other, Use::Body).schema,
    }
}

/// A tag that is asked for: one that can be seen and, where tags are one text, without a comma.
fn one_tag(pattern: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": limits::TAG, "pattern": pattern })
}

fn tag() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": limits::TAG })
}

/// Adds the closed sets and the objects that the values of a rule refer to.
pub(super) fn add_named(schemas: &mut Map<String, Value>, rule: &Rule, used: Use) {
    match rule {
        Rule::Choice(set) | Rule::Choices(set) => schemas.extend([closed_set(*set)]),
        Rule::Shape(shape) => add_object(schemas, shape, used),
        _ => {}
    }
}

/// The name of the schema of an object: a body has members that an answer has not, and need not have them all.
fn object_name(shape: &Shape, used: Use) -> String {
    match used {
        Use::Body => format!("{}Draft", shape.name),
        Use::Answer => shape.name.to_owned(),
    }
}

fn add_object(schemas: &mut Map<String, Value>, shape: &Shape, used: Use) {
    let is_part = |member: &&ShapeMember| used == Use::Answer || !member.read_only;
    let members: Vec<&ShapeMember> = shape.members.iter().filter(is_part).collect();
    for member in &members {
        add_named(schemas, &member.rule, used);
    }
    let property = |member: &&ShapeMember| {
        let value = ruled(&member.rule, used);
        let always_has_value = if used == Use::Answer { member.always } else { member.required };
        let mut schema = if always_has_value { value.schema } else { or_null(value.schema) };
        if used == Use::Body
            && member.required
            && let Some(members) = schema.as_object_mut()
        {
            members.insert("minLength".to_owned(), json!(1));
        }
        let description = format!("{} {}", member.description, value.note);
        (member.name, told(schema, &description, examples::of_member(shape.name, member.name)))
    };
    let properties = object_of(members.iter().map(property));
    let is_required = |member: &&&ShapeMember| used == Use::Answer || member.required;
    let required: Vec<&str> = members.iter().filter(is_required).map(|member| member.name).collect();
    let mut schema = json!({ "type": "object", "description": shape.description, "properties": properties });
    if !required.is_empty()
        && let Some(members) = schema.as_object_mut()
    {
        members.insert("required".to_owned(), json!(required));
    }
    schemas.insert(object_name(shape, used), schema);
}
