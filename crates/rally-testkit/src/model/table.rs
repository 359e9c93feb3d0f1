use rally_core::Kind;

use crate::resources::kinds;

/// A member of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    /// Name among all members that are kept of a record.
    pub(super) place: &'static str,
    pub(super) values: Values,
    pub(super) is_required: bool,
    pub(super) is_written: bool,
    /// The JSON text that it has when it was given no value.
    pub(super) default: &'static str,
    /// The filter by which a list is filtered by one of its values.
    pub(super) filter: Option<&'static str>,
    pub(super) is_searched: bool,
}

/// Values that a member can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    Text,
    Email,
    Domain,
    Url,
    /// 0 to this.
    Number(usize),
    Decimal,
    Flag,
    Word(&'static [&'static str]),
    Reference(Kind),
    /// The id of a stage of the deal's pipeline.
    StageOfPipeline,
    Stages,
    TagLine,
    Tags,
    Instant,
    Currency,
    TimeZone,
    Scopes,
    Password,
    /// One of the four of BANT.
    Criterion,
    /// None: it is made of other members when it is read.
    Made,
}

/// The members of a kind in the order in which they are written, without those that all kinds have.
pub(super) fn members(kind: Kind) -> &'static [Member] {
    match kind {
        Kind::Contact => &CONTACT,
        Kind::Company => &COMPANY,
        Kind::Deal => &DEAL,
        Kind::Activity => &ACTIVITY,
        Kind::User => &USER,
        Kind::Pipeline => &PIPELINE,
        Kind::ApiKey | Kind::Tenant | Kind::AuditEntry | Kind::Webhook => &[],
    }
}

/// The natural key of a kind, if it has one.
pub(super) const fn natural_key(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Contact | Kind::User => Some("email"),
        Kind::Company => Some("domain"),
        Kind::Deal
        | Kind::Activity
        | Kind::ApiKey
        | Kind::Tenant
        | Kind::Pipeline
        | Kind::AuditEntry
        | Kind::Webhook => None,
    }
}

/// The members by which an upsert of a kind finds its record.
pub(super) const fn matched_by(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Contact => &["email"],
        Kind::Company => &["domain"],
        Kind::Deal => &["pipelineId", "name"],
        Kind::Activity
        | Kind::User
        | Kind::ApiKey
        | Kind::Tenant
        | Kind::Pipeline
        | Kind::AuditEntry
        | Kind::Webhook => &[],
    }
}

/// The members by which records name one of a kind: by kind of record, in the order in which a deletion empties them.
pub(super) fn links_to(target: Kind) -> impl Iterator<Item = (Kind, &'static str)> {
    let names = move |member: &&Member| member.values == Values::Reference(target);
    kinds()
        .into_iter()
        .flat_map(move |kind| members(kind).iter().filter(names).map(move |member| (kind, member.name)))
}

const fn member(name: &'static str, values: Values) -> Member {
    Member {
        name,
        place: name,
        values,
        is_required: false,
        is_written: true,
        default: "null",
        filter: None,
        is_searched: false,
    }
}

const fn made(name: &'static str) -> Member {
    member(name, Values::Made).read_only()
}

impl Member {
    const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    const fn read_only(mut self) -> Self {
        self.is_written = false;
        self
    }

    const fn kept_as(mut self, place: &'static str) -> Self {
        self.place = place;
        self
    }

    const fn default(mut self, json: &'static str) -> Self {
        self.default = json;
        self
    }

    const fn filtered(self) -> Self {
        let name = self.name;
        self.filtered_as(name)
    }

    const fn filtered_as(mut self, parameter: &'static str) -> Self {
        self.filter = Some(parameter);
        self
    }

    const fn searched(mut self) -> Self {
        self.is_searched = true;
        self
    }
}

const COUNT: usize = 1_000_000_000_000;
const SIDES: Values = Values::Word(&["inbound", "outbound"]);

static CONTACT: [Member; 22] = [
    member("firstName", Values::Text).required(),
    member("lastName", Values::Text).required().searched(),
    made("fullName").searched(),
    member("email", Values::Email).required().filtered().searched(),
    member("phone", Values::Text),
    member("mobile", Values::Text),
    member("title", Values::Text),
    member("department", Values::Text),
    member("companyId", Values::Reference(Kind::Company)).filtered(),
    member("lifecycleStage", LIFECYCLE).default("\"lead\"").filtered(),
    member("leadSource", Values::Text).filtered(),
    member("leadScore", Values::Number(100)),
    member("tags", Values::TagLine).filtered_as("tag"),
    member("linkedInUrl", Values::Url),
    member("twitterHandle", Values::Text),
    member("address", Values::Text),
    member("city", Values::Text),
    member("state", Values::Text),
    member("country", Values::Text),
    member("postalCode", Values::Text),
    member("notes", Values::Text),
    member("ownerId", Values::Reference(Kind::User)).filtered(),
];

const LIFECYCLE: Values = Values::Word(&["lead", "qualified", "opportunity", "customer", "evangelist"]);

static COMPANY: [Member; 17] = [
    member("name", Values::Text).required().searched(),
    member("domain", Values::Domain).filtered().searched(),
    member("industry", Values::Text).filtered(),
    member("description", Values::Text),
    member("employeeCount", Values::Number(COUNT)),
    member("annualRevenue", Values::Decimal),
    member("phone", Values::Text),
    member("website", Values::Url),
    member("linkedInUrl", Values::Url),
    member("address", Values::Text),
    member("city", Values::Text),
    member("state", Values::Text),
    member("country", Values::Text),
    member("postalCode", Values::Text),
    member("tags", Values::Tags).filtered_as("tag"),
    member("notes", Values::Text),
    member("ownerId", Values::Reference(Kind::User)).filtered(),
];

static DEAL: [Member; 18] = [
    member("pipelineId", Values::Reference(Kind::Pipeline)).required().filtered(),
    member("stageId", Values::StageOfPipeline).required().filtered(),
    made("stageName"),
    member("contactId", Values::Reference(Kind::Contact)).filtered(),
    made("contactName"),
    member("companyId", Values::Reference(Kind::Company)).filtered(),
    made("companyName"),
    member("name", Values::Text).required().searched(),
    member("value", Values::Decimal),
    member("currency", Values::Currency),
    member("probability", Values::Number(100)),
    member("expectedCloseDate", Values::Instant),
    member("actualCloseDate", Values::Instant).read_only(),
    member("status", Values::Word(&["open", "won", "lost"])).read_only().filtered(),
    member("notes", Values::Text),
    member("ownerId", Values::Reference(Kind::User)).filtered(),
    made("ownerName"),
    made("lastActivityAt"),
];

static ACTIVITY: [Member; 18] = [
    member("activityType", Values::Word(&["note", "task", "call", "meeting"])).required().filtered(),
    member("subject", Values::Text).required().searched(),
    member("body", Values::Text),
    member("contactId", Values::Reference(Kind::Contact)).filtered(),
    member("companyId", Values::Reference(Kind::Company)).filtered(),
    member("dealId", Values::Reference(Kind::Deal)).filtered(),
    member("scheduledAt", Values::Instant),
    member("dueDate", Values::Instant),
    member("priority", Values::Word(&["low", "normal", "high", "urgent"])).filtered(),
    member("status", Values::Word(&["pending", "completed"])).default("\"pending\"").filtered(),
    member("callDirection", SIDES),
    member("callOutcome", Values::Text),
    member("callDurationSeconds", Values::Number(COUNT)),
    member("durationMinutes", Values::Number(COUNT)),
    member("location", Values::Text),
    member("meetingUrl", Values::Url),
    member("ownerId", Values::Reference(Kind::User)).filtered(),
    member("completedAt", Values::Instant).read_only(),
];

/// The members that only activities of one type have.
pub(super) const OF_TYPE: [(&str, &[&str]); 3] = [
    ("task", &["dueDate"]),
    ("call", &["callDirection", "callOutcome", "callDurationSeconds"]),
    ("meeting", &["durationMinutes", "location", "meetingUrl"]),
];

static USER: [Member; 5] = [
    member("email", Values::Email).required().searched(),
    member("name", Values::Text).required().searched(),
    member("scopes", Values::Scopes).default("\"read\""),
    member("isActive", Values::Flag).default("true"),
    member("password", Values::Password),
];

static PIPELINE: [Member; 3] = [
    member("name", Values::Text).required().searched(),
    member("isDefault", Values::Flag).default("false"),
    member("stages", Values::Stages).required(),
];

/// Members of a deal's qualification, which are read and written apart from the deal.
pub(super) static BANT: [Member; 7] = [
    member("budget", Values::Criterion),
    member("authority", Values::Criterion),
    member("need", Values::Criterion),
    member("timeline", Values::Criterion),
    made("score"),
    member("notes", Values::Text).kept_as("bantNotes"),
    member("updatedAt", Values::Instant).read_only().kept_as("bantUpdatedAt"),
];

/// Settings of a tenant. The profile is never set to its default: after a write without an answer, the settings would
/// not tell whether it was set.
pub(super) static SETTINGS: [Member; 5] = [
    member("name", Values::Text),
    member("timezone", Values::TimeZone).default("\"UTC\""),
    member("defaultCurrency", Values::Currency).default("\"USD\""),
    member("rateLimitPerMinute", Values::Number(1_000_000_000)),
    member("profile", Values::Word(&["strict"])),
];
