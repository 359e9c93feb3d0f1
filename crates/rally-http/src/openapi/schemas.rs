//! Schemas of the models of resources.

use rally_core::schema::{Access, Member, Model, Rule};
use serde_json::{Map, Value, json};

use super::{
    examples,
    names::{in_code, name, sentence, with_article},
    rules::{self, Use, ruled},
    values::{or_null, told},
};
use crate::{
    history,
    object::object_of,
    route::{Records, Verb},
};

/// The purpose of a schema, which says which members it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form<'a> {
    /// The body that creates a record.
    Draft,
    /// The body that updates one, with the members that it must give.
    Change(&'a [&'a str]),
    /// A response with every member.
    Whole,
    /// A response with the members that `fields` names.
    Fields,
}

impl Form<'_> {
    fn used(self) -> Use {
        match self {
            Self::Draft | Self::Change(_) => Use::Body,
            Self::Whole | Self::Fields => Use::Answer,
        }
    }

    fn has(self, member: &Member) -> bool {
        match (member.access, self.used()) {
            (Access::Open, _) => self != Self::Draft || !member.updated_only,
            (Access::ReadOnly, used) => used == Use::Answer,
            (Access::WriteOnly, used) => used == Use::Body,
            (Access::Hidden, _) => false,
        }
    }

    fn requires(self, member: &Member) -> bool {
        match self {
            Self::Whole => true,
            Self::Draft => member.required,
            Self::Change(names) => names.contains(&member.name),
            Self::Fields => false,
        }
    }

    /// True if the member is never null: a record without a value has the default.
    fn has_value(self, member: &Member) -> bool {
        let is_given = match self {
            Self::Change(names) => names.contains(&member.name),
            Self::Draft => false,
            Self::Whole | Self::Fields => member.always,
        };
        member.required || is_given
    }
}

/// Adds the schemas that a verb names.
pub(super) fn add(schemas: &mut Map<String, Value>, records: &Records) {
    let Records { verb, noun, model, matched_by, .. } = *records;
    let name = name(noun);
    let mut insert = |name: String, form: Form<'_>, description: &str| {
        add_named(schemas, model, form);
        schemas.insert(name, object(model, noun, form, description));
    };
    match verb {
        Verb::List | Verb::Get | Verb::GetPart => {
            add_named(schemas, model, Form::Fields);
            schemas.insert(format!("{name}Fields"), fields_of(model, noun));
        }
        Verb::Create => {
            let description = format!("The members of {} to create.", with_article(noun));
            insert(format!("{name}Draft"), Form::Draft, &description);
            insert(name, Form::Whole, &format!("The {noun}."));
        }
        Verb::Put | Verb::Patch | Verb::PutPart => {
            let change =
                format!("An update of the {noun}: a member that is left out stays, `null` clears one.");
            insert(format!("{name}Change"), Form::Change(&[]), &change);
            insert(name, Form::Whole, &format!("The {noun}."));
        }
        Verb::Upsert => {
            let keys = matched_by.map(|matched_by| matched_by.names(model)).unwrap_or_default();
            let upsert = format!(
                "{} to create, or the members to update of the one that has the same {}.",
                sentence(&with_article(noun)),
                in_code(&keys)
            );
            insert(format!("{name}Upsert"), Form::Change(&keys), &upsert);
        }
        Verb::History => {
            let kind = model.kind();
            schemas.insert(history::schema_name(kind).to_owned(), history::schema(kind));
            schemas.insert("MemberChange".to_owned(), history::member_change());
        }
        Verb::Delete | Verb::Bulk => {}
    }
}

/// The schema of the body that creates a record.
pub(crate) fn draft(model: &Model, noun: &str) -> Value {
    object(model, noun, Form::Draft, &format!("The members of {} to create.", with_article(noun)))
}

/// The schema of a record with every member, and with members beside those of its model, which may be left out.
pub(crate) fn whole_with(model: &Model, noun: &str, description: &str, added: Value) -> Value {
    let mut schema = object(model, noun, Form::Whole, description);
    if let (Some(properties), Value::Object(added)) =
        (schema.get_mut("properties").and_then(Value::as_object_mut), added)
    {
        properties.extend(added);
    }
    schema
}

/// The schema of the members of a record that `fields` names.
pub(crate) fn fields_of(model: &Model, noun: &str) -> Value {
    let description = format!("The members of the {noun} that `fields` names; without it, all of them.");
    object(model, noun, Form::Fields, &description)
}

fn members<'m>(model: &'m Model, form: Form<'m>) -> impl Iterator<Item = &'m Member> {
    model.members().iter().filter(move |member| form.has(member))
}

fn add_named(schemas: &mut Map<String, Value>, model: &Model, form: Form<'_>) {
    for member in model.members().iter().filter(|member| form.has(member)) {
        rules::add_named(schemas, &member.rule, form.used());
    }
}

fn object(model: &Model, noun: &str, form: Form<'_>, description: &str) -> Value {
    let properties =
        object_of(members(model, form).map(|member| (member.name, property(member, noun, form))));
    let required: Vec<&str> =
        members(model, form).filter(|member| form.requires(member)).map(|member| member.name).collect();
    let mut schema = json!({ "type": "object", "description": description, "properties": properties });
    if !required.is_empty() {
        set(&mut schema, "required", json!(required));
    }
    schema
}

fn property(member: &Member, noun: &str, form: Form<'_>) -> Value {
    let ruled = ruled(&member.rule, form.used());
    let mut schema = if form.has_value(member) { ruled.schema } else { or_null(ruled.schema) };
    if member.access == Access::ReadOnly {
        set(&mut schema, "readOnly", json!(true));
    }
    if member.required && form.used() == Use::Body && matches!(member.rule, Rule::Text { .. }) {
        set(&mut schema, "minLength", json!(1));
        set(&mut schema, "pattern", json!("\\S"));
    }
    let description = format!("{}{}", member.description, note(member, form, &ruled.note));
    let example = match form.used() {
        Use::Body => examples::of_member(noun, member.name),
        Use::Answer => examples::of_member_answered(noun, member.name),
    };
    told(schema, &description, example)
}

/// Sentences behind the meaning of a member: on its values, and on the one that it has if none is given. That is no
/// `default` of the schema, of which some generators make a member that must be given.
fn note(member: &Member, form: Form<'_>, of_rule: &str) -> String {
    let mut note = String::new();
    if !of_rule.is_empty() {
        note = format!(" {of_rule}");
    }
    match member.default.map(|default| default.trim_matches('"')) {
        Some(default)
            if form == Form::Draft && !default.starts_with('{') && !member.description.contains("unless") =>
        {
            format!("{note} `{default}` unless it is set.")
        }
        _ => note,
    }
}

fn set(schema: &mut Value, key: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value);
    }
}
