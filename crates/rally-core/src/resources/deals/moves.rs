use std::sync::LazyLock;

use super::{Deal, MODEL, PROBABILITY, STAGE_ID};
use crate::{
    PipelineStage,
    base::{Error, Id, Kind, Patch, Profile},
    engine::{
        schema::{Body, Given, Member, Model, Record, Row},
        session::{
            Atomicity, Bulk, Collection, JsonCollection, TransactionCollection, TransactionJson, Verbs,
            WriteOptions,
        },
        write::{self, Answer, Definition, Editable, Subject, Transaction, WriteOutcome, Written},
    },
};

/// The members of a stage move, by the slots of the deal.
static MOVE: LazyLock<Model> = LazyLock::new(|| {
    let is_said = |member: &Member| matches!(member.name, "stageId" | "probability");
    let said = |member: &Member| if is_said(member) { *member } else { member.hidden() };
    Model::new(Kind::Deal, &MODEL.members().iter().map(said).collect::<Vec<_>>())
});

/// A move of a deal to a stage of its pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct StageMove(Given);

impl StageMove {
    /// A move to a stage. The deal's probability becomes the stage's.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// # let deal = acme.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    /// let qualified = StageMove::to(sales.stage("Qualified")?.id);
    /// assert_eq!(acme.deals().move_to(deal.id, qualified)?.probability, 25);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn to(stage: Id<PipelineStage>) -> Self {
        let mut given = Given::default();
        given.set(STAGE_ID, &Patch::Set(stage));
        Self(given)
    }

    /// Sets the deal's probability, 0 to 100, in place of the stage's.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// # let deal = acme.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    /// let qualified = StageMove::to(sales.stage("Qualified")?.id).probability(40);
    /// assert_eq!(acme.deals().move_to(deal.id, qualified)?.probability, 40);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn probability(mut self, probability: u8) -> Self {
        self.0.set(PROBABILITY, &Patch::Set(probability));
        self
    }
}

impl From<Id<PipelineStage>> for StageMove {
    fn from(stage: Id<PipelineStage>) -> Self {
        Self::to(stage)
    }
}

impl Collection<'_, Deal> {
    /// Moves a deal to another stage of its pipeline. Its probability becomes the stage's, unless the move sets one. A
    /// deal that enters a won or lost stage is closed at that instant; one that is moved back to an open stage is open
    /// again. A move to the stage that the deal is in changes nothing but the probability, if it sets one.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let sales = acme.pipelines().default()?;
    /// let deal = acme.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    /// let deal = acme.deals().move_to(deal.id, sales.stage("Closed Won")?.id)?;
    /// assert_eq!((deal.status, deal.probability), (DealStatus::Won, 100));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound), and [`Code::BadReference`](crate::Code::BadReference) for a stage of
    /// another pipeline.
    pub fn move_to(&self, id: Id<Deal>, to: impl Into<StageMove>) -> Result<Deal, Error> {
        Ok(self.move_with(id, to, &WriteOptions::default())?.record)
    }

    /// [`move_to`](Collection::move_to) with options.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// # let deal = acme.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    /// let as_i_know_it = WriteOptions::default().if_version(deal.updated_at);
    /// let moved = acme.deals().move_with(deal.id, sales.stage("Lead")?.id, &as_i_know_it)?;
    /// assert_eq!(moved.outcome, WriteOutcome::Unchanged);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `move_to`, and those of the options.
    pub fn move_with(
        &self,
        id: Id<Deal>,
        to: impl Into<StageMove>,
        options: &WriteOptions,
    ) -> Result<Written<Deal>, Error> {
        self.session.require(Deal::WRITE)?;
        move_one(&self.verbs(), id, &Body::of(&MOVE, &to.into().0), options)?.typed_after_commit()
    }

    /// Moves 1 to [`limits::BULK_ITEMS`](crate::limits::BULK_ITEMS) deals in one transaction.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// # let deal = acme.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    /// let moves = [(deal.id, StageMove::to(sales.stage("Closed Lost")?.id))];
    /// let bulk = acme.deals().move_many(&moves, Atomicity::AllOrNothing)?;
    /// assert!(bulk.items[0].is_ok());
    /// assert_eq!(acme.deals().count(Deal::STATUS.is(DealStatus::Lost))?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) without moves or with too many; if it is all or nothing, the fault
    /// of the first bad one.
    pub fn move_many(
        &self,
        moves: &[(Id<Deal>, StageMove)],
        atomicity: Atomicity,
    ) -> Result<Bulk<Deal>, Error> {
        self.move_many_with(moves, atomicity, &WriteOptions::default())
    }

    /// [`move_many`](Collection::move_many) with options.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// # let deal = acme.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    /// let once = WriteOptions::default().once(IdempotencyKey::new("end-of-quarter", &[])?);
    /// let moves = [(deal.id, StageMove::to(sales.stage("Closed Lost")?.id))];
    /// acme.deals().move_many_with(&moves, Atomicity::AllOrNothing, &once)?;
    /// assert!(acme.deals().move_many_with(&moves, Atomicity::AllOrNothing, &once)?.replayed);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `move_many`, and those of the options.
    pub fn move_many_with(
        &self,
        moves: &[(Id<Deal>, StageMove)],
        atomicity: Atomicity,
        options: &WriteOptions,
    ) -> Result<Bulk<Deal>, Error> {
        let verbs = self.verbs();
        let definition = verbs.definition();
        let bodies: Vec<_> = moves.iter().map(|(id, to)| Ok((*id, Body::of(&MOVE, &to.0)))).collect();
        let reads = || {
            let all = bodies.iter().flatten();
            all.flat_map(|(id, body)| {
                write::keys_ahead(definition.model, Subject::Known(id.as_uuid()), [body])
            })
            .collect()
        };
        verbs.each("move", &bodies, atomicity, options, &reads, |transaction, (id, body)| {
            move_in(transaction, definition, *id, body, &WriteOptions::default())
        })
    }
}

impl JsonCollection<'_, Deal> {
    /// [`Collection::move_with`] by `{"stageId": …, "probability": …}`.
    ///
    /// # Errors
    /// Those of `move_with`, [`Code::Validation`](crate::Code::Validation) and
    /// [`Code::MalformedJson`](crate::Code::MalformedJson).
    pub fn move_to(
        &self,
        id: Id<Deal>,
        json: &[u8],
        options: &WriteOptions,
    ) -> Result<Written<Row<Deal>>, Error> {
        self.session.require(Deal::WRITE)?;
        let body = move_of_json(json, self.session.tenant().profile)?;
        move_one(&self.verbs(), id, &body, options)
    }
}

impl TransactionCollection<'_, '_, Deal> {
    /// Moves a deal, as [`Collection::move_to`] does.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// # let deal = acme.deals().create(&DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms"))?;
    /// let won = sales.stage("Closed Won")?.id;
    /// let deal = acme.write(|tx| tx.deals().move_to(deal.id, won))?;
    /// assert_eq!(deal.actual_close_date, Some(deal.updated_at));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `Collection::move_to`.
    pub fn move_to(&mut self, id: Id<Deal>, to: impl Into<StageMove>) -> Result<Deal, Error> {
        let to = to.into();
        let body = Body::of(&MOVE, &to.0);
        let moved = self.run(Written::typed, |transaction, definition| {
            move_in(transaction, definition, id, &body, &WriteOptions::default())
        })?;
        Ok(moved.record)
    }
}

impl TransactionJson<'_, '_, Deal> {
    /// Moves a deal, as [`JsonCollection::move_to`](crate::schema::JsonCollection::move_to) does.
    ///
    /// # Errors
    /// Those of `JsonCollection::move_to`.
    pub fn move_to(&mut self, id: Id<Deal>, json: &[u8]) -> Result<Written<Row<Deal>>, Error> {
        self.0.run(Ok, |transaction, definition| {
            let body = move_of_json(json, transaction.tenant().profile)?;
            move_in(transaction, definition, id, &body, &WriteOptions::default())
        })
    }
}

fn move_of_json(json: &[u8], profile: Profile) -> Result<Body<'_>, Error> {
    let mut body = Body::read(&MOVE, json, profile, "the body")?;
    if !body.mentions(STAGE_ID) {
        body.faults.add("stageId", "is required");
    }
    Ok(body)
}

fn move_one(
    verbs: &Verbs<'_, Deal>,
    id: Id<Deal>,
    body: &Body<'_>,
    options: &WriteOptions,
) -> Result<Written<Row<Deal>>, Error> {
    let definition = verbs.definition();
    let options = options.for_act::<Deal>("move", Some(id.as_uuid()));
    verbs.write_one(Some(id), &options, body, &mut |transaction| {
        move_in(transaction, definition, id, body, &options)
    })
}

fn move_in(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    id: Id<Deal>,
    body: &Body<'_>,
    options: &WriteOptions,
) -> Result<Answer, Error> {
    let id = id.as_uuid();
    let bytes = write::existing(transaction, Kind::Deal, id, options.precondition())?;
    let deal = Record::read(transaction.tenant().id, id, &bytes)?;
    let stays = body.value(STAGE_ID).map(str::as_bytes) == Some(deal.slot(STAGE_ID));
    // Without a probability the stage's would be set in place of one that was chosen.
    if body.faults.is_empty() && stays && body.value(PROBABILITY).is_none() {
        return Ok(Answer::written(WriteOutcome::Unchanged, id, bytes.clone()));
    }
    write::update(transaction, definition, id, body, options.precondition())
}
