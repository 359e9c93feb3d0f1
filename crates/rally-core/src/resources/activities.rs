use std::{ops::RangeInclusive, sync::LazyLock};

use serde::{Deserialize, Serialize};

use super::{Company, Contact, Deal, User, links_to};
use crate::{
    base::{Error, Id, Kind, Patch, TenantId, Timestamp, limits},
    engine::{
        self, Bulkable, Change, Collection, Creatable, Draft, Editable, Link, Model, Resource, Revision,
        Rule, Rules, Session, Stage, quote, stored,
    },
};

const ACTIVITY_TYPE: u8 = 0;
pub(super) const DEAL_ID: u8 = 5;
const DUE_DATE: u8 = 7;
const STATUS: u8 = 9;
const COMPLETED_AT: u8 = 17;
const TYPES: Rule = Rule::Choice(&["note", "task", "call", "meeting"]);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const COUNT: Rule = Rule::Integer { min: 0, max: limits::COUNT };

/// The slots of members that only activities of one type have.
const OF_TYPE: [(&str, RangeInclusive<u8>); 3] =
    [("task", DUE_DATE..=DUE_DATE), ("call", 10..=12), ("meeting", 13..=15)];

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&[
        engine::id(),
        engine::tenant_id(),
        stored(ACTIVITY_TYPE, "activityType", TYPES).required().filtered(),
        stored(1, "subject", SHORT).required().searched(),
        stored(2, "body", Rule::LongText),
        stored(3, "contactId", Rule::Reference(Kind::Contact)).filtered(),
        stored(4, "companyId", Rule::Reference(Kind::Company)).filtered(),
        stored(DEAL_ID, "dealId", Rule::Reference(Kind::Deal)).filtered().keeping_newest(),
        stored(6, "scheduledAt", Rule::Instant),
        stored(DUE_DATE, "dueDate", Rule::Instant),
        stored(8, "priority", Rule::Choice(&["low", "normal", "high", "urgent"])).filtered(),
        stored(STATUS, "status", Rule::Choice(&["pending", "completed"])).default(PENDING).filtered(),
        stored(10, "callDirection", Rule::Choice(&["inbound", "outbound"])),
        stored(11, "callOutcome", SHORT),
        stored(12, "callDurationSeconds", COUNT),
        stored(13, "durationMinutes", COUNT),
        stored(14, "location", SHORT),
        stored(15, "meetingUrl", Rule::Url),
        stored(16, "ownerId", Rule::Reference(Kind::User)).filtered(),
        stored(COMPLETED_AT, "completedAt", Rule::Instant).read_only(),
        engine::created_at(),
        engine::updated_at(),
    ])
    .under(Rules { settle, ..Rules::NONE })
});

const PENDING: &str = "\"pending\"";
const COMPLETED: &str = "\"completed\"";

/// A note, task, call or meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Activity {
    /// The activity's id.
    pub id: Id<Activity>,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// `note`, `task`, `call` or `meeting`.
    pub activity_type: String,
    /// What it is about.
    pub subject: String,
    /// Free text.
    pub body: Option<String>,
    /// The contact that it is with.
    pub contact_id: Option<Id<Contact>>,
    /// The company that it is with.
    pub company_id: Option<Id<Company>>,
    /// The deal that it is for.
    pub deal_id: Option<Id<Deal>>,
    /// When it is to happen.
    pub scheduled_at: Option<Timestamp>,
    /// When a task is to be done.
    pub due_date: Option<Timestamp>,
    /// `low`, `normal`, `high` or `urgent`.
    pub priority: Option<String>,
    /// `pending` or `completed`.
    pub status: String,
    /// `inbound` or `outbound`, of a call.
    pub call_direction: Option<String>,
    /// What came of a call.
    pub call_outcome: Option<String>,
    /// How long a call was, in seconds.
    pub call_duration_seconds: Option<u64>,
    /// How long a meeting is, in minutes.
    pub duration_minutes: Option<u64>,
    /// Where a meeting is.
    pub location: Option<String>,
    /// Where a meeting is on the web.
    pub meeting_url: Option<String>,
    /// The user responsible.
    pub owner_id: Option<Id<User>>,
    /// When its status became completed.
    pub completed_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What creates an [`Activity`]; only type and subject are required.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Activity`")]
pub struct ActivityDraft {
    pub activity_type: String,
    pub subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<Id<Contact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_id: Option<Id<Company>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deal_id: Option<Id<Deal>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_date: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_direction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_duration_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Id<User>>,
}

/// What updates an [`Activity`]; each member stays, is cleared or is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Activity`")]
pub struct ActivityChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub activity_type: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub subject: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub body: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub contact_id: Patch<Id<Contact>>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub company_id: Patch<Id<Company>>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub deal_id: Patch<Id<Deal>>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub scheduled_at: Patch<Timestamp>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub due_date: Patch<Timestamp>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub priority: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub status: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub call_direction: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub call_outcome: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub call_duration_seconds: Patch<u64>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub duration_minutes: Patch<u64>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub location: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub meeting_url: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub owner_id: Patch<Id<User>>,
}

impl Session {
    /// The tenant's activities.
    #[must_use]
    pub fn activities(&self) -> Collection<'_, Activity> {
        Collection::new(self)
    }
}

impl Resource for Activity {
    const KIND: Kind = Kind::Activity;

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        links_to(Self::KIND)
    }
}

impl Editable for Activity {
    type Change = ActivityChange;
}

impl Creatable for Activity {
    type Draft = ActivityDraft;
}

impl Bulkable for Activity {}

impl Draft<Activity> for ActivityDraft {}

impl Change<Activity> for ActivityChange {}

/// Refuses what activities of this type do not have, and keeps when it was completed.
fn settle(_: &Stage<'_>, activity: &mut Revision<'_>) -> Result<(), Error> {
    let own = activity.text(ACTIVITY_TYPE).trim_matches('"').to_owned();
    for (of_type, slots) in OF_TYPE.iter().filter(|(of_type, _)| !own.is_empty() && *of_type != own) {
        for (slot, member) in MODEL.stored().filter(|(slot, _)| slots.contains(slot)) {
            if !activity.text(slot).is_empty() {
                activity.wrong.add(member.name, format!("is only for a {of_type}"));
            }
        }
    }
    if activity.text(STATUS) != COMPLETED {
        activity.set(COMPLETED_AT, "");
    } else if activity.text_before(STATUS) != COMPLETED {
        let now = quote(&activity.at.to_string());
        activity.set(COMPLETED_AT, now);
    }
    Ok(())
}
