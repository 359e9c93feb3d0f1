use std::sync::LazyLock;

use uuid::Uuid;

use super::{
    Company, Contact, Event, Pipeline, PipelineStage, StageOutcome, User, activities, bant, companies,
    contacts, define, pipelines, users,
    webhooks::told::{self, Move},
};
use crate::{
    base::{Currency, Decimal, Error, Id, Kind, TenantId, Timestamp, closed_set, limits},
    engine::{
        codec::{self, NewestV1, RecordParts, Slot},
        keys::spaces,
        schema::{
            self, IndexNumber, Join, Member, Model, Record, Resource, Row, Rule, Searchable, Summed, joined,
            lookup, quote, reference_id, stored,
        },
        session::resource,
        write::{
            Bulkable, Change, Creatable, Definition, Editable, Events, MatchedBy, Revision, Rules,
            Transaction, Upsertable,
        },
    },
    store::{Key, StoreError},
};

mod moves;

pub use moves::StageMove;

pub(super) const PIPELINE_ID: Slot = Slot::new(0);
pub(super) const STAGE_ID: Slot = Slot::new(1);
const CONTACT_ID: Slot = Slot::new(2);
const COMPANY_ID: Slot = Slot::new(3);
const NAME: Slot = Slot::new(4);
pub(super) const VALUE: Slot = Slot::new(5);
pub(super) const CURRENCY: Slot = Slot::new(6);
pub(super) const PROBABILITY: Slot = Slot::new(7);
const ACTUAL_CLOSE_DATE: Slot = Slot::new(9);
const STATUS: Slot = Slot::new(10);
const OWNER_ID: Slot = Slot::new(12);
/// The instant at which the deal entered its stage, if it has had another.
const STAGE_SINCE: Slot = Slot::new(19);
/// The index by which an upsert finds a deal: its pipeline and its name.
const BY_NAME: IndexNumber = IndexNumber::beyond_slots(200);

/// The members that an upsert finds its record by.
pub(super) const MATCHED_BY: MatchedBy = MatchedBy::index(BY_NAME, &[PIPELINE_ID, NAME]);

const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const FULL: Rule = Rule::Text { characters: 2 * limits::SHORT_TEXT + 1 };
const PERCENT: Rule = Rule::Integer { min: 0, max: 100 };

/// The forecast of a pipeline is made of these sums.
const SUMMED: Summed = Summed { group: STAGE_ID, unit: CURRENCY, value: VALUE, weight: PROBABILITY };

static MODEL: LazyLock<Model> =
    LazyLock::new(|| Model::new(Kind::Deal, &[Deal::members(), bant::hidden()].concat()).summed_by(SUMMED));

/// The stored members of a deal, for a resource that is a part of it.
pub(super) fn hidden() -> Vec<Member> {
    let stored = |member: &Member| member.slot().is_some();
    Deal::members().into_iter().filter(stored).map(Member::hidden).collect()
}

closed_set! {
    /// Status of a deal: the outcome of its stage.
    pub enum DealStatus {
        /// It may still be won.
        Open = "open",
        /// It is won.
        Won = "won",
        /// It is lost.
        Lost = "lost",
    }
}

impl From<StageOutcome> for DealStatus {
    fn from(outcome: StageOutcome) -> Self {
        match outcome {
            StageOutcome::Open => DealStatus::Open,
            StageOutcome::Won => DealStatus::Won,
            StageOutcome::Lost => DealStatus::Lost,
        }
    }
}

resource! {
    /// An opportunity in a pipeline.
    pub struct Deal;
    draft {
        /// Creates a [`Deal`].
        pub struct DealDraft;
    }
    update {
        /// Updates a [`Deal`].
        pub struct DealUpdate;
    }

    members {
        /// Identity of the deal.
        read id: Id<Deal> = schema::id();
        /// The tenant that it belongs to.
        read tenant_id: TenantId = schema::tenant_id();
        /// The pipeline that it goes through.
        required pipeline_id: Id<Pipeline> =
            stored(PIPELINE_ID, "pipelineId", Rule::Reference(Kind::Pipeline)).filtered(), filter PIPELINE_ID;
        /// The stage of that pipeline that it is in.
        required stage_id: Id<PipelineStage> = stored(STAGE_ID, "stageId", Rule::Id).filtered().since(STAGE_SINCE), filter STAGE_ID;
        /// The stage's name at present.
        read_optional stage_name: String = joined(Slot::new(0), "stageName", SHORT, STAGE_NAME);
        /// The contact that it is made with.
        optional contact_id: Id<Contact> =
            stored(CONTACT_ID, "contactId", Rule::Reference(Kind::Contact)).filtered(), filter CONTACT_ID;
        /// The contact's name at present.
        read_optional contact_name: String = joined(Slot::new(1), "contactName", FULL, CONTACT_NAME);
        /// The company that it is made with.
        optional company_id: Id<Company> =
            stored(COMPANY_ID, "companyId", Rule::Reference(Kind::Company)).filtered(), filter COMPANY_ID;
        /// The company's name at present.
        read_optional company_name: String = joined(Slot::new(2), "companyName", SHORT, COMPANY_NAME);
        /// Name; several deals may have the same.
        required name: String = stored(NAME, "name", SHORT).searched();
        /// Value, in its currency.
        optional value: Decimal = stored(VALUE, "value", Rule::Decimal);
        /// Currency of the value; the tenant's default unless it is set.
        defaulted currency: Currency = stored(CURRENCY, "currency", Rule::Currency).always();
        /// Probability of being won, 0 to 100; the stage's unless it is set.
        defaulted probability: u8 = stored(PROBABILITY, "probability", PERCENT).always();
        /// The instant at which it is expected to be won or lost.
        optional expected_close_date: Timestamp = stored(Slot::new(8), "expectedCloseDate", Rule::Instant);
        /// The instant at which it was won or lost.
        read_optional actual_close_date: Timestamp =
            stored(ACTUAL_CLOSE_DATE, "actualCloseDate", Rule::Instant).read_only();
        /// Status: the outcome of its stage.
        read status: DealStatus =
            stored(STATUS, "status", Rule::Choice(DealStatus::SET)).always().read_only().filtered(), filter STATUS;
        /// Free text.
        optional notes: String = stored(Slot::new(11), "notes", Rule::LongText);
        /// The user responsible.
        optional owner_id: Id<User> =
            stored(OWNER_ID, "ownerId", Rule::Reference(Kind::User)).filtered(), filter OWNER_ID;
        /// The user's name at present.
        read_optional owner_name: String = joined(Slot::new(3), "ownerName", SHORT, OWNER_NAME);
        /// The instant at which the newest of its activities was created.
        read_optional last_activity_at: Timestamp =
            joined(Slot::new(4), "lastActivityAt", Rule::Instant, LAST_ACTIVITY_AT);
        /// The instant of its creation.
        read created_at: Timestamp = schema::created_at();
        /// The instant of its last change.
        read updated_at: Timestamp = schema::updated_at();
    }
    hidden {
        lookup(BY_NAME, write_pipeline_and_name);
        stored(STAGE_SINCE, "stageSince", Rule::Instant).hidden();
    }
}

impl Resource for Deal {
    const KIND: Kind = Kind::Deal;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for Deal {
    type Update = DealUpdate;

    fn definition() -> Definition {
        define(&MODEL, &RULES)
    }
}

impl Creatable for Deal {
    type Draft = DealDraft;
}

impl Upsertable for Deal {
    fn matched_by() -> MatchedBy {
        MATCHED_BY
    }
}

impl Bulkable for Deal {}

impl Searchable for Deal {}

static RULES: Rules = Rules { settle, events, ..Rules::NONE };

/// Events of a deal besides that of any change: another stage, and an outcome.
pub(super) const MOVES: [Move; 3] = [
    Move { event: Event::DealStageChanged, member: "stageId", to: None },
    Move { event: Event::DealWon, member: "status", to: Some(DealStatus::Won.json()) },
    Move { event: Event::DealLost, member: "status", to: Some(DealStatus::Lost.json()) },
];

/// The events of a change of a deal, or of its qualification.
pub(super) fn events(change: &Change<'_>) -> Result<Option<Events>, Error> {
    told::of_change(change, &MODEL)
}

/// Checks a deal's stage, and sets what the stage determines: probability, status and the date of the close.
fn settle(transaction: &Transaction<'_>, deal: &mut Revision<'_>) -> Result<(), Error> {
    if deal.text(CURRENCY).is_empty() {
        deal.set(CURRENCY, quote(transaction.tenant().default_currency.as_str()));
    }
    let stays = !deal.changes(PIPELINE_ID) && !deal.changes(STAGE_ID) && !deal.text(PROBABILITY).is_empty();
    let pipeline_id = reference_id(deal.text(PIPELINE_ID).as_bytes())?;
    let stage_id = reference_id(deal.text(STAGE_ID).as_bytes())?;
    let (Some(pipeline_id), Some(stage_id), false) = (pipeline_id, stage_id, stays) else { return Ok(()) };
    let Some(pipeline) = transaction.find(Kind::Pipeline, pipeline_id)? else { return Ok(()) };
    match stage_of(&pipeline, stage_id)? {
        Some(stage) => enter(deal, &stage),
        None => deal.unknown.add("stageId", "names no stage of this pipeline"),
    }
    Ok(())
}

fn stage_of(pipeline: &[u8], id: Uuid) -> Result<Option<PipelineStage>, Error> {
    Ok(pipelines::stages(pipeline)?.into_iter().find(|stage| stage.id.as_uuid() == id))
}

fn enter(deal: &mut Revision<'_>, stage: &PipelineStage) {
    let is_moved = deal.changes(STAGE_ID) && !deal.gives(PROBABILITY);
    if is_moved || deal.text(PROBABILITY).is_empty() {
        deal.set(PROBABILITY, stage.probability.to_string());
    }
    deal.set(STATUS, quote(DealStatus::from(stage.outcome).as_str()));
    if deal.changes(STATUS) {
        let now = quote(&deal.at.to_string());
        deal.set(ACTUAL_CLOSE_DATE, if stage.outcome == StageOutcome::Open { String::new() } else { now });
    }
    if deal.id.is_some() && deal.changes(STAGE_ID) {
        let now = quote(&deal.at.to_string());
        deal.set(STAGE_SINCE, now);
    }
}

/// The value that an upsert matches: both texts as they are stored.
fn write_pipeline_and_name(deal: &Record<'_>, out: &mut Vec<u8>) -> Result<(), StoreError> {
    out.extend_from_slice(deal.slot(PIPELINE_ID));
    out.push(b'\n');
    out.extend_from_slice(deal.slot(NAME));
    Ok(())
}

const STAGE_NAME: Join = Join {
    is_of_others: false,
    key: |deal| referred(deal, PIPELINE_ID, Kind::Pipeline),
    write: |deal, row, out| {
        let Some(id) = reference_id(deal.slot(STAGE_ID))? else { return Ok(()) };
        if let Some(name) = pipelines::stage_name(row, id)? {
            out.extend_from_slice(name.as_bytes());
        }
        Ok(())
    },
};

const CONTACT_NAME: Join = Join {
    is_of_others: false,
    key: |deal| referred(deal, CONTACT_ID, Kind::Contact),
    write: |deal, row, out| Ok(contacts::full_name(&Record::read(deal.tenant, deal.id, row)?, out)?),
};

const COMPANY_NAME: Join = Join {
    is_of_others: false,
    key: |deal| referred(deal, COMPANY_ID, Kind::Company),
    write: |_, row, out| write_member(row, companies::NAME, out),
};

const OWNER_NAME: Join = Join {
    is_of_others: false,
    key: |deal| referred(deal, OWNER_ID, Kind::User),
    write: |_, row, out| write_member(row, users::NAME, out),
};

const LAST_ACTIVITY_AT: Join = Join {
    is_of_others: true,
    key: |deal| Ok(Some(spaces::newest(Kind::Activity, IndexNumber::of(activities::DEAL_ID), deal.id))),
    write: |_, row, out| {
        let newest: NewestV1 = codec::decode(row)?;
        out.extend_from_slice(quote(&Timestamp::from_micros(newest.created_at).to_string()).as_bytes());
        Ok(())
    },
};

/// The key of the record that a member refers to.
fn referred(deal: &Record<'_>, slot: Slot, kind: Kind) -> Result<Option<Key>, StoreError> {
    Ok(reference_id(deal.slot(slot))?.map(|id| spaces::record(kind, id)))
}

fn write_member(row: &[u8], slot: Slot, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(RecordParts::read(row)?.slot(slot));
    Ok(())
}
