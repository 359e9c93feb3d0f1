use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{deals, links_to};
use crate::{
    base::{Code, Error, Faults, Id, Kind, Patch, Scope, TenantId, Timestamp, limits},
    engine::{
        self, Answer, Body, Bytes, Change, Collection, Creatable, Draft, Editable, Link, Model, Nested,
        Profile, Record, RecordParts, Resource, Revision, Rule, Rules, Session, Shape, Stage, Term,
        WriteOptions, Wrong, array, fold, object, stored,
    },
};

const NAME: u8 = 0;
const IS_DEFAULT: u8 = 1;
const STAGES: u8 = 2;
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&[
        engine::id(),
        engine::tenant_id(),
        stored(NAME, "name", SHORT).required().searched(),
        stored(IS_DEFAULT, "isDefault", Rule::Boolean).default("false").indexed(),
        stored(STAGES, "stages", Rule::Shape(&LIST)).required(),
        engine::created_at(),
        engine::updated_at(),
    ])
    .under(Rules { settle, follow, keep, ..Rules::NONE })
});

/// What a new tenant has.
const DEFAULT: &str = r#"{"name":"Sales pipeline","isDefault":true,"stages":[
    {"name":"Lead","probability":10},
    {"name":"Qualified","probability":25},
    {"name":"Proposal","probability":50},
    {"name":"Negotiation","probability":75},
    {"name":"Closed Won","probability":100,"outcome":"won"},
    {"name":"Closed Lost","probability":0,"outcome":"lost"}]}"#;

/// The stages that deals go through, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Pipeline {
    /// The pipeline's id.
    pub id: Id<Pipeline>,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// What it is called.
    pub name: String,
    /// Whether it is the tenant's default; exactly one is.
    pub is_default: bool,
    /// Its stages, 1 to 50.
    pub stages: Vec<PipelineStage>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A place in a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PipelineStage {
    /// The stage's id.
    pub id: Id<PipelineStage>,
    /// What it is called; no other stage of the pipeline is called so, in whatever case of letters.
    pub name: String,
    /// Its place, from 1 up.
    pub order: u8,
    /// How likely a deal that comes to it is to be won, 0 to 100.
    pub probability: u8,
    /// `open`, `won` or `lost`: the status of the deals in it.
    pub outcome: String,
}

/// What creates a [`Pipeline`]. The first one of a tenant becomes its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Pipeline`")]
pub struct PipelineDraft {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_default: Option<bool>,
    pub stages: Vec<PipelineStageDraft>,
}

/// What creates or changes a [`PipelineStage`]. With an id it is one that the pipeline has, of which what is left out
/// stays; without one it is new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each member is that of `PipelineStage`")]
pub struct PipelineStageDraft {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<PipelineStage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// If it is left out of a new stage: 100 where deals are won, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<u8>,
    /// If it is left out of a new stage: `open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

impl From<PipelineStage> for PipelineStageDraft {
    /// The stage as it is, for a list of which others change.
    fn from(stage: PipelineStage) -> Self {
        let PipelineStage { id, name, probability, outcome, .. } = stage;
        Self { id: Some(id), name: Some(name), probability: Some(probability), outcome: Some(outcome) }
    }
}

/// What updates a [`Pipeline`]. The stages are all that it is to have, in their order: one that is left out is removed,
/// which fails while deals are in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Pipeline`")]
pub struct PipelineChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub name: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub is_default: Patch<bool>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub stages: Patch<Vec<PipelineStageDraft>>,
}

/// Gives a tenant the pipeline that it begins with, unless it has one.
pub(super) fn create_first(tenant: &Session) -> Result<(), Error> {
    let body = Body::read(&MODEL, DEFAULT.as_bytes(), Profile::Documented, "the pipeline")?;
    let created = tenant.write(&WriteOptions::default(), &mut |stage| {
        if defaults(stage)?.is_empty() {
            engine::create::<Pipeline>(stage, &body)
        } else {
            Ok(Answer::Nothing)
        }
    });
    created.map(drop)
}

impl Session {
    /// The tenant's pipelines.
    #[must_use]
    pub fn pipelines(&self) -> Collection<'_, Pipeline> {
        Collection::new(self)
    }
}

impl Resource for Pipeline {
    const KIND: Kind = Kind::Pipeline;

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        links_to(Self::KIND)
    }
}

impl Editable for Pipeline {
    const WRITE: Scope = Scope::Admin;
    type Change = PipelineChange;
}

impl Creatable for Pipeline {
    type Draft = PipelineDraft;
}

impl Draft<Pipeline> for PipelineDraft {}

impl Change<Pipeline> for PipelineChange {}

/// The stages of a stored pipeline.
pub(super) fn stages(pipeline: &[u8]) -> Result<Vec<PipelineStage>, Error> {
    serde_json::from_slice(RecordParts::read(pipeline)?.slot(STAGES)).map_err(Error::internal)
}

/// A stage of a stored pipeline as far as its name, which is read without the others.
#[derive(Deserialize)]
struct Named<'a> {
    id: Id<PipelineStage>,
    #[serde(borrow)]
    name: &'a RawValue,
}

/// The JSON text of the name of a stage of a stored pipeline.
pub(super) fn stage_name(pipeline: &[u8], id: Uuid) -> Result<Option<&str>, Error> {
    let stages = RecordParts::read(pipeline)?.slot(STAGES);
    let stages: Vec<Named<'_>> = serde_json::from_slice(stages).map_err(Error::internal)?;
    Ok(stages.iter().find(|stage| stage.id.as_uuid() == id).map(|stage| stage.name.get()))
}

/// Puts the stages together, and keeps exactly one pipeline the default.
fn settle(stage: &Stage<'_>, pipeline: &mut Revision<'_>) -> Result<(), Error> {
    let was = pipeline.text_before(IS_DEFAULT) == "true";
    if was && pipeline.text(IS_DEFAULT) != "true" {
        pipeline.wrong.add("isDefault", "must stay true until another pipeline is made the default");
    }
    if pipeline.id.is_none() && defaults(stage)?.is_empty() {
        pipeline.set(IS_DEFAULT, "true");
    }
    if pipeline.gives(STAGES) {
        settle_stages(stage, pipeline)?;
    }
    Ok(())
}

fn settle_stages(stage: &Stage<'_>, pipeline: &mut Revision<'_>) -> Result<(), Error> {
    let read = |json: &str| serde_json::from_str::<Vec<PipelineStage>>(json).map_err(Error::internal);
    let before = match pipeline.text_before(STAGES) {
        "" => Vec::new(),
        json => read(json)?,
    };
    let given = serde_json::from_str(pipeline.text(STAGES)).map_err(Error::internal)?;
    let after = put_together(stage, pipeline, &before, given);
    if pipeline.wrong.is_empty() && pipeline.unknown.is_empty() {
        check_used(stage, &before, &after)?;
    }
    let json = serde_json::to_string(&after).map_err(Error::internal)?;
    pipeline.set(STAGES, json);
    Ok(())
}

/// Checks that stages with deals stay, and stay what they are for their deals.
fn check_used(stage: &Stage<'_>, before: &[PipelineStage], after: &[PipelineStage]) -> Result<(), Error> {
    let by_id: HashMap<_, _> = after.iter().map(|stage| (stage.id, &stage.outcome)).collect();
    for known in before {
        let becomes = by_id.get(&known.id);
        if becomes.is_some_and(|outcome| **outcome == known.outcome)
            || stage.indexed(Kind::Deal, deals::STAGE_ID, Term::id(known.id.as_uuid()), 1)?.is_empty()
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

/// The stages that are given, completed by what they were and by what new ones have.
fn put_together(
    stage: &Stage<'_>,
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
        let name = given_or(draft.name, known.map(|known| known.name.clone())).unwrap_or_default();
        if name.is_empty() {
            pipeline.wrong.add(&at("name"), "is required");
        } else if !names.insert(fold(&name)) {
            pipeline.wrong.add(&at("name"), "is the name of another stage");
        }
        let outcome = given_or(draft.outcome, known.map(|known| known.outcome.clone()));
        let outcome = outcome.unwrap_or_else(|| "open".to_owned());
        let usual = if outcome == "won" { 100 } else { 0 };
        let probability = given_or(draft.probability, known.map(|known| known.probability)).unwrap_or(usual);
        let id = draft.id.unwrap_or_else(|| Id::from_uuid(stage.new_id(pipeline.at)));
        after.push(PipelineStage { id, name, order, probability, outcome });
    }
    after
}

/// What a member of a stage is to be, if not what it is by itself.
fn given_or<T>(given: Patch<T>, before: Option<T>) -> Option<T> {
    match given {
        Patch::Keep => before,
        Patch::Clear => None,
        Patch::Set(value) => Some(value),
    }
}

/// Makes the pipeline that was the default one like any other, when this one has become it.
fn follow(stage: &mut Stage<'_>, id: Uuid, pipeline: &Bytes) -> Result<(), Error> {
    if Record::read(stage.tenant.id, id, pipeline)?.slot(IS_DEFAULT) != b"true" {
        return Ok(());
    }
    for other in defaults(stage)?.into_iter().filter(|other| *other != id) {
        engine::change::<Pipeline>(stage, other, IS_DEFAULT, "false".to_owned())?;
    }
    Ok(())
}

/// The default pipeline stays, and so does one that has deals.
fn keep(stage: &Stage<'_>, id: Uuid, pipeline: &Bytes) -> Result<(), Error> {
    if Record::read(stage.tenant.id, id, pipeline)?.slot(IS_DEFAULT) == b"true" {
        let detail = "this is the default pipeline; make another one the default before you delete it";
        let faults = Faults::one("isDefault", "must not be true");
        return Err(Error::new(Code::Validation, detail).with_faults(faults));
    }
    match stage.indexed(Kind::Deal, deals::PIPELINE_ID, Term::id(id), 1)?.as_slice() {
        [] => Ok(()),
        _ => Err(in_use("id", "is of a pipeline that has deals".to_owned(), "the pipeline")),
    }
}

fn defaults(stage: &Stage<'_>) -> Result<Vec<Uuid>, Error> {
    Ok(stage.indexed(Kind::Pipeline, IS_DEFAULT, Term::text("true"), 2)?)
}

fn in_use(member: &str, phrase: String, what: &str) -> Error {
    let detail = format!("there are deals in {what}; move them first");
    Error::new(Code::Conflict, detail).with_faults(Faults::one(member, phrase))
}

/// A stage as it is given: each member stays, goes back to what it is by itself, or is set.
#[derive(Deserialize)]
struct GivenStage {
    id: Option<Id<PipelineStage>>,
    #[serde(default)]
    name: Patch<String>,
    #[serde(default)]
    probability: Patch<u8>,
    #[serde(default)]
    outcome: Patch<String>,
}

const LIST: Shape = Shape {
    read: read_stages,
    schema: r#"{"type":"array","minItems":1,"maxItems":50,"items":{"type":"object","properties":{
        "id":{"type":"string","format":"uuid","description":"A stage that the pipeline has; a new one has none yet"},
        "name":{"type":"string","minLength":1,"maxLength":255},
        "order":{"type":"integer","minimum":1,"maximum":50,"readOnly":true},
        "probability":{"type":"integer","minimum":0,"maximum":100},
        "outcome":{"type":"string","enum":["open","won","lost"]}}}}"#,
};

/// What a stage is given; its place is where it stands in the list.
const MEMBERS: [(&str, Rule); 5] = [
    ("id", Rule::Id),
    ("name", SHORT),
    ("probability", Rule::Integer { min: 0, max: 100 }),
    ("outcome", Rule::Choice(&["open", "won", "lost"])),
    ("order", Rule::Shape(&ANYTHING)),
];

/// What callers may not write, whatever it is.
const ANYTHING: Shape = Shape { read: |raw, _| Ok(raw.to_owned()), schema: "{}" };

/// Reads a list of stages as they are given. What is left out is filled in where the stages are that there were.
fn read_stages(raw: &str, profile: Profile) -> Result<String, Wrong> {
    let items = array(raw)?;
    if items.is_empty() || items.len() > limits::STAGES {
        return Err(Wrong::from(format!("must have 1 to {} stages", limits::STAGES)));
    }
    let (mut stages, mut wrong) = (Vec::new(), Wrong::nothing());
    for (at, item) in items.into_iter().enumerate() {
        let (members, mut faults) = object(item, profile, MEMBERS);
        if profile == Profile::Strict && matches!(members.last(), Some(Nested::Null | Nested::Value(_))) {
            faults.add(".order", "is read-only");
        }
        wrong.add_all(&format!("[{at}]"), faults);
        stages.push(to_json(&members));
    }
    wrong.or(format!("[{}]", stages.join(",")))
}

fn to_json(members: &[Nested<'_>]) -> String {
    let given = MEMBERS.iter().zip(members).filter_map(|((name, _), given)| match given {
        Nested::Value(json) if *name != "order" => Some(format!("\"{name}\":{json}")),
        Nested::Null if *name != "order" => Some(format!("\"{name}\":null")),
        _ => None,
    });
    format!("{{{}}}", given.collect::<Vec<_>>().join(","))
}
