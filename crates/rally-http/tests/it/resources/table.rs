//! The table of resources.

use rally_core::Kind;

/// A resource with a URL noun of its own. In templates `#` is a number, and `<company>` is the id of one.
pub(crate) struct Resource {
    pub(crate) noun: &'static str,
    pub(crate) one: &'static str,
    /// The scope that reads ask for.
    pub(crate) reads: &'static str,
    /// The scope that writes ask for.
    pub(crate) writes: &'static str,
    /// A body with the required members alone.
    pub(crate) least: &'static str,
    /// Bodies with, together, every member that can be sent.
    pub(crate) wholes: &'static [&'static str],
    /// A text, and the most characters that it may have.
    pub(crate) text: (&'static str, usize),
    /// Members that are answered and cannot be sent.
    pub(crate) read_only: &'static [&'static str],
    pub(crate) upsert: bool,
    pub(crate) bulk: bool,
    /// True if the changes of a record can be read.
    pub(crate) history: bool,
    /// Parameters of the list, each with a value that only the first whole has and one that no record can have.
    pub(crate) filters: &'static [(&'static str, &'static str, &'static str)],
    /// The beginning of a name of the first whole, in the other case of letters.
    pub(crate) searched: &'static [&'static str],
}

const TEXT_OF_256: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                           xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                           xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                           xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

pub(crate) static RESOURCES: &[Resource] =
    &[CONTACTS, COMPANIES, DEALS, PIPELINES, ACTIVITIES, USERS, WEBHOOKS];

/// The row of a kind. Kinds that take no ordinary body have none.
fn of_kind(kind: Kind) -> Option<Resource> {
    Some(match kind {
        Kind::Contact => CONTACTS,
        Kind::Company => COMPANIES,
        Kind::Deal => DEALS,
        Kind::Pipeline => PIPELINES,
        Kind::Activity => ACTIVITIES,
        Kind::User => USERS,
        Kind::Webhook => WEBHOOKS,
        Kind::ApiKey | Kind::Tenant | Kind::AuditEntry => return None,
    })
}

#[test]
fn every_kind_of_resource_has_its_row() {
    let nouns: Vec<&str> = RESOURCES.iter().map(|resource| resource.noun).collect();
    for (kind, row) in Kind::ALL.iter().filter_map(|kind| Some((kind, of_kind(*kind)?))) {
        assert_eq!((row.noun, row.one), (kind.plural(), kind.noun()));
        assert!(nouns.contains(&row.noun), "{}", row.noun);
    }
}

pub(crate) const CONTACTS: Resource = Resource {
    noun: "contacts",
    one: "contact",
    reads: "read",
    writes: "write",
    least: r#"{"firstName":"Ada","lastName":"King","email":"c#@x.example"}"#,
    wholes: &[
        r#"{"firstName":"Augusta","lastName":"Lovelace","email":"augusta#@x.example","phone":"1","mobile":"2",
        "title":"Countess","department":"Notes","companyId":"<company>","lifecycleStage":"customer",
        "leadSource":"letter","leadScore":100,"tags":"first,programmer","linkedInUrl":"https://x.example/ada",
        "twitterHandle":"ada","address":"St James's Square 12","city":"London","state":"England","country":"UK",
        "postalCode":"SW1Y 4JH","notes":"Note G","ownerId":"<user>"}"#,
    ],
    text: ("title", 255),
    read_only: &["id", "tenantId", "fullName", "createdAt", "updatedAt"],
    upsert: true,
    bulk: true,
    history: true,
    filters: &[
        ("email", "AUGUSTA#@x.example", "x"),
        ("companyId", "<company>", "7"),
        ("ownerId", "<user>", "x"),
        ("lifecycleStage", "customer", "boss"),
        ("leadSource", "letter", TEXT_OF_256),
        ("tag", "programmer", ""),
    ],
    searched: &["aUGUSTA%20l", "love", "AUGUSTA"],
};

pub(crate) const COMPANIES: Resource = Resource {
    noun: "companies",
    one: "company",
    reads: "read",
    writes: "write",
    least: r#"{"name":"Company #","domain":"d#.example"}"#,
    wholes: &[r#"{"name":"Mills","domain":"mills#.example","industry":"Cotton","description":"Looms",
        "employeeCount":1834,"annualRevenue":1200000.5,"phone":"1","website":"https://mills.example",
        "linkedInUrl":"https://x.example/mills","address":"Mill Road 1","city":"Manchester","state":"Lancashire",
        "country":"UK","postalCode":"M1","tags":["steam","looms, power"],"notes":"Soot","ownerId":"<user>"}"#],
    text: ("industry", 255),
    read_only: &["id", "tenantId", "createdAt", "updatedAt"],
    upsert: true,
    bulk: true,
    history: true,
    filters: &[
        ("domain", "https://www.mills#.example/x", "no%20domain"),
        ("industry", "Cotton", TEXT_OF_256),
        ("ownerId", "<user>", "7"),
        ("tag", "looms,%20power", ""),
    ],
    searched: &["mILL", "mills1.e", "MILLS"],
};

pub(crate) const DEALS: Resource = Resource {
    noun: "deals",
    one: "deal",
    reads: "read",
    writes: "write",
    least: r#"{"pipelineId":"<pipeline>","stageId":"<lead>","name":"Deal #"}"#,
    wholes: &[r#"{"pipelineId":"<partners>","stageId":"<signed>","name":"Tables #","contactId":"<contact>",
        "companyId":"<company>","value":1500.25,"currency":"GBP","probability":99,
        "expectedCloseDate":"2025-06-30T00:00:00.000000Z","notes":"By post","ownerId":"<user>"}"#],
    text: ("name", 255),
    read_only: &[
        "id",
        "tenantId",
        "stageName",
        "contactName",
        "companyName",
        "actualCloseDate",
        "status",
        "ownerName",
        "lastActivityAt",
        "createdAt",
        "updatedAt",
    ],
    upsert: true,
    bulk: true,
    history: true,
    filters: &[
        ("pipelineId", "<partners>", "7"),
        ("stageId", "<signed>", "x"),
        ("contactId", "<contact>", "7"),
        ("companyId", "<company>", "7"),
        ("ownerId", "<user>", "7"),
        ("status", "won", "closed"),
    ],
    searched: &["tABLES"],
};

pub(crate) const PIPELINES: Resource = Resource {
    noun: "pipelines",
    one: "pipeline",
    reads: "read",
    writes: "admin",
    least: r#"{"name":"Pipeline #","stages":[{"name":"Start"}]}"#,
    wholes: &[
        r#"{"name":"Renewals #","isDefault":false,"stages":[{"name":"Due","probability":80,"outcome":"open"},
        {"name":"Done","probability":100,"outcome":"won"},{"name":"Gone","probability":0,"outcome":"lost"}]}"#,
    ],
    text: ("name", 255),
    read_only: &["id", "tenantId", "createdAt", "updatedAt"],
    upsert: false,
    bulk: false,
    history: false,
    filters: &[],
    searched: &["rENEW"],
};

pub(crate) const ACTIVITIES: Resource = Resource {
    noun: "activities",
    one: "activity",
    reads: "read",
    writes: "write",
    least: r#"{"activityType":"note","subject":"Note #"}"#,
    wholes: &[
        r#"{"activityType":"call","subject":"Ring #","body":"About the engine","contactId":"<contact>",
            "companyId":"<company>","dealId":"<deal>","scheduledAt":"2025-02-03T09:00:00.000000Z","priority":"urgent",
            "status":"completed","callDirection":"outbound","callOutcome":"Agreed","callDurationSeconds":300,
            "ownerId":"<user>"}"#,
        r#"{"activityType":"task","subject":"Send #","dueDate":"2025-02-04T00:00:00.000000Z"}"#,
        r#"{"activityType":"meeting","subject":"Meet #","durationMinutes":45,"location":"Room 1",
            "meetingUrl":"https://x.example/m"}"#,
    ],
    text: ("subject", 255),
    read_only: &["id", "tenantId", "completedAt", "createdAt", "updatedAt"],
    upsert: false,
    bulk: true,
    history: true,
    filters: &[
        ("activityType", "call", "letter"),
        ("status", "completed", "done"),
        ("contactId", "<contact>", "7"),
        ("companyId", "<company>", "7"),
        ("dealId", "<deal>", "7"),
        ("ownerId", "<user>", "7"),
        ("priority", "urgent", "2"),
    ],
    searched: &["rING"],
};

const USERS: Resource = Resource {
    noun: "users",
    one: "user",
    reads: "read",
    writes: "admin",
    least: r#"{"email":"u#@x.example","name":"User #"}"#,
    wholes: &[r#"{"email":"Grace#@x.example","name":"Grace Hopper","scopes":"read,write","isActive":false,
        "password":"nanoseconds #"}"#],
    text: ("name", 255),
    read_only: &["id", "tenantId", "createdAt", "updatedAt"],
    upsert: false,
    bulk: false,
    history: false,
    filters: &[],
    searched: &["grace", "GRACE%20H"],
};

const WEBHOOKS: Resource = Resource {
    noun: "webhooks",
    one: "webhook",
    reads: "admin",
    writes: "admin",
    least: r##"{"name":"Hook #","url":"https://x.example/#","events":["*"]}"##,
    wholes: &[
        r##"{"name":"Ledger","url":"https://ledger.example:8443/hook?from=#","events":["deal.won","deal.lost"],
        "isActive":false,"ordering":"strict","filter":{"changedFields":["stageId"],"pipelineId":"<partners>"}}"##,
    ],
    text: ("name", 255),
    read_only: &["id", "lastTriggeredAt", "failureCount", "createdAt", "disabledReason", "nextAttemptAt"],
    history: false,
    upsert: false,
    bulk: false,
    filters: &[],
    searched: &[],
};
