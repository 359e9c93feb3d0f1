//! Schemas of plain values, and what is said of any schema.

use rally_core::schema::ClosedSet;
use serde_json::{Value, json};

/// A reference to a schema of the document.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The schema of a whole number from `min` to `max`.
pub(crate) fn integer(min: i64, max: i64) -> Value {
    let is_short = i32::try_from(min).is_ok() && i32::try_from(max).is_ok();
    let format = if is_short { "int32" } else { "int64" };
    json!({ "type": "integer", "format": format, "minimum": min, "maximum": max })
}

/// The schema of a whole number from `min` up.
pub(crate) fn count(min: i64) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": min })
}

/// The schema of an instant.
pub(crate) fn instant() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// The schema of an id.
pub(crate) fn uuid() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

/// Lets a value be null, too: a type, or a reference to one.
pub(crate) fn or_null(mut schema: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({ "oneOf": [schema, { "type": "null" }] });
    }
    if let Some(members) = schema.as_object_mut()
        && let Some(kind) = members.get("type").cloned()
    {
        members.insert("type".to_owned(), json!([kind, "null"]));
    }
    schema
}

/// A schema with the meaning of its values and one of them.
pub(crate) fn told(mut schema: Value, description: &str, example: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".to_owned(), json!(description.trim()));
        members.insert("examples".to_owned(), json!([example]));
    }
    schema
}

/// The named schema of a closed set.
pub(crate) fn closed_set(set: ClosedSet) -> (String, Value) {
    let description = set.description.trim();
    let schema = json!({ "type": "string", "enum": set.words, "description": description });
    (set.name.to_owned(), schema)
}
