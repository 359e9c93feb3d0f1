use std::{ops::RangeInclusive, sync::LazyLock};

use super::{
    Company, Contact, Deal, Event, User, define,
    webhooks::told::{self, Move},
};
use crate::{
    base::{Error, Id, Kind, TenantId, Timestamp, closed_set, limits},
    engine::{
        codec::Slot,
        schema::{self, Model, Resource, Row, Rule, Searchable, quote, read_stored, stored},
        session::resource,
        write::{Bulkable, Creatable, Definition, Editable, Revision, Rules, Transaction},
    },
};

const ACTIVITY_TYPE: Slot = Slot::new(0);
pub(super) const DEAL_ID: Slot = Slot::new(5);
const DUE_DATE: Slot = Slot::new(7);
const STATUS: Slot = Slot::new(9);
const COMPLETED_AT: Slot = Slot::new(17);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const COUNT: Rule = Rule::Integer { min: 0, max: limits::COUNT };
const PENDING: &str = ActivityStatus::Pending.json();
const COMPLETED: &str = ActivityStatus::Completed.json();

/// The slots of members that only activities of one type have.
const OF_TYPE: [(ActivityType, RangeInclusive<Slot>); 3] = [
    (ActivityType::Task, DUE_DATE..=DUE_DATE),
    (ActivityType::Call, Slot::new(10)..=Slot::new(12)),
    (ActivityType::Meeting, Slot::new(13)..=Slot::new(15)),
];

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::Activity, &Activity::members()));

closed_set! {
    /// Type of an activity.
    pub enum ActivityType {
        /// A note.
        Note = "note",
        /// Something to do.
        Task = "task",
        /// A telephone call.
        Call = "call",
        /// A meeting.
        Meeting = "meeting",
    }
}

closed_set! {
    /// Status of an activity.
    pub enum ActivityStatus {
        /// Not done yet.
        Pending = "pending",
        /// Done.
        Completed = "completed",
    }
}

closed_set! {
    /// Priority of an activity.
    pub enum Priority {
        /// Can wait.
        Low = "low",
        /// The usual priority.
        Normal = "normal",
        /// Ahead of normal.
        High = "high",
        /// Ahead of everything.
        Urgent = "urgent",
    }
}

closed_set! {
    /// Direction of a call.
    pub enum CallDirection {
        /// The tenant was called.
        Inbound = "inbound",
        /// The tenant called.
        Outbound = "outbound",
    }
}

resource! {
    /// A note, task, call or meeting. A member that belongs to another type of activity is refused.
    pub struct Activity;
    draft {
        /// Creates an [`Activity`].
        pub struct ActivityDraft;
    }
    update {
        /// Updates an [`Activity`].
        pub struct ActivityUpdate;
    }

    members {
        /// Identity of the activity.
        read id: Id<Activity> = schema::id();
        /// The tenant that it belongs to.
        read tenant_id: TenantId = schema::tenant_id();
        /// Type of the activity.
        required activity_type: ActivityType =
            stored(ACTIVITY_TYPE, "activityType", Rule::Choice(ActivityType::SET)).filtered(), filter ACTIVITY_TYPE;
        /// Subject.
        required subject: String = stored(Slot::new(1), "subject", SHORT).searched();
        /// Free text.
        optional body: String = stored(Slot::new(2), "body", Rule::LongText);
        /// The contact that it is with.
        optional contact_id: Id<Contact> =
            stored(Slot::new(3), "contactId", Rule::Reference(Kind::Contact)).filtered(), filter CONTACT_ID;
        /// The company that it is with.
        optional company_id: Id<Company> =
            stored(Slot::new(4), "companyId", Rule::Reference(Kind::Company)).filtered(), filter COMPANY_ID;
        /// The deal that it is for.
        optional deal_id: Id<Deal> =
            stored(DEAL_ID, "dealId", Rule::Reference(Kind::Deal)).filtered().keeping_newest(), filter DEAL_ID;
        /// The instant that it is planned for.
        optional scheduled_at: Timestamp = stored(Slot::new(6), "scheduledAt", Rule::Instant);
        /// The instant by which a task is to be done.
        optional due_date: Timestamp = stored(DUE_DATE, "dueDate", Rule::Instant);
        /// Priority.
        optional priority: Priority =
            stored(Slot::new(8), "priority", Rule::Choice(Priority::SET)).filtered(), filter PRIORITY;
        /// Status; `pending` unless it is set.
        defaulted status: ActivityStatus =
            stored(STATUS, "status", Rule::Choice(ActivityStatus::SET)).default(PENDING).filtered(), filter STATUS;
        /// Direction of a call.
        optional call_direction: CallDirection =
            stored(Slot::new(10), "callDirection", Rule::Choice(CallDirection::SET));
        /// Outcome of a call.
        optional call_outcome: String = stored(Slot::new(11), "callOutcome", SHORT);
        /// Length of a call, in seconds.
        optional call_duration_seconds: u64 = stored(Slot::new(12), "callDurationSeconds", COUNT);
        /// Length of a meeting, in minutes.
        optional duration_minutes: u64 = stored(Slot::new(13), "durationMinutes", COUNT);
        /// Place of a meeting.
        optional location: String = stored(Slot::new(14), "location", SHORT);
        /// Place of a meeting on the web.
        optional meeting_url: String = stored(Slot::new(15), "meetingUrl", Rule::Url);
        /// The user responsible.
        optional owner_id: Id<User> =
            stored(Slot::new(16), "ownerId", Rule::Reference(Kind::User)).filtered(), filter OWNER_ID;
        /// The instant at which its status became completed.
        read_optional completed_at: Timestamp = stored(COMPLETED_AT, "completedAt", Rule::Instant).read_only();
        /// The instant of its creation.
        read created_at: Timestamp = schema::created_at();
        /// The instant of its last change.
        read updated_at: Timestamp = schema::updated_at();
    }
}

impl Resource for Activity {
    const KIND: Kind = Kind::Activity;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for Activity {
    type Update = ActivityUpdate;

    fn definition() -> Definition {
        define(&MODEL, &RULES)
    }
}

impl Creatable for Activity {
    type Draft = ActivityDraft;
}

impl Bulkable for Activity {}

impl Searchable for Activity {}

static RULES: Rules = Rules { settle, events: |change| told::of_change(change, &MODEL), ..Rules::NONE };

/// The event of an activity besides that of any change: it is completed.
pub(super) const MOVES: [Move; 1] =
    [Move { event: Event::ActivityCompleted, member: "status", to: Some(COMPLETED) }];

/// Refuses members of another type, and keeps the instant of completion.
fn settle(_: &Transaction<'_>, activity: &mut Revision<'_>) -> Result<(), Error> {
    let own: Option<ActivityType> = match activity.text(ACTIVITY_TYPE) {
        "" => None,
        json => Some(read_stored(json.as_bytes(), "the type of an activity")?),
    };
    let others = OF_TYPE.iter().filter(|(of_type, _)| own.is_some_and(|own| own != *of_type));
    for (of_type, slots) in others {
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
