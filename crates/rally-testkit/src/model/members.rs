use serde_json::{Value, json};

use crate::Random;

/// A value to send for a member, and the value that is kept of it; nothing when it is a fault.
pub(super) struct Sample {
    pub(super) given: Value,
    pub(super) kept: Option<Value>,
}

fn good(given: Value, kept: Value) -> Sample {
    Sample { given, kept: Some(kept) }
}

fn bad(given: Value) -> Sample {
    Sample { given, kept: None }
}

/// The members of a contact that callers write, in no order.
pub(super) const NAMES: [&str; 8] =
    ["firstName", "lastName", "email", "phone", "leadScore", "lifecycleStage", "tags", "notes"];

pub(super) const REQUIRED: [&str; 3] = ["firstName", "lastName", "email"];

/// What a member has when it was given no value.
pub(super) fn default_of(name: &str) -> Value {
    if name == "lifecycleStage" { json!("lead") } else { Value::Null }
}

/// A random value for a member; one in ten is a fault.
pub(super) fn sample(name: &str, random: &mut Random) -> Sample {
    if random.once_in(10) {
        return fault(name, random);
    }
    if !REQUIRED.contains(&name) && random.once_in(5) {
        return good(Value::Null, default_of(name));
    }
    let number = random.below(40);
    match name {
        "email" if random.once_in(2) => {
            good(json!(format!(" C{number}@X.example")), json!(format!("C{number}@X.example")))
        }
        "email" => same(json!(format!("c{number}@x.example"))),
        "leadScore" => same(json!(number)),
        "lifecycleStage" => same(json!(random.one_of(&["lead", "customer", "evangelist"]))),
        "tags" => good(json!(format!(" a,, b{number} ,a")), json!(format!("a,b{number}"))),
        "notes" => same(json!(format!("\"{number}\"\n\t\\ é 😀"))),
        _ => good(json!(format!("  N{number} ")), json!(format!("N{number}"))),
    }
}

fn same(value: Value) -> Sample {
    good(value.clone(), value)
}

fn fault(name: &str, random: &mut Random) -> Sample {
    let wrong_type = || bad(json!([1, {"a": null}]));
    match name {
        "firstName" | "lastName" if random.once_in(2) => bad(json!("  ")),
        "email" if random.once_in(2) => bad(json!("no address")),
        "leadScore" if random.once_in(2) => bad(json!(101)),
        "lifecycleStage" if random.once_in(2) => bad(json!("Lead")),
        name if REQUIRED.contains(&name) && random.once_in(2) => bad(Value::Null),
        _ => wrong_type(),
    }
}
