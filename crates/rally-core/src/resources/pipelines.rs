use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{deals, define};
use crate::{
    base::{Code, Error, Faults, Id, Kind, Patch, Profile, Scope, TenantId, Timestamp, limits, unicode},
    engine::{
        codec::{Bytes, RecordParts, Slot},
        keys::IndexedValue,
        schema::{
            self, Body, IndexNumber, InputValue, Model, Resource, Row, Rule, Searchable, Shape, ShapeMember,
            UNSEEN, ValueFaults, array, object, read_bool, read_stored, stored,
        },
        session::{Collection, Session, TransactionCollection, ViewCollection, resource},
        write::{self, Answer, Change, Creatable, Definition, Editable, Revision, Rules, Transaction},
    },
};

mod stage;

pub use stage::{PipelineStage, PipelineStageDraft, StageOutcome};

const NAME: Slot = Slot::new(0);
const IS_DEFAULT: Slot = Slot::new(1);
const STAGES: Slot = Slot::new(2);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::Pipeline, &Pipeline::members()));

/// The pipeline of a new tenant.
const FIRST: &str = r#"{"name":"Sales pipeline","isDefault":true,"stages":[
    {"name":"Lead","probability":10},
    {"name":"Qualified","probability":25},
    {"name":"Proposal","probability":50},
    {"name":"Negotiation","probability":75},
    {"name":"Closed Won","probability":100,"outcome":"won"},
    {"name":"Closed Lost","probability":0,"outcome":"lost"}]}"#;

resource! {
    /// The stages that deals go through, in their order.
    pub struct Pipeline;
    draft {
        /// Creates a [`Pipeline`]. The first one of a tenant becomes its default.
        pub struct PipelineDraft;
    }
    update {
        /// Updates a [`Pipeline`]. The stages that it gives replace all that there are, in their order: one that is
        /// left out is removed, which fails while deals are in it.
        pub struct PipelineUpdate;
    }

    members {
        /// Identity of the pipeline.
        read id: Id<Pipeline> = schema::id();
        /// The tenant that it belongs to.
        read tenant_id: TenantId = schema::tenant_id();
        /// Name.
        required name: String = stored(NAME, "name", SHORT).searched();
        /// True for the tenant's default pipeline; there is exactly one.
        defaulted is_default: bool = stored(IS_DEFAULT, "isDefault", Rule::Boolean).default("false").indexed();
        /// Stages, 1 to 50.
        required stages: Vec<PipelineStage> as Vec<PipelineStageDraft> =
            stored(STAGES, "stages", Rule::Shape(&LIST));
        /// The instant of its creation.
        read created_at: Timestamp = schema::created_at();
        /// The instant of its last change.
        read updated_at: Timestamp = schema::updated_at();
    }
}

impl Pipeline {
    /// The stage with a name.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// assert_eq!(sales.stage("Closed Won")?.outcome, StageOutcome::Won);
    /// assert!(sales.stage("closed won").unwrap_err().is_not_found());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`] when no stage has it.
    pub fn stage(&self, name: &str) -> Result<&PipelineStage, Error> {
        let stage = self.stages.iter().find(|stage| stage.name == name);
        stage
            .ok_or_else(|| Error::new(Code::NotFound, format!("there is no stage {name:?} in this pipeline")))
    }
}

impl Collection<'_, Pipeline> {
    /// The tenant's default pipeline; a new tenant has one with six stages from `Lead` to `Closed Lost`.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let sales = acme.pipelines().default()?;
    /// assert_eq!(sales.stage("Negotiation")?.probability, 75);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the store cannot answer.
    pub fn default(&self) -> Result<Pipeline, Error> {
        self.session.view()?.pipelines().default()
    }
}

impl ViewCollection<'_, Pipeline> {
    /// The tenant's default pipeline.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// assert_eq!(acme.view()?.pipelines().default()?, sales);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the store cannot answer.
    pub fn default(&self) -> Result<Pipeline, Error> {
        let found = self.first_indexed(IndexNumber::of(IS_DEFAULT), IndexedValue::text("true"))?;
        found.ok_or_else(|| Error::internal("a tenant has a default pipeline"))
    }
}

impl TransactionCollection<'_, '_, Pipeline> {
    /// The tenant's default pipeline.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// assert_eq!(acme.write(|tx| tx.pipelines().default())?, sales);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the store cannot answer.
    pub fn default(&mut self) -> Result<Pipeline, Error> {
        self.view()?.pipelines().default()
    }
}

impl Resource for Pipeline {
    const KIND: Kind = Kind::Pipeline;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for Pipeline {
    const WRITE: Scope = Scope::Admin;
    type Update = PipelineUpdate;

    fn definition() -> Definition {
        define(&MODEL, &RULES)
    }
}

impl Creatable for Pipeline {
    type Draft = PipelineDraft;
}

impl Searchable for Pipeline {}

static RULES: Rules = Rules { settle, follow, check_delete, ..Rules::NONE };

/// Gives a tenant its first pipeline, unless it has one. Where the tenant has had a chance to get one before, `since` an instant,
/// changes of it may have been lost.
pub(super) fn create_first(tenant: &Session, since: Option<Timestamp>) -> Result<(), Error> {
    let body = Body::read(&MODEL, FIRST.as_bytes(), Profile::Documented, "the pipeline")?;
    let created = tenant.commit(None, &Vec::new, &mut |transaction| {
        if defaults(transaction)?.is_empty() {
            since.map(|since| transaction.break_beginning(since)).transpose()?;
            write::create(transaction, Pipeline::definition(), &body)
        } else {
            Ok(Answer::Nothing)
        }
    });
    created.map(drop)
}

/// The stages of a stored pipeline.
pub(super) fn stages(pipeline: &[u8]) -> Result<Vec<PipelineStage>, Error> {
    Ok(read_stored(RecordParts::read(pipeline)?.slot(STAGES), "the stages of a pipeline")?)
}

/// A stage of a stored pipeline as far as its name, which is read without the others.
#[derive(Deserialize)]
struct StageName<'a> {
    id: Id<PipelineStage>,
    #[serde(borrow)]
    name: &'a RawValue,
}

/// The JSON text of the name of a stage of a stored pipeline.
pub(super) fn stage_name(pipeline: &[u8], id: Uuid) -> Result<Option<&str>, Error> {
    let stages = RecordParts::read(pipeline)?.slot(STAGES);
    let stages: Vec<StageName<'_>> = read_stored(stages, "the stages of a pipeline")?;
    Ok(stages.iter().find(|stage| stage.id.as_uuid() == id).map(|stage| stage.name.get()))
}

/// Completes the stages, and keeps exactly one pipeline the default.
fn settle(transaction: &Transaction<'_>, pipeline: &mut Revision<'_>) -> Result<(), Error> {
    let was = read_bool(pipeline.text_before(IS_DEFAULT).as_bytes())?;
    if was && pipeline.text(IS_DEFAULT) != "true" {
        pipeline.wrong.add("isDefault", "must stay true until another pipeline is made the default");
    }
    if pipeline.id.is_none() && defaults(transaction)?.is_empty() {
        pipeline.set(IS_DEFAULT, "true");
    }
    if pipeline.gives(STAGES) {
        settle_stages(transaction, pipeline)?;
    }
    Ok(())
}

fn settle_stages(transaction: &Transaction<'_>, pipeline: &mut Revision<'_>) -> Result<(), Error> {
    let before: Vec<PipelineStage> = match pipeline.text_before(STAGES) {
        "" => Vec::new(),
        json => read_stored(json.as_bytes(), "the stages of a pipeline")?,
    };
    let given = serde_json::from_str(pipeline.text(STAGES)).map_err(Error::internal)?;
    let after = put_together(transaction, pipeline, &before, given);
    if pipeline.wrong.is_empty() && pipeline.unknown.is_empty() {
        check_used(transaction, &before, &after)?;
    }
    let json = serde_json::to_string(&after).map_err(Error::internal)?;
    pipeline.set(STAGES, json);
    Ok(())
}

/// Checks that stages with deals are kept, with their outcome.
fn check_used(
    transaction: &Transaction<'_>,
    before: &[PipelineStage],
    after: &[PipelineStage],
) -> Result<(), Error> {
    let by_id: HashMap<_, _> = after.iter().map(|stage| (stage.id, stage.outcome)).collect();
    for known in before {
        let becomes = by_id.get(&known.id);
        if becomes.is_some_and(|outcome| *outcome == known.outcome)
            || transaction
                .indexed(
                    Kind::Deal,
                    IndexNumber::of(deals::STAGE_ID),
                    IndexedValue::id(known.id.as_uuid()),
                    1,
                )?
                .is_empty()
        {
            continue;
        }
        let what = format!("the stage {:?}", known.name);
        let phrase = match becomes {
            Some(_) => format!("must leave the outcome of {what} as it is, as there are deals in it"),
            None => format!("must not lose {what}, as there are deals in it"),
        };
        return Err(in_use("stages", phrase, &what));
    }
    Ok(())
}

/// The stages that are given, completed by their former members and by defaults.
fn put_together(
    transaction: &Transaction<'_>,
    pipeline: &mut Revision<'_>,
    before: &[PipelineStage],
    given: Vec<GivenStage>,
) -> Vec<PipelineStage> {
    let (mut ids, mut names, mut after) = (HashSet::new(), HashSet::new(), Vec::new());
    for (order, draft) in (1..=u8::MAX).zip(given) {
        let at = |member: &str| format!("stages[{}].{member}", order - 1);
        let known = draft.id.and_then(|id| before.iter().find(|known| known.id == id));
        if draft.id.is_some() && known.is_none() {
            pipeline.unknown.add(&at("id"), "names no stage of this pipeline");
        }
        if draft.id.is_some_and(|id| !ids.insert(id)) {
            pipeline.wrong.add(&at("id"), "is given twice");
        }
        let name = match given_or(draft.name, known.map(|known| known.name.clone())) {
            Some(name) if unicode::is_visible(&name) => name,
            Some(name) if !name.is_empty() => {
                pipeline.wrong.add(&at("name"), UNSEEN);
                continue;
            }
            _ => {
                pipeline.wrong.add(&at("name"), "is required");
                continue;
            }
        };
        if !names.insert(unicode::fold_name(&name)) {
            pipeline.wrong.add(&at("name"), "is the name of another stage");
        }
        let outcome = given_or(draft.outcome, known.map(|known| known.outcome));
        let outcome = outcome.unwrap_or(StageOutcome::Open);
        let usual = if outcome == StageOutcome::Won { 100 } else { 0 };
        let probability = given_or(draft.probability, known.map(|known| known.probability)).unwrap_or(usual);
        let id = draft.id.unwrap_or_else(|| Id::from_uuid(transaction.new_id(pipeline.at)));
        after.push(PipelineStage { id, name, order, probability, outcome });
    }
    after
}

/// The value of a member of a stage; `None` for its default.
fn given_or<T>(Given(given): Given<T>, before: Option<T>) -> Option<T> {
    match given {
        Patch::Keep => before,
        Patch::Clear => None,
        Patch::Set(value) => Some(value),
    }
}

/// Takes the mark of the default from the former default pipeline when this one has become it.
fn follow(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), Error> {
    let Some(pipeline) = &change.after else { return Ok(()) };
    if !read_bool(pipeline.slot(IS_DEFAULT))? {
        return Ok(());
    }
    for other in defaults(transaction)?.into_iter().filter(|other| *other != change.id) {
        write::set_members(transaction, Pipeline::definition(), other, &[(IS_DEFAULT, "false")])?;
    }
    Ok(())
}

/// Refuses to delete the default pipeline, or one that has deals.
fn check_delete(transaction: &Transaction<'_>, id: Uuid, pipeline: &Bytes) -> Result<(), Error> {
    if read_bool(RecordParts::read(pipeline)?.slot(IS_DEFAULT))? {
        let detail = "this is the default pipeline; make another one the default before you delete it";
        let faults = Faults::one("isDefault", "must not be true");
        return Err(Error::new(Code::Validation, detail).with_faults(faults));
    }
    match transaction
        .indexed(Kind::Deal, IndexNumber::of(deals::PIPELINE_ID), IndexedValue::id(id), 1)?
        .as_slice()
    {
        [] => Ok(()),
        _ => Err(in_use("id", "is of a pipeline that has deals".to_owned(), "the pipeline")),
    }
}

fn defaults(transaction: &Transaction<'_>) -> Result<Vec<Uuid>, Error> {
    let found =
        transaction.indexed(Kind::Pipeline, IndexNumber::of(IS_DEFAULT), IndexedValue::text("true"), 2)?;
    Ok(transaction.numbered(Kind::Pipeline, &found)?.into_iter().map(|(id, _)| id).collect())
}

fn in_use(member: &str, phrase: String, what: &str) -> Error {
    let detail = format!("there are deals in {what}; move them first");
    Error::new(Code::Conflict, detail).with_faults(Faults::one(member, phrase))
}

/// A member of a stage as it is given: it stays when it is left out, and `null` clears it.
struct Given<T>(Patch<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(Patch::Keep)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given: Option<T> = Option::deserialize(deserializer)?;
        Ok(Self(given.into()))
    }
}

/// A stage as it is given.
#[derive(Deserialize)]
struct GivenStage {
    id: Option<Id<PipelineStage>>,
    #[serde(default)]
    name: Given<String>,
    #[serde(default)]
    probability: Given<u8>,
    #[serde(default)]
    outcome: Given<StageOutcome>,
}

const LIST: Shape = Shape {
    read: read_stages,
    name: "Stage",
    description: "A stage of a pipeline.",
    members: &[ID_OF_STAGE, NAME_OF_STAGE, ORDER, PROBABILITY, OUTCOME],
    list: Some((1, limits::STAGES)),
};

const ID_OF_STAGE: ShapeMember =
    ShapeMember::new("id", "Identity of the stage; a new one has none yet.", Rule::Id).always();

const NAME_OF_STAGE: ShapeMember =
    ShapeMember::new("name", "Name; no other stage of the pipeline has it, in any letter case.", SHORT)
        .required();

const ORDER: ShapeMember =
    ShapeMember::new("order", "Place in the pipeline, from 1 up.", Rule::Integer { min: 1, max: 50 })
        .read_only();

const PROBABILITY: ShapeMember = ShapeMember::new(
    "probability",
    "Probability that a deal which comes to it is won, 0 to 100; 100 for a new won stage and 0 for another \
                  unless it is set.",
    Rule::Integer { min: 0, max: 100 },
)
.always();

const OUTCOME: ShapeMember = ShapeMember::new(
    "outcome",
    "Outcome: the status of the deals in it; `open` unless it is set.",
    Rule::Choice(StageOutcome::SET),
)
.always();

/// Members of a stage as they are read; its order is its place in the list, whatever a caller gives.
const MEMBERS: [(&str, Rule); 5] = [
    ("id", ID_OF_STAGE.rule),
    ("name", NAME_OF_STAGE.rule),
    ("probability", PROBABILITY.rule),
    ("outcome", OUTCOME.rule),
    ("order", Rule::Shape(&ANYTHING)),
];

/// Any JSON value, for a member that callers may not write.
const ANYTHING: Shape = Shape {
    read: |raw, _| Ok(raw.to_owned()),
    name: "Anything",
    description: "Any value.",
    members: &[],
    list: None,
};

/// Reads a list of stages. Members that are left out are completed later, from the stages that the pipeline has.
fn read_stages(raw: &str, profile: Profile) -> Result<String, ValueFaults> {
    let items = array(raw)?;
    if items.is_empty() || items.len() > limits::STAGES {
        return Err(ValueFaults::from(format!("must have 1 to {} stages", limits::STAGES)));
    }
    let (mut stages, mut wrong) = (Vec::new(), ValueFaults::none());
    for (at, item) in items.into_iter().enumerate() {
        let (members, mut faults) = object(item, profile, MEMBERS);
        if profile == Profile::Strict
            && matches!(members.last(), Some(InputValue::Null | InputValue::Value(_)))
        {
            faults.add(".order", "is read-only");
        }
        wrong.add_all(&format!("[{at}]"), faults);
        stages.push(to_json(&members));
    }
    wrong.or(format!("[{}]", stages.join(",")))
}

fn to_json(members: &[InputValue<'_>]) -> String {
    let given = MEMBERS.iter().zip(members).filter_map(|((name, _), given)| match given {
        InputValue::Value(json) if *name != "order" => Some(format!("\"{name}\":{json}")),
        InputValue::Null if *name != "order" => Some(format!("\"{name}\":null")),
        _ => None,
    });
    format!("{{{}}}", given.collect::<Vec<_>>().join(","))
}
