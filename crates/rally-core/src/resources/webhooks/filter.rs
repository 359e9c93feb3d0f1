use serde::{Deserialize, Serialize};

use crate::{
    base::{Id, Kind, Profile},
    engine::{
        schema::{InputValue, Rule, Shape, ShapeMember, ValueFaults, object},
        write::Revision,
    },
    resources::{Pipeline, definition},
};

/// The events that a webhook gets, out of those of its types. What is set holds together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EventFilter {
    /// Only events of updates that have changed one of these members; empty for any.
    #[serde(default)]
    pub changed_fields: Vec<String>,
    /// Only events of deals of this pipeline.
    #[serde(default)]
    pub pipeline_id: Option<Id<Pipeline>>,
}

impl EventFilter {
    /// A filter that lets every event pass.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets only events of updates pass that have changed one of these members.
    #[must_use]
    pub fn changed_fields<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.changed_fields = names.into_iter().map(Into::into).collect();
        self
    }

    /// Lets only events of deals of a pipeline pass.
    #[must_use]
    pub const fn pipeline_id(mut self, pipeline: Id<Pipeline>) -> Self {
        self.pipeline_id = Some(pipeline);
        self
    }
}

pub(super) const RULE: Rule = Rule::Shape(&Shape {
    read,
    name: "EventFilter",
    description: "Events that a webhook gets, out of those of its types. What is set holds together.",
    members: &[
        ShapeMember::new(
            "changedFields",
            "Only events of updates that have changed one of these members.",
            Rule::Tags,
        ),
        ShapeMember::new(
            "pipelineId",
            "Only events of deals of this pipeline.",
            Rule::Reference(Kind::Pipeline),
        ),
    ],
    list: None,
});

fn read(raw: &str, profile: Profile) -> Result<String, ValueFaults> {
    let members = [("changedFields", Rule::Tags), ("pipelineId", Rule::Reference(Kind::Pipeline))];
    let ([changed, pipeline], mut wrong) = object(raw, profile, members);
    for name in unknown_names(text(&changed)) {
        wrong.add(".changedFields", format!("names {name:?}, which is no member of any record"));
    }
    wrong.or(format!(r#"{{"changedFields":{},"pipelineId":{}}}"#, or(&changed, "[]"), or(&pipeline, "null")))
}

fn text<'v>(value: &'v InputValue<'_>) -> &'v str {
    or(value, "[]")
}

fn or<'v>(value: &'v InputValue<'_>, otherwise: &'static str) -> &'v str {
    match value {
        InputValue::Value(json) => json,
        _ => otherwise,
    }
}

/// The names of a JSON array that no record of the feed has as a member that changes.
fn unknown_names(json: &str) -> Vec<String> {
    let names: Vec<String> = serde_json::from_str(json).unwrap_or_default();
    names.into_iter().filter(|name| !is_known(name)).collect()
}

fn is_known(name: &str) -> bool {
    let is_told = |kind: &Kind| definition(*kind).model.told().any(|(.., told)| told == name);
    Kind::IN_FEED.iter().any(is_told)
}

/// Checks that the filter's pipeline is one of the tenant's.
pub(super) fn check(
    transaction: &crate::engine::write::Transaction<'_>,
    hook: &mut Revision<'_>,
) -> Result<(), crate::base::Error> {
    if let Some(filter) = stored(hook.text(super::FILTER))?
        && let Some(pipeline) = filter.pipeline_id
        && transaction.find(Kind::Pipeline, pipeline.as_uuid())?.is_none()
    {
        hook.unknown.add("filter.pipelineId", format!("names no {}", Kind::Pipeline));
    }
    Ok(())
}

/// A filter as it is stored.
pub(super) fn stored(json: &str) -> Result<Option<EventFilter>, crate::store::StoreError> {
    if json.is_empty() {
        Ok(None)
    } else {
        crate::engine::schema::read_stored(json.as_bytes(), "a filter").map(Some)
    }
}
