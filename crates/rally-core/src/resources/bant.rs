//! Budget, authority, need and timeline: the qualification of a deal. It is a part of the deal's record.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use super::{Deal, deals, define};
use crate::{
    base::{Error, Id, Kind, Patch, Profile, Timestamp},
    engine::{
        codec::Slot,
        schema::{
            self, InputValue, Member, Model, NULL, Record, Resource, Row, Rule, Shape, ShapeMember,
            ValueFaults, computed_optional, object, quote, read_stored, stored,
        },
        session::{Collection, Session, TransactionCollection, View, ViewCollection, resource},
        write::{Definition, Editable, Revision, Rules, Transaction},
    },
    store::StoreError,
};

/// The four criteria, in slots of the deal.
const CRITERIA: [Slot; 4] = [Slot::new(13), Slot::new(14), Slot::new(15), Slot::new(16)];
const NOTES: Slot = Slot::new(17);
const UPDATED_AT: Slot = Slot::new(18);
/// The names by which the history of a deal tells of its qualification. The instant of the last change is left out: each
/// entry has it.
const IN_HISTORY: [(Slot, &str); 5] = [
    (CRITERIA[0], "bant.budget"),
    (CRITERIA[1], "bant.authority"),
    (CRITERIA[2], "bant.need"),
    (CRITERIA[3], "bant.timeline"),
    (NOTES, "bant.notes"),
];
/// The greatest rating of a criterion.
const BEST: i64 = 3;
const SCORE: Rule = Rule::Integer { min: 0, max: 100 };
const UNRATED: &str = r#"{"rating":null,"notes":null}"#;

static MODEL: LazyLock<Model> =
    LazyLock::new(|| Model::new(Kind::Deal, &[Bant::members(), deals::hidden()].concat()));

/// The stored members of a qualification, for the deal that it is a part of. A deal that nobody has rated has no values.
pub(super) fn hidden() -> Vec<Member> {
    let stored = Bant::members().into_iter().filter(|member| member.slot().is_some());
    let name = |member: &Member| {
        IN_HISTORY.iter().find(|(slot, _)| member.slot() == Some(*slot)).map(|(_, name)| *name)
    };
    let hide =
        |member: Member| Member { told_as: name(&member), default: None, always: false, ..member.hidden() };
    stored.map(hide).collect()
}

resource! {
    /// Qualification of a deal by budget, authority, need and timeline.
    pub struct Bant;
    update {
        /// Updates a [`Bant`].
        pub struct BantUpdate;
    }

    members {
        /// The deal.
        read deal_id: Id<Deal> = schema::id_as("dealId");
        /// Budget: money is available.
        defaulted budget: Criterion as CriterionUpdate = stored(CRITERIA[0], "budget", CRITERION).default(UNRATED);
        /// Authority: the contacts can decide.
        defaulted authority: Criterion as CriterionUpdate = stored(CRITERIA[1], "authority", CRITERION).default(UNRATED);
        /// Need: the customer needs it.
        defaulted need: Criterion as CriterionUpdate = stored(CRITERIA[2], "need", CRITERION).default(UNRATED);
        /// Timeline: the date is known.
        defaulted timeline: Criterion as CriterionUpdate = stored(CRITERIA[3], "timeline", CRITERION).default(UNRATED);
        /// Sum of the ratings as a percentage of the greatest possible sum; no value before the first rating.
        read_optional score: u8 = computed_optional("score", SCORE, write_score);
        /// Free text.
        optional notes: String = stored(NOTES, "notes", Rule::LongText);
        /// The instant of its last change.
        read_optional updated_at: Timestamp = stored(UPDATED_AT, "updatedAt", Rule::Instant).read_only();
    }
}

/// One criterion of a qualification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Criterion {
    /// 0 none, 1 weak, 2 fair, 3 strong.
    pub rating: Option<u8>,
    /// Free text.
    pub notes: Option<String>,
}

/// Updates a [`Criterion`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct CriterionUpdate {
    rating: Patch<u8>,
    notes: Patch<String>,
}

impl CriterionUpdate {
    /// An update that changes no member yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// 0 none, 1 weak, 2 fair, 3 strong.
    pub fn rating(mut self, rating: impl Into<Patch<u8>>) -> Self {
        self.rating = rating.into();
        self
    }

    /// Free text.
    pub fn notes(mut self, notes: impl Into<Patch<String>>) -> Self {
        self.notes = notes.into();
        self
    }
}

impl Serialize for CriterionUpdate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_patch(&mut map, "rating", &self.rating)?;
        serialize_patch(&mut map, "notes", &self.notes)?;
        map.end()
    }
}

fn serialize_patch<M: SerializeMap>(
    map: &mut M,
    name: &str,
    patch: &Patch<impl Serialize>,
) -> Result<(), M::Error> {
    match patch {
        Patch::Keep => Ok(()),
        Patch::Clear => map.serialize_entry(name, &()),
        Patch::Set(value) => map.serialize_entry(name, value),
    }
}

impl From<Id<Deal>> for Id<Bant> {
    fn from(deal: Id<Deal>) -> Self {
        Self::from_uuid(deal.as_uuid())
    }
}

impl Session {
    /// Qualifications of the tenant's deals, each by the id of its deal.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// # let deal = acme.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    /// let update = BantUpdate::new().need(CriterionUpdate::new().rating(3)).notes("in a hurry");
    /// assert_eq!(acme.bant().update(deal.id.into(), &update)?.score, Some(25));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn bant(&self) -> Collection<'_, Bant> {
        Collection::new(self)
    }
}

impl View<'_> {
    /// Qualifications of the tenant's deals at the moment of the view, each by the id of its deal.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// # let deal = acme.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    /// assert_eq!(acme.view()?.bant().get(deal.id.into())?.score, None);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn bant(&self) -> ViewCollection<'_, Bant> {
        self.records()
    }
}

impl<'s> Transaction<'s> {
    /// Qualifications of the tenant's deals within the transaction, each by the id of its deal.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// let need = BantUpdate::new().need(CriterionUpdate::new().rating(3));
    /// let bant = acme.write(|tx| {
    ///     let deal = tx.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    ///     tx.bant().update(deal.id.into(), &need)
    /// })?;
    /// assert_eq!(bant.score, Some(25));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use = "nothing is written before a verb is called"]
    pub fn bant(&mut self) -> TransactionCollection<'_, 's, Bant> {
        self.records()
    }
}

impl Resource for Bant {
    const KIND: Kind = Kind::Deal;
    const PART: &'static str = "bant";

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for Bant {
    type Update = BantUpdate;

    fn definition() -> Definition {
        define(&MODEL, &RULES)
    }
}

static RULES: Rules = Rules { settle, events: deals::events, ..Rules::NONE };

/// Merges what is given of each criterion into its former value, and keeps the instant.
fn settle(_: &Transaction<'_>, bant: &mut Revision<'_>) -> Result<(), Error> {
    for slot in CRITERIA {
        let whole = match bant.text(slot) {
            "" | UNRATED => String::new(),
            given if bant.gives(slot) => laid_over(bant.text_before(slot), given)?,
            unchanged => unchanged.to_owned(),
        };
        bant.set(slot, if whole == UNRATED { String::new() } else { whole });
    }
    if CRITERIA.iter().chain([&NOTES]).any(|slot| bant.changes(*slot)) {
        let now = quote(&bant.at.to_string());
        bant.set(UPDATED_AT, now);
    }
    Ok(())
}

fn laid_over(before: &str, given: &str) -> Result<String, StoreError> {
    let read = |json: &str| read_stored::<serde_json::Value>(json.as_bytes(), "a criterion");
    let before = read(if before.is_empty() { UNRATED } else { before })?;
    let given = read(given)?;
    let damaged = |name| StoreError::Corrupt { what: format!("a criterion without its {name}") };
    let member = |name| {
        let before = before.get(name).ok_or_else(|| damaged(name))?;
        Ok::<_, StoreError>(given.get(name).unwrap_or(before))
    };
    Ok(format!("{{\"rating\":{},\"notes\":{}}}", member("rating")?, member("notes")?))
}

fn write_score(bant: &Record<'_>, out: &mut Vec<u8>) -> Result<(), StoreError> {
    if bant.slot(UPDATED_AT).is_empty() {
        out.extend_from_slice(NULL);
        return Ok(());
    }
    let mut sum = 0;
    for slot in CRITERIA {
        sum += rating(bant.slot(slot))?;
    }
    // The greatest sum is 12; halves are rounded up.
    let score = (200 * sum + 12) / 24;
    out.extend_from_slice(score.to_string().as_bytes());
    Ok(())
}

/// The rating of a stored criterion; 0 if it has none.
fn rating(json: &[u8]) -> Result<u32, StoreError> {
    if json.is_empty() {
        return Ok(0);
    }
    let criterion: Criterion = read_stored(json, "a criterion")?;
    Ok(criterion.rating.map_or(0, u32::from))
}

const CRITERION: Rule = Rule::Shape(&Shape {
    read: read_criterion,
    name: "BantCriterion",
    description: "An answer to one of the four questions.",
    members: &[
        ShapeMember::new("rating", "0 none, 1 weak, 2 fair, 3 strong.", RATING),
        ShapeMember::new("notes", "Free text.", Rule::LongText),
    ],
    list: None,
});

const RATING: Rule = Rule::Integer { min: 0, max: BEST };

/// Reads a criterion. Members that are left out stay left out.
fn read_criterion(raw: &str, profile: Profile) -> Result<String, ValueFaults> {
    let rules = [("rating", RATING), ("notes", Rule::LongText)];
    let (members, wrong) = object(raw, profile, rules);
    let given = rules.iter().zip(&members).filter_map(|((name, _), given)| match given {
        InputValue::Value(json) => Some(format!("\"{name}\":{json}")),
        InputValue::Null => Some(format!("\"{name}\":null")),
        _ => None,
    });
    wrong.or(format!("{{{}}}", given.collect::<Vec<_>>().join(",")))
}
