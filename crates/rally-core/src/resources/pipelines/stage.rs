use serde::{Deserialize, Serialize};

use crate::base::{Id, closed_set};

closed_set! {
    /// Outcome of a stage: the status of the deals in it.
    pub enum StageOutcome {
        /// Deals in it may still be won.
        Open = "open",
        /// Deals in it are won.
        Won = "won",
        /// Deals in it are lost.
        Lost = "lost",
    }
}

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PipelineStage {
    /// Identity of the stage.
    pub id: Id<PipelineStage>,
    /// Name; no other stage of the pipeline has it, in any spelling that a search takes for the same.
    pub name: String,
    /// Place in the pipeline, from 1 up.
    pub order: u8,
    /// Probability that a deal which comes to it is won, 0 to 100.
    pub probability: u8,
    /// Outcome: the status of the deals in it.
    pub outcome: StageOutcome,
}

/// Creates or changes a [`PipelineStage`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[must_use]
pub struct PipelineStageDraft {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id<PipelineStage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<StageOutcome>,
}

impl PipelineStageDraft {
    /// A new stage: open, with a probability of 0.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let draft = PipelineDraft::new("Renewals", vec![PipelineStageDraft::new("Due")]);
    /// let due = &acme.pipelines().create(&draft)?.stages[0];
    /// assert_eq!((due.order, due.probability, due.outcome), (1, 0, StageOutcome::Open));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new(name: impl Into<String>) -> Self {
        Self { id: None, name: Some(name.into()), probability: None, outcome: None }
    }

    /// A stage that the pipeline has, as it is.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// let kept = sales.stages.iter().map(|stage| PipelineStageDraft::keep(stage.id));
    /// let stages: Vec<_> = kept.chain([PipelineStageDraft::new("Paused")]).collect();
    /// let sales = acme.pipelines().update(sales.id, &PipelineUpdate::new().stages(stages))?;
    /// assert_eq!((sales.stages.len(), sales.stage("Lead")?.probability), (7, 10));
    /// # Ok::<(), Error>(())
    /// ```
    pub const fn keep(id: Id<PipelineStage>) -> Self {
        Self { id: Some(id), name: None, probability: None, outcome: None }
    }

    /// Name.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let sales = acme.pipelines().default()?;
    /// let mut stages: Vec<_> = sales.stages.iter().map(|stage| PipelineStageDraft::keep(stage.id)).collect();
    /// stages[0] = PipelineStageDraft::keep(sales.stages[0].id).name("Inquiry");
    /// let renamed = acme.pipelines().update(sales.id, &PipelineUpdate::new().stages(stages))?;
    /// assert_eq!(renamed.stage("Inquiry")?.id, sales.stage("Lead")?.id);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Probability that a deal which comes to it is won, 0 to 100. A new won stage has 100 unless it is set.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let stages = vec![PipelineStageDraft::new("Due").probability(60)];
    /// let renewals = acme.pipelines().create(&PipelineDraft::new("Renewals", stages))?;
    /// assert_eq!(renewals.stages[0].probability, 60);
    /// # Ok::<(), Error>(())
    /// ```
    pub const fn probability(mut self, probability: u8) -> Self {
        self.probability = Some(probability);
        self
    }

    /// Outcome: the status of the deals in it.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let stages = vec![PipelineStageDraft::new("Renewed").outcome(StageOutcome::Won)];
    /// let renewals = acme.pipelines().create(&PipelineDraft::new("Renewals", stages))?;
    /// assert_eq!(renewals.stages[0].probability, 100);
    /// # Ok::<(), Error>(())
    /// ```
    pub const fn outcome(mut self, outcome: StageOutcome) -> Self {
        self.outcome = Some(outcome);
        self
    }
}
