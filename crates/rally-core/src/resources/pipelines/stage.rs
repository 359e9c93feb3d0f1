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
    /// Name; no other stage of the pipeline has it, in any letter case.
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
    pub fn new(name: impl Into<String>) -> Self {
        Self { id: None, name: Some(name.into()), probability: None, outcome: None }
    }

    /// A stage that the pipeline has, as it is.
    pub const fn keep(id: Id<PipelineStage>) -> Self {
        Self { id: Some(id), name: None, probability: None, outcome: None }
    }

    /// Name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Probability that a deal which comes to it is won, 0 to 100. A new stage that is won has 100 without it.
    pub const fn probability(mut self, probability: u8) -> Self {
        self.probability = Some(probability);
        self
    }

    /// Outcome: the status of the deals in it.
    pub const fn outcome(mut self, outcome: StageOutcome) -> Self {
        self.outcome = Some(outcome);
        self
    }
}
