//! Examples of members and of bodies. A body in the documentation can be sent to a new tenant as it is, unless it needs
//! the id of another record.

use rally_core::schema::{Access, Member, Model, Rule};
use serde_json::{Value, json};

use crate::object::object_of;

/// An id.
pub(crate) const ID: &str = "0194c101-aca0-7001-9859-d4265eb01788";
/// An instant.
pub(crate) const INSTANT: &str = "2025-02-01T10:15:00.000000Z";
/// An entity tag.
pub(super) const ETAG: &str = "\"62d1f2a7e3c40\"";

/// Values of members by their names, as JSON. A name with a resource before it stands for that resource alone.
const MEMBERS: &[(&str, &str)] = &[
    ("API key.name", r#""Nightly report""#),
    ("API key.expiresAt", r#""2099-12-31T00:00:00.000000Z""#),
    ("audit entry.action", r#""apiKey.created""#),
    ("audit entry.detail", r#""name, scopes""#),
    ("BANT.updatedAt", r#""2025-02-01T10:15:00.000000Z""#),
    ("BantCriterion.notes", r#""The budget of next year is approved.""#),
    ("company.name", r#""Analytical Engines Ltd""#),
    ("company.notes", r#""Met at the exhibition.""#),
    ("company.tags", r#"["mechanics", "partner"]"#),
    ("deal.name", r#""Difference engine no. 2""#),
    ("deal.status", r#""open""#),
    ("pipeline.name", r#""Renewals""#),
    ("settings.name", r#""Acme""#),
    ("Stage.name", r#""Due""#),
    ("delivery.error", "null"),
    ("delivery.nextAttemptAt", "null"),
    ("delivery.status", r#""succeeded""#),
    ("webhook.disabledReason", "null"),
    ("webhook.name", r#""Ledger""#),
    ("webhook.nextAttemptAt", "null"),
    ("webhook.secret", r#""whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD8MGWOqQUWPs=""#),
    ("webhook.url", r#""https://ledger.analytical.example/rally""#),
    ("user.email", r#""mary@analytical.example""#),
    ("user.name", r#""Mary Somerville""#),
    ("actor", r#""mary@analytical.example""#),
    ("actualCloseDate", "null"),
    ("activityType", r#""call""#),
    ("address", r#""12 St James's Square""#),
    ("annualRevenue", "1250000.50"),
    ("attempt", "1"),
    ("authority", r#"{"rating": 2, "notes": null}"#),
    ("body", r#""She asks for the price of a second machine.""#),
    ("budget", r#"{"rating": 3, "notes": "The budget of next year is approved."}"#),
    ("callDirection", r#""inbound""#),
    ("callDurationSeconds", "340"),
    ("callOutcome", r#""Call back on Monday""#),
    ("city", r#""London""#),
    ("companyName", r#""Analytical Engines Ltd""#),
    ("completedAt", "null"),
    ("contactName", r#""Ada Lovelace""#),
    ("country", r#""United Kingdom""#),
    ("createdBy", r#""mary@analytical.example""#),
    ("currency", r#""EUR""#),
    ("defaultCurrency", r#""EUR""#),
    ("department", r#""Mathematics""#),
    ("description", r#""Maker of calculating machines.""#),
    ("domain", r#""analytical.example""#),
    ("dueDate", r#""2025-03-01T00:00:00.000000Z""#),
    ("durationMinutes", "45"),
    ("durationMs", "84"),
    ("email", r#""ada@analytical.example""#),
    ("employeeCount", "250"),
    ("eventType", r#""deal.won""#),
    ("events", r#"["deal.won", "deal.lost"]"#),
    ("expectedCloseDate", r#""2025-06-30T00:00:00.000000Z""#),
    ("failureCount", "0"),
    ("filter", r#"{"changedFields": ["stageId"], "pipelineId": null}"#),
    ("firstName", r#""Ada""#),
    ("fullName", r#""Ada Lovelace""#),
    ("industry", r#""Machinery""#),
    ("isActive", "true"),
    ("isDefault", "false"),
    ("keyPrefix", r#""rk_live_7Kd2""#),
    ("lastName", r#""Lovelace""#),
    ("leadScore", "85"),
    ("leadSource", r#""Referral""#),
    ("lifecycleStage", r#""qualified""#),
    ("linkedInUrl", r#""https://www.linkedin.com/in/ada""#),
    ("location", r#""Dorset Street""#),
    ("meetingUrl", r#""https://meet.example/engine""#),
    ("mobile", r#""+44 7700 900123""#),
    ("need", r#"{"rating": 3, "notes": null}"#),
    ("notes", r#""Prefers letters.""#),
    ("order", "1"),
    ("ordering", r#""record""#),
    ("outcome", r#""open""#),
    ("ownerName", r#""Mary Somerville""#),
    ("password", r#""correct horse battery""#),
    ("phone", r#""+44 20 7946 0123""#),
    ("postalCode", r#""SW1Y 4JH""#),
    ("priority", r#""high""#),
    ("probability", "60"),
    ("profile", r#""documented""#),
    ("rateLimitPerMinute", "1000"),
    ("rating", "3"),
    ("responseBody", r#""""#),
    ("responseStatus", "204"),
    ("scopes", r#""read,write""#),
    ("score", "67"),
    ("sequence", "1042"),
    ("source", r#""203.0.113.7""#),
    ("stageName", r#""Proposal""#),
    ("stages", r#"[{"name": "Due", "probability": 60}, {"name": "Renewed", "outcome": "won"}]"#),
    ("state", r#""England""#),
    ("status", r#""pending""#),
    ("subject", r#""Price of a second machine""#),
    ("tags", r#""mathematics,vip""#),
    ("timeline", r#"{"rating": 0, "notes": null}"#),
    ("timezone", r#""Europe/London""#),
    ("title", r#""Analyst""#),
    ("twitterHandle", r#""@ada""#),
    ("value", "48000.00"),
    ("website", r#""https://analytical.example""#),
];

/// Members of activities of another type than the example's.
const OF_OTHER_TYPES: [&str; 4] = ["dueDate", "durationMinutes", "location", "meetingUrl"];

/// Bodies that update a record.
const CHANGES: [(&str, &str); 9] = [
    ("contact", r#"{"lifecycleStage": "customer", "leadScore": 95, "phone": null}"#),
    ("company", r#"{"employeeCount": 260, "notes": null}"#),
    ("deal", r#"{"value": 52000.00, "expectedCloseDate": "2025-07-31T00:00:00Z"}"#),
    ("activity", r#"{"status": "completed"}"#),
    ("pipeline", r#"{"name": "Renewals of this year"}"#),
    ("user", r#"{"name": "Mary Greig Somerville"}"#),
    ("API key", r#"{"name": "Weekly report"}"#),
    ("webhook", r#"{"events": ["*"], "isActive": true}"#),
    ("settings", r#"{"timezone": "Europe/London", "defaultCurrency": "EUR"}"#),
];

/// A value of a member: by its own name, or else as its name says what kind of value it has.
pub(super) fn of_member(noun: &str, name: &str) -> Value {
    let own = format!("{noun}.{name}");
    let found = MEMBERS.iter().find(|(known, _)| *known == own);
    match found.or_else(|| MEMBERS.iter().find(|(known, _)| *known == name)) {
        Some((_, json)) => parse(json),
        None if name == "id" || name.ends_with("Id") => json!(ID),
        None if name.ends_with("At") => json!(INSTANT),
        None => Value::Null,
    }
}

/// A value of a member as it is answered: stages have more members than in a body.
pub(super) fn of_member_answered(noun: &str, name: &str) -> Value {
    if name == "stages" { json!([stage()]) } else { of_member(noun, name) }
}

/// A body that creates a record.
pub(crate) fn draft(model: &Model, noun: &str) -> Value {
    let is_part = |member: &&Member| {
        let refers = matches!(member.rule, Rule::Reference(_) | Rule::Id) && !member.required;
        member.access.is_written()
            && !member.updated_only
            && !refers
            && !OF_OTHER_TYPES.contains(&member.name)
    };
    let members = model.members().iter().filter(is_part);
    object_of(members.map(|member| (member.name, of_member(noun, member.name)))).into()
}

/// A body that updates a record.
pub(super) fn change(model: &Model, noun: &str) -> Value {
    match CHANGES.iter().find(|(known, _)| *known == noun) {
        Some((_, json)) => parse(json),
        None => draft(model, noun),
    }
}

/// A record as it is answered.
pub(crate) fn whole(model: &Model, noun: &str) -> Value {
    let is_read = |member: &&Member| matches!(member.access, Access::Open | Access::ReadOnly);
    let value = |member: &Member| match OF_OTHER_TYPES.contains(&member.name) {
        true => Value::Null,
        false => of_member_answered(noun, member.name),
    };
    let members = model.members().iter().filter(is_read);
    object_of(members.map(|member| (member.name, value(member)))).into()
}

/// The answer to a bulk of one item, or of two if one of them is invalid.
pub(super) fn bulk(has_fault: bool) -> Value {
    let created = json!({ "index": 0, "status": 201, "id": ID });
    if !has_fault {
        return json!({ "created": 1, "failed": 0, "results": [created] });
    }
    json!({ "created": 1, "failed": 1, "results": [created, { "index": 1, "status": 400, "error": item_problem() }] })
}

/// The problem of an item of a bulk.
pub(super) fn item_problem() -> Value {
    json!({
        "type": "https://rally.example/problems/validation",
        "title": "Invalid input",
        "status": 400,
        "code": "validation",
        "detail": "email is required",
        "errors": { "email": ["is required"] },
    })
}

/// A stage as it is answered.
fn stage() -> Value {
    json!({ "id": ID, "name": "Due", "order": 1, "probability": 60, "outcome": "open" })
}

/// The value of JSON text in this file.
#[expect(clippy::expect_used, reason = "the document's test parses every such text")]
fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("an example is JSON")
}
