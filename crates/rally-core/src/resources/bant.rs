//! Budget, authority, need and timeline: how a deal is qualified. It is a part of the deal's record.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Deal, deals, deals::BANT, links_to};
use crate::{
    base::{Error, Id, Kind, Patch, Timestamp},
    engine::{
        self, Change, Collection, Editable, Link, Member, Model, Nested, Profile, Record, Resource, Revision,
        Rule, Rules, Session, Shape, Stage, Wrong, computed_integer, object, quote, stored,
    },
};

const NOTES: u8 = BANT + 4;
const UPDATED_AT: u8 = BANT + 5;
/// The greatest rating of each of the four.
const BEST: i64 = 3;
const UNRATED: &str = r#"{"rating":null,"notes":null}"#;

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let [budget, authority, need, timeline, notes, updated_at] = members();
    let rated = [budget, authority, need, timeline].map(|criterion| criterion.default(UNRATED));
    let score = computed_integer("score", 0, 100, write_score);
    Model::new(
        &[&[engine::id_as("dealId")], &rated[..], &[score, notes, updated_at], &deals::hidden()].concat(),
    )
    .under(Rules { settle, ..Rules::NONE })
});

/// The slots of a deal that are for this.
pub(super) fn members() -> [Member; 6] {
    [
        stored(BANT, "budget", Rule::Shape(&CRITERION)),
        stored(BANT + 1, "authority", Rule::Shape(&CRITERION)),
        stored(BANT + 2, "need", Rule::Shape(&CRITERION)),
        stored(BANT + 3, "timeline", Rule::Shape(&CRITERION)),
        stored(NOTES, "notes", Rule::LongText),
        stored(UPDATED_AT, "updatedAt", Rule::Instant).read_only(),
    ]
}

/// How a deal is qualified by budget, authority, need and timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Bant {
    /// The deal.
    pub deal_id: Id<Deal>,
    /// Whether there is money for it.
    pub budget: Criterion,
    /// Whether whoever is talked to may decide.
    pub authority: Criterion,
    /// Whether it is needed.
    pub need: Criterion,
    /// Whether it is known when.
    pub timeline: Criterion,
    /// 0 to 100: what the ratings make of what the best would; none before the first are given.
    pub score: Option<u8>,
    /// Free text.
    pub notes: Option<String>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

/// One of the four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Criterion {
    /// 0 none, 1 weak, 2 fair, 3 strong.
    pub rating: Option<u8>,
    /// Free text.
    pub notes: Option<String>,
}

/// What updates a [`Bant`]; each member stays, is cleared or is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Bant`")]
pub struct BantChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub budget: Patch<CriterionChange>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub authority: Patch<CriterionChange>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub need: Patch<CriterionChange>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub timeline: Patch<CriterionChange>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub notes: Patch<String>,
}

/// What updates a [`Criterion`]; each member stays, is cleared or is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each member is that of `Criterion`")]
pub struct CriterionChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub rating: Patch<u8>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub notes: Patch<String>,
}

impl From<Id<Deal>> for Id<Bant> {
    fn from(deal: Id<Deal>) -> Self {
        Self::from_uuid(deal.as_uuid())
    }
}

impl Session {
    /// How the tenant's deals are qualified, each by the id of its deal.
    #[must_use]
    pub fn bant(&self) -> Collection<'_, Bant> {
        Collection::new(self)
    }
}

impl Resource for Bant {
    const KIND: Kind = Kind::Deal;
    const PART: &'static str = "bant";

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        links_to(Self::KIND)
    }
}

impl Editable for Bant {
    type Change = BantChange;
}

impl Change<Bant> for BantChange {}

/// Lays what is given of each of the four over what there was, and notes when.
fn settle(_: &Stage<'_>, bant: &mut Revision<'_>) -> Result<(), Error> {
    for slot in BANT..NOTES {
        let whole = match bant.text(slot) {
            "" | UNRATED => String::new(),
            given if bant.gives(slot) => laid_over(bant.text_before(slot), given)?,
            unchanged => unchanged.to_owned(),
        };
        bant.set(slot, if whole == UNRATED { String::new() } else { whole });
    }
    if (BANT..=NOTES).any(|slot| bant.changes(slot)) {
        let now = quote(&bant.at.to_string());
        bant.set(UPDATED_AT, now);
    }
    Ok(())
}

fn laid_over(before: &str, given: &str) -> Result<String, Error> {
    let read = |json| serde_json::from_str::<serde_json::Value>(json).map_err(Error::internal);
    let before = read(if before.is_empty() { UNRATED } else { before })?;
    let given = read(given)?;
    let member = |name| given.get(name).or_else(|| before.get(name)).cloned().unwrap_or_default();
    Ok(format!("{{\"rating\":{},\"notes\":{}}}", member("rating"), member("notes")))
}

fn write_score(bant: &Record<'_>, out: &mut Vec<u8>) {
    let rating = |slot| serde_json::from_slice::<Criterion>(bant.slot(slot)).ok()?.rating.map(u32::from);
    if bant.slot(UPDATED_AT).is_empty() {
        return out.extend_from_slice(engine::NULL);
    }
    let sum: u32 = (BANT..NOTES).filter_map(rating).sum();
    // Of twelve at best; a half goes up.
    let score = (200 * sum + 12) / 24;
    out.extend_from_slice(score.to_string().as_bytes());
}

const CRITERION: Shape = Shape {
    read: read_criterion,
    schema: r#"{"type":"object","properties":{
        "rating":{"type":["integer","null"],"minimum":0,"maximum":3,"description":"0 none, 1 weak, 2 fair, 3 strong"},
        "notes":{"type":["string","null"]}}}"#,
};

/// Reads what is given of one of the four; what is left out of it is left out here.
fn read_criterion(raw: &str, profile: Profile) -> Result<String, Wrong> {
    let rules = [("rating", Rule::Integer { min: 0, max: BEST }), ("notes", Rule::LongText)];
    let (members, wrong) = object(raw, profile, rules);
    let given = rules.iter().zip(&members).filter_map(|((name, _), given)| match given {
        Nested::Value(json) => Some(format!("\"{name}\":{json}")),
        Nested::Null => Some(format!("\"{name}\":null")),
        _ => None,
    });
    wrong.or(format!("{{{}}}", given.collect::<Vec<_>>().join(",")))
}
