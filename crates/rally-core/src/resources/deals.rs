use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{
    Company, Contact, Pipeline, PipelineStage, User, activities, bant, companies, contacts, links_to,
    pipelines, users,
};
use crate::{
    base::{Decimal, Error, Id, Kind, Patch, TenantId, Timestamp, instant_of, limits},
    engine::{
        self, Answer, Body, Bulkable, By, Change, Collection, Creatable, Draft, Editable, Join, Json, Link,
        Matching, Member, Model, Outcome, Record, RecordParts, Resource, Revision, Rule, Rules, Session,
        Stage, Upsertable, WriteOptions, Written, joined, lookup, newest_key, quote, record_key,
        reference_id, stored,
    },
    store::{Key, read_uuid},
};

pub(super) const PIPELINE_ID: u8 = 0;
pub(super) const STAGE_ID: u8 = 1;
const CONTACT_ID: u8 = 2;
const COMPANY_ID: u8 = 3;
const NAME: u8 = 4;
pub(super) const VALUE: u8 = 5;
pub(super) const CURRENCY: u8 = 6;
pub(super) const PROBABILITY: u8 = 7;
const ACTUAL_CLOSE_DATE: u8 = 9;
const STATUS: u8 = 10;
const OWNER_ID: u8 = 12;
/// The first of the slots that [`Bant`](super::Bant) has.
pub(super) const BANT: u8 = 13;
/// The index by which an upsert finds a deal: its pipeline and its name.
const BY_NAME: u8 = 200;

const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const OUTCOMES: Rule = Rule::Choice(&["open", "won", "lost"]);

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let bant = bant::members().map(Member::hidden);
    Model::new(&[&members()[..], &bant].concat()).under(Rules { settle, ..Rules::NONE })
});

/// What a stage move says, by the slots of the deal.
static MOVE: LazyLock<Model> = LazyLock::new(|| {
    let is_said = |member: &Member| matches!(member.name, "stageId" | "probability");
    let said = |member: &Member| if is_said(member) { *member } else { member.hidden() };
    Model::new(&MODEL.members().iter().map(said).collect::<Vec<_>>())
});

fn members() -> Vec<Member> {
    vec![
        engine::id(),
        engine::tenant_id(),
        stored(PIPELINE_ID, "pipelineId", Rule::Reference(Kind::Pipeline)).required().filtered(),
        stored(STAGE_ID, "stageId", Rule::Id).required().filtered(),
        joined(0, "stageName", SHORT, STAGE_NAME),
        stored(CONTACT_ID, "contactId", Rule::Reference(Kind::Contact)).filtered(),
        joined(1, "contactName", Rule::Text { characters: 2 * limits::SHORT_TEXT + 1 }, CONTACT_NAME),
        stored(COMPANY_ID, "companyId", Rule::Reference(Kind::Company)).filtered(),
        joined(2, "companyName", SHORT, COMPANY_NAME),
        stored(NAME, "name", SHORT).required().searched(),
        stored(VALUE, "value", Rule::Decimal),
        stored(CURRENCY, "currency", Rule::Currency).always(),
        stored(PROBABILITY, "probability", Rule::Integer { min: 0, max: 100 }).always(),
        stored(8, "expectedCloseDate", Rule::Instant),
        stored(ACTUAL_CLOSE_DATE, "actualCloseDate", Rule::Instant).read_only(),
        stored(STATUS, "status", OUTCOMES).always().read_only().filtered(),
        stored(11, "notes", Rule::LongText),
        stored(OWNER_ID, "ownerId", Rule::Reference(Kind::User)).filtered(),
        joined(3, "ownerName", SHORT, OWNER_NAME),
        joined(4, "lastActivityAt", Rule::Instant, LAST_ACTIVITY_AT),
        lookup(BY_NAME, write_pipeline_and_name),
        engine::created_at(),
        engine::updated_at(),
    ]
}

/// The stored members of a deal, for a resource that is a part of it.
pub(super) fn hidden() -> Vec<Member> {
    members().iter().filter(|member| member.slot().is_some()).map(|member| member.hidden()).collect()
}

/// An opportunity in a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Deal {
    /// The deal's id.
    pub id: Id<Deal>,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// The pipeline that it goes through.
    pub pipeline_id: Id<Pipeline>,
    /// The stage of that pipeline that it is in.
    pub stage_id: Id<PipelineStage>,
    /// What that stage is called now.
    pub stage_name: Option<String>,
    /// The contact that it is made with.
    pub contact_id: Option<Id<Contact>>,
    /// What that contact is called now.
    pub contact_name: Option<String>,
    /// The company that it is made with.
    pub company_id: Option<Id<Company>>,
    /// What that company is called now.
    pub company_name: Option<String>,
    /// What it is called; several may be called the same.
    pub name: String,
    /// What it is worth.
    pub value: Option<Decimal>,
    /// The currency of its value (ISO 4217).
    pub currency: String,
    /// How likely it is to be won, 0 to 100; that of its stage when none was given.
    pub probability: u8,
    /// When it is expected to be won or lost.
    pub expected_close_date: Option<Timestamp>,
    /// When it was won or lost.
    pub actual_close_date: Option<Timestamp>,
    /// `open`, `won` or `lost`: the outcome of its stage.
    pub status: String,
    /// Free text.
    pub notes: Option<String>,
    /// The user responsible.
    pub owner_id: Option<Id<User>>,
    /// What that user is called now.
    pub owner_name: Option<String>,
    /// When the newest of its activities was created.
    pub last_activity_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What creates a [`Deal`]; pipeline, stage and name are required. Where it updates one, a member that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Deal`")]
pub struct DealDraft {
    pub pipeline_id: Id<Pipeline>,
    pub stage_id: Id<PipelineStage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<Id<Contact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_id: Option<Id<Company>>,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_close_date: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Id<User>>,
}

/// What updates a [`Deal`]; each member stays, is cleared or is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Deal`")]
pub struct DealChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub pipeline_id: Patch<Id<Pipeline>>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub stage_id: Patch<Id<PipelineStage>>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub contact_id: Patch<Id<Contact>>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub company_id: Patch<Id<Company>>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub name: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub value: Patch<Decimal>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub currency: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub probability: Patch<u8>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub expected_close_date: Patch<Timestamp>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub notes: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub owner_id: Patch<Id<User>>,
}

impl Session {
    /// The tenant's deals.
    #[must_use]
    pub fn deals(&self) -> Collection<'_, Deal> {
        Collection::new(self)
    }
}

impl Collection<'_, Deal> {
    /// Moves a deal to another stage of its pipeline. Its probability becomes the stage's; a deal that is won or lost by
    /// that has closed now, and one that is open again has not. To move it to the stage where it is changes nothing.
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound), and [`Code::BadReference`](crate::Code::BadReference) for a stage of
    /// another pipeline.
    pub fn move_to(&self, id: Id<Deal>, stage: Id<PipelineStage>) -> Result<Written<Deal>, Error> {
        let json = format!("{{\"stageId\":\"{stage}\"}}");
        self.move_with(id, &Json(json.as_bytes()), &WriteOptions::default())
    }

    /// [`move_to`](Collection::move_to) by `{"stageId": …, "probability": …}`, with options. The probability becomes the
    /// one given, if one is.
    ///
    /// # Errors
    /// Those of `move_to`, [`Code::Validation`](crate::Code::Validation), and those of the options.
    pub fn move_with(
        &self,
        id: Id<Deal>,
        to: &Json<'_>,
        options: &WriteOptions,
    ) -> Result<Written<Deal>, Error> {
        self.session.require(Deal::WRITE)?;
        let mut body = Body::read(&MOVE, to.0, self.session.tenant().profile, "the body")?;
        if !body.mentions(STAGE_ID) {
            body.faults.add("stageId", "is required");
        }
        let options = options.for_act("move", Some(id));
        self.write_one(Some(id), &options, &body, &mut |stage| {
            let deal = engine::existing::<Deal>(stage, id.as_uuid(), options.if_version)?;
            let is_there = |deal: &Record<'_>| {
                body.faults.is_empty() && body.value(STAGE_ID).map(str::as_bytes) == Some(deal.slot(STAGE_ID))
            };
            if is_there(&Record::read(stage.tenant.id, id.as_uuid(), &deal)?) {
                return Ok(Answer::written(Outcome::Unchanged, id.as_uuid(), deal));
            }
            engine::merge::<Deal>(stage, id.as_uuid(), &body, options.if_version)
        })
    }
}

impl Resource for Deal {
    const KIND: Kind = Kind::Deal;

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        links_to(Self::KIND)
    }
}

impl Editable for Deal {
    type Change = DealChange;
}

impl Creatable for Deal {
    type Draft = DealDraft;
}

impl Upsertable for Deal {
    fn matched_by() -> Matching {
        Matching(By::Index(BY_NAME, &[PIPELINE_ID, NAME]))
    }
}

impl Bulkable for Deal {}

impl Draft<Deal> for DealDraft {}

impl Change<Deal> for DealChange {}

/// Checks a deal's stage and lets follow what follows from it: probability, status and the date of the close.
fn settle(stage: &Stage<'_>, deal: &mut Revision<'_>) -> Result<(), Error> {
    if deal.text(CURRENCY).is_empty() {
        deal.set(CURRENCY, quote(&stage.tenant.default_currency));
    }
    let stays = !deal.changes(PIPELINE_ID) && !deal.changes(STAGE_ID) && !deal.text(PROBABILITY).is_empty();
    let ids =
        reference_id(deal.text(PIPELINE_ID).as_bytes()).zip(reference_id(deal.text(STAGE_ID).as_bytes()));
    let Some((pipeline, stage_id)) = ids.filter(|_| !stays) else { return Ok(()) };
    let Some(pipeline) = stage.find(Kind::Pipeline, pipeline)? else { return Ok(()) };
    let Some(target) = pipelines::stages(&pipeline)?.into_iter().find(|stage| stage.id.as_uuid() == stage_id)
    else {
        deal.unknown.add("stageId", "names no stage of this pipeline");
        return Ok(());
    };
    let is_moved = deal.changes(STAGE_ID) && !deal.gives(PROBABILITY);
    if is_moved || deal.text(PROBABILITY).is_empty() {
        deal.set(PROBABILITY, target.probability.to_string());
    }
    deal.set(STATUS, quote(&target.outcome));
    if deal.changes(STATUS) {
        let now = quote(&deal.at.to_string());
        deal.set(ACTUAL_CLOSE_DATE, if target.outcome == "open" { String::new() } else { now });
    }
    Ok(())
}

/// What an upsert matches: both texts as they are stored.
fn write_pipeline_and_name(deal: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(deal.slot(PIPELINE_ID));
    out.push(b'\n');
    out.extend_from_slice(deal.slot(NAME));
}

const STAGE_NAME: Join = Join {
    is_of_others: false,
    key: |deal| named(deal, PIPELINE_ID, Kind::Pipeline),
    write: |deal, row, out| {
        let Some(id) = reference_id(deal.slot(STAGE_ID)) else { return Ok(()) };
        out.extend(pipelines::stage_name(row, id)?.unwrap_or_default().bytes());
        Ok(())
    },
};

const CONTACT_NAME: Join = Join {
    is_of_others: false,
    key: |deal| named(deal, CONTACT_ID, Kind::Contact),
    write: |deal, row, out| {
        contacts::full_name(&Record::read(deal.tenant, deal.id, row)?, out);
        Ok(())
    },
};

const COMPANY_NAME: Join = Join {
    is_of_others: false,
    key: |deal| named(deal, COMPANY_ID, Kind::Company),
    write: |_, row, out| member(row, companies::NAME, out),
};

const OWNER_NAME: Join = Join {
    is_of_others: false,
    key: |deal| named(deal, OWNER_ID, Kind::User),
    write: |_, row, out| member(row, users::NAME, out),
};

const LAST_ACTIVITY_AT: Join = Join {
    is_of_others: true,
    key: |deal| Some(newest_key(Kind::Activity, activities::DEAL_ID, deal.id)),
    write: |_, row, out| {
        let newest = read_uuid(row).map(|newest| quote(&instant_of(newest).to_string()));
        out.extend(newest.unwrap_or_default().bytes());
        Ok(())
    },
};

/// Where the record is that a member names.
fn named(deal: &Record<'_>, slot: u8, kind: Kind) -> Option<Key> {
    reference_id(deal.slot(slot)).map(|id| record_key(kind, id))
}

fn member(row: &[u8], slot: u8, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(RecordParts::read(row)?.slot(slot));
    Ok(())
}
