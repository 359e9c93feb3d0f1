//! Files of the resources: the names that other programs give to their columns, and the keys of their rows.

use uuid::Uuid;

use super::{Activity, Company, Contact, Deal, Pipeline, User, definition};
use crate::{
    base::{Error, Id, Kind},
    engine::{
        files::{
            Found, FoundBy, ImportKey, ImportMode, Inputs, Lookup, Related, Relations, Synonyms, Table,
            Tabular,
        },
        read::Query,
    },
};

/// The names of columns in exports of HubSpot, Pipedrive, Salesforce and Outlook, which the names of columns here and
/// case, blanks and punctuation do not tell.
const PEOPLE: Synonyms = &[
    ("firstName", &["Given name", "Forename", "Person - First name", "Vorname"]),
    ("lastName", &["Surname", "Family name", "Person - Last name", "Nachname"]),
    (
        "email",
        &[
            "E-mail address",
            "Email address",
            "Primary email",
            "Person - Email",
            "Email - Work",
            "Work email",
            "Mail",
        ],
    ),
    (
        "phone",
        &[
            "Phone number",
            "Business phone",
            "Telephone",
            "Telephone number",
            "Work phone",
            "Office phone",
            "Phone - Work",
            "Person - Phone",
            "Primary phone",
            "Tel",
        ],
    ),
    (
        "mobile",
        &["Mobile phone", "Mobile phone number", "Cell phone", "Cell", "Mobile number", "Phone - Mobile"],
    ),
    ("title", &["Job title", "Position", "Role", "Person - Job title"]),
    ("linkedInUrl", &["LinkedIn", "LinkedIn profile", "LinkedIn profile URL", "Person Linkedin Url"]),
    ("twitterHandle", &["Twitter", "Twitter username", "Twitter name", "X username"]),
    ("address", STREET),
    ("city", CITY),
    ("state", STATE),
    ("country", COUNTRY),
    ("postalCode", POSTAL_CODE),
    ("lifecycleStage", &["Lifecycle", "Contact stage"]),
    ("leadSource", &["Source", "Original source", "Original traffic source", "Lead origin"]),
    ("leadScore", &["Score", "HubSpot score", "Contact score"]),
    ("tags", LABELS),
    ("notes", NOTES),
    (
        "companyName",
        &[
            "Company",
            "Account",
            "Account name",
            "Organization",
            "Organisation",
            "Organization name",
            "Associated company",
            "Primary associated company",
            "Person - Organization",
            "Employer",
        ],
    ),
    ("companyDomain", &["Company domain name", "Associated company domain"]),
    ("ownerName", OWNER),
    ("ownerEmail", OWNER_EMAIL),
];

const COMPANIES: Synonyms = &[
    (
        "name",
        &[
            "Company name",
            "Company",
            "Account name",
            "Account",
            "Organization",
            "Organisation",
            "Organization - Name",
            "Organization name",
        ],
    ),
    ("domain", &["Company domain name", "Website domain", "Domain name", "Email domain"]),
    ("industry", &["Sector", "Industry type", "Organization - Industry"]),
    ("description", &["About us", "About", "Account description", "Company description"]),
    ("employeeCount", &["Employees", "Number of employees", "No. of employees", "Staff", "Headcount"]),
    ("annualRevenue", &["Revenue", "Annual turnover", "Turnover", "Total revenue"]),
    ("phone", &["Phone number", "Telephone", "Main phone", "Business phone", "Account phone"]),
    ("website", &["Website URL", "Web page", "URL", "Homepage", "Web site"]),
    ("linkedInUrl", &["LinkedIn", "LinkedIn company page", "LinkedIn profile"]),
    ("address", STREET),
    ("city", CITY),
    ("state", STATE),
    ("country", COUNTRY),
    ("postalCode", POSTAL_CODE),
    ("tags", LABELS),
    ("notes", NOTES),
    ("ownerName", OWNER),
    ("ownerEmail", OWNER_EMAIL),
];

const DEALS: Synonyms = &[
    ("name", &["Deal name", "Opportunity name", "Opportunity", "Title", "Deal - Title", "Deal title"]),
    ("pipelineName", &["Pipeline", "Deal pipeline", "Deal - Pipeline", "Sales pipeline"]),
    ("stageName", &["Stage", "Deal stage", "Deal - Stage", "Opportunity stage", "Sales stage"]),
    (
        "value",
        &[
            "Amount",
            "Deal value",
            "Deal - Value",
            "Opportunity amount",
            "Close value",
            "Amount in company currency",
        ],
    ),
    (
        "currency",
        &[
            "Deal currency",
            "Currency of value",
            "Deal - Currency of value",
            "Currency code",
            "Opportunity currency",
        ],
    ),
    ("probability", &["Probability (%)", "Deal probability", "Deal - Probability", "Win probability"]),
    ("expectedCloseDate", &["Close date", "Expected close", "Deal - Expected close date", "Closing date"]),
    ("notes", &["Note", "Description", "Comments", "Deal description"]),
    (
        "companyName",
        &[
            "Company",
            "Account",
            "Account name",
            "Organization",
            "Organisation",
            "Associated company",
            "Primary associated company",
            "Deal - Organization",
        ],
    ),
    ("companyDomain", &["Company domain name"]),
    (
        "contactName",
        &["Contact", "Contact person", "Associated contact", "Deal - Contact person", "Primary contact"],
    ),
    ("contactEmail", &["Associated contact email", "Contact e-mail", "Person - Email"]),
    (
        "ownerName",
        &[
            "Owner",
            "Deal owner",
            "Opportunity owner",
            "Deal - Owner",
            "Sales agent",
            "Sales rep",
            "Assigned to",
        ],
    ),
    ("ownerEmail", OWNER_EMAIL),
];

const ACTIVITIES: Synonyms = &[
    ("activityType", &["Type", "Task type", "Activity - Type", "Kind"]),
    ("subject", &["Title", "Task title", "Activity - Subject", "Task name", "Name", "Topic"]),
    (
        "body",
        &["Note", "Notes", "Description", "Comments", "Full comments", "Content", "Text", "Activity - Note"],
    ),
    ("scheduledAt", &["Scheduled", "Start", "Start date", "Start time", "Activity date"]),
    ("dueDate", &["Due", "Deadline", "Activity - Due date", "Due on"]),
    ("status", &["Task status", "State"]),
    ("callDirection", &["Direction", "Call type"]),
    ("callOutcome", &["Outcome", "Call result"]),
    ("callDurationSeconds", &["Call duration", "Call duration (seconds)", "Duration in seconds"]),
    ("durationMinutes", &["Duration", "Duration in minutes", "Meeting duration"]),
    ("location", &["Place", "Meeting location"]),
    ("meetingUrl", &["Meeting link", "Join URL", "Video link"]),
    ("contactName", &["Contact", "Contact person", "Associated contact", "Person"]),
    ("contactEmail", &["Associated contact email"]),
    ("companyName", &["Company", "Account", "Account name", "Organization", "Related to"]),
    ("companyDomain", &["Company domain name"]),
    ("dealName", &["Deal", "Opportunity", "Opportunity name", "Associated deal"]),
    ("ownerName", &["Owner", "Assigned to", "Activity owner", "Task owner", "Assigned to user"]),
    ("ownerEmail", OWNER_EMAIL),
];

const STREET: &[&str] = &[
    "Street",
    "Street address",
    "Address line 1",
    "Mailing street",
    "Business street",
    "Billing street",
    "Street name",
    "Organization - Address",
];
const CITY: &[&str] = &["Town", "Mailing city", "Business city", "Billing city", "Locality"];
const STATE: &[&str] = &[
    "Province",
    "State/Region",
    "State/Province",
    "Region",
    "Mailing state/province",
    "Mailing state",
    "Business state",
    "Billing state/province",
    "Billing state",
];
const COUNTRY: &[&str] = &[
    "Country/Region",
    "Mailing country",
    "Business country",
    "Business country/region",
    "Billing country",
    "Office location",
];
const POSTAL_CODE: &[&str] = &[
    "ZIP",
    "ZIP code",
    "Postcode",
    "ZIP/Postal code",
    "Mailing zip/postal code",
    "Mailing zip",
    "Business postal code",
    "Billing zip/postal code",
    "Billing zip",
    "PLZ",
];
const LABELS: &[&str] = &["Tag", "Labels", "Label", "Categories", "Category"];
const NOTES: &[&str] = &["Note", "Comments", "Comment", "Remarks"];
const OWNER: &[&str] = &[
    "Owner",
    "Contact owner",
    "Company owner",
    "Account owner",
    "Record owner",
    "Assigned to",
    "Lead owner",
    "Person - Owner",
    "Organization - Owner",
];
const OWNER_EMAIL: &[&str] = &["Owner e-mail", "Owner email address"];

impl Tabular for Contact {
    fn table() -> Table {
        const KEYS: &[(ImportKey, FoundBy)] =
            &[(ImportKey::Email, FoundBy::Upsert(super::contacts::MATCHED_BY))];
        Table { synonyms: PEOPLE, keys: KEYS, relations: &RELATIONS, complete: |_, _| Ok(()) }
    }
}

impl Tabular for Company {
    fn table() -> Table {
        const KEYS: &[(ImportKey, FoundBy)] = &[
            (ImportKey::Domain, FoundBy::Upsert(super::companies::MATCHED_BY)),
            (ImportKey::Name, FoundBy::Name),
        ];
        Table { synonyms: COMPANIES, keys: KEYS, relations: &RELATIONS, complete: |_, _| Ok(()) }
    }
}

impl Tabular for Deal {
    fn table() -> Table {
        const KEYS: &[(ImportKey, FoundBy)] = &[(ImportKey::Name, FoundBy::Upsert(super::deals::MATCHED_BY))];
        Table { synonyms: DEALS, keys: KEYS, relations: &RELATIONS, complete: find_stage }
    }
}

impl Tabular for Activity {
    fn table() -> Table {
        Table { synonyms: ACTIVITIES, keys: &[], relations: &RELATIONS, complete: |_, _| Ok(()) }
    }
}

/// Finds the pipeline and the stage of a deal, whose name counts within the pipeline alone. A row without a pipeline is
/// of the default one, unless it is an update of a deal that has one.
fn find_stage(row: &mut Inputs, lookup: &mut Lookup<'_>) -> Result<(), Error> {
    let given = row.take_reference("pipelineId");
    let mut pipeline = match &given {
        Some(cells) => lookup.resolve_one(Kind::Pipeline, cells, row)?,
        None => None,
    };
    if given.is_none() && !(lookup.mode == ImportMode::Update && lookup.finds_by_id()) {
        pipeline = default_pipeline(lookup)?;
        pipeline.iter().for_each(|id| row.set_id("pipelineId", *id));
    }
    let Some(cells) = row.take_reference("stageId") else { return Ok(()) };
    if given.is_some() && pipeline.is_none() {
        return Ok(());
    }
    let mut found = Found::None;
    for text in cells.texts() {
        found = stage(lookup, pipeline, text)?;
        if found != Found::None {
            break;
        }
    }
    match found {
        Found::One(id) => row.set_id("stageId", id),
        Found::Several(_) => {
            row.unknown("stageId", "names stages of several pipelines; name the pipeline, too")
        }
        Found::None => {
            let text = cells.texts().next().unwrap_or_default();
            row.unknown("stageId", format!("names no stage of the pipeline: {text:?}"));
        }
    }
    Ok(())
}

/// The stages that a text means: in a pipeline, or in any.
fn stage(lookup: &mut Lookup<'_>, pipeline: Option<Uuid>, text: &str) -> Result<Found, Error> {
    let view = lookup.view;
    let among = pipeline.map_or_else(|| "stages".to_owned(), |id| format!("stages of {id}"));
    lookup.remembered(&among, text, || {
        let pipelines = match pipeline {
            Some(id) => vec![view.pipelines().get(Id::from_uuid(id))?],
            None => view.pipelines().all(Query::all())?.collect::<Result<Vec<_>, _>>()?,
        };
        let is_meant = |stage: &&super::PipelineStage| {
            stage.name.eq_ignore_ascii_case(text.trim()) || stage.id.to_string() == text.to_lowercase()
        };
        let stages = pipelines.iter().flat_map(|pipeline| &pipeline.stages).filter(is_meant);
        Ok(stages.map(|stage| stage.id.as_uuid()).collect::<Vec<_>>().into())
    })
}

fn default_pipeline(lookup: &mut Lookup<'_>) -> Result<Option<Uuid>, Error> {
    let view = lookup.view;
    let found = lookup.remembered("default pipeline", "", || {
        let all = view.pipelines().all(Query::all())?;
        for pipeline in all {
            let pipeline = pipeline?;
            if pipeline.is_default {
                return Ok(Found::One(pipeline.id.as_uuid()));
            }
        }
        Ok(Found::None)
    })?;
    Ok(match found {
        Found::One(id) => Some(id),
        _ => None,
    })
}

static RELATIONS: Relations = Relations { model: |kind| definition(kind).model, of: related };

/// The records of a kind that rows refer to or stand for. No row does of the other kinds, so nothing is compiled for them.
fn related(kind: Kind) -> Result<Related, Error> {
    match kind {
        Kind::Contact => Ok(Related::of::<Contact>()),
        Kind::Company => Ok(Related::of::<Company>()),
        Kind::Deal => Ok(Related::of::<Deal>()),
        Kind::Activity => Ok(Related::of::<Activity>()),
        Kind::Pipeline => Ok(Related::of::<Pipeline>()),
        Kind::User => Ok(Related::of::<User>()),
        Kind::ApiKey | Kind::Tenant | Kind::AuditEntry | Kind::Webhook => {
            Err(Error::internal(format!("no row of a file refers to a record of the kind {kind}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::schema::Rule;

    #[test]
    fn rows_refer_to_no_records_but_those_that_are_looked_for() {
        for kind in Kind::IN_FEED {
            assert!(related(*kind).is_ok(), "{kind}");
            for member in definition(*kind).model.members() {
                let Rule::Reference(referred) = member.rule else { continue };
                assert!(related(referred).is_ok(), "{} of a {kind}", member.name);
            }
        }
    }
}
